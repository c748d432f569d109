import { compareBytes, keyId, openFrame } from "@busbar/protocol";
import { councilAt } from "../../ledger/council.ts";
import { identityById } from "../../ledger/identities.ts";
import { contracts } from "../../ledger/rules/market/tables.ts";
import { meters } from "../../ledger/tables.ts";
import { type Asking, first } from "../model/asking.ts";
import { exact } from "../model/int.ts";
import type { ViewContext } from "./context.ts";
import type { BlockDetail, SearchAnswer } from "./shapes.ts";

/** Lines of a block that are shown at most; `export` has all of them. */
const linesMax = 500;

/** A block as the explorer shows it; undefined for one that is not here. */
export function blockOf({ store }: ViewContext, height: number): BlockDetail | undefined {
  const certified = store.header(height);
  if (certified === undefined) return undefined;
  const { header, hash, certificate } = certified;
  const { voters } = councilAt(store.state, height);
  const block = store.block(height);
  return {
    height,
    time: header.time,
    hash: hex(hash),
    previous: hex(header.previous),
    txRoot: hex(header.txRoot),
    resultsRoot: hex(header.resultsRoot),
    appHash: hex(header.appHash),
    proposer: header.proposer,
    view: header.view,
    signers: certificate.map(
      ({ kid }) => voters.find(({ key }) => compareBytes(keyId(key), kid) === 0)?.id ?? hex(kid),
    ),
    voters: voters.length,
    transactions: (block?.frames ?? []).slice(0, linesMax).map((frame, index) => {
      const opened = openFrame(frame);
      return {
        index,
        kind: opened.ok ? opened.frame.kind : "unknown",
        signer: block?.signers[index] ?? "",
        hash: hex(block?.hashes[index] ?? new Uint8Array()),
        result: block?.results[index] ?? "",
        bytes: frame.length,
      };
    }),
    events: (block?.events ?? [])
      .slice(0, linesMax)
      .map((event, index) => ({ index, type: event.type, json: JSON.stringify(event) })),
    archived: block === undefined,
  };
}

/** What goes by a name, a number or a hash: the exact one, not what is like it. */
export function* search({ store }: ViewContext, asked: string): Asking<readonly SearchAnswer[]> {
  const text = asked.trim().toLowerCase();
  const found: SearchAnswer[] = [];
  if (/^[1-9]\d{0,14}$/.test(text) && store.header(Number(text)) !== undefined) {
    found.push({ kind: "block", id: text, height: Number(text), label: `block ${text}` });
  }
  if (/^[0-9a-f]{64}$/.test(text)) found.push(...(yield* byHash(store, text)));
  const contract = contracts.get(store.state, text);
  if (contract !== undefined) {
    const label = `${contract.seller} → ${contract.buyer}`;
    found.push({ kind: "contract", id: text, height: null, label });
  }
  const identity = identityById(store.state, text);
  if (identity?.kind === "label") {
    const { device, owner } = identity.label;
    found.push({ kind: "device", id: device, height: null, label: `${owner}, by its label` });
  } else if (identity !== undefined) {
    const label = identity.kind === "owner" ? identity.owner.name : identity.id;
    found.push({ kind: identity.kind, id: text, height: null, label });
  }
  const meter = meters.get(store.state, text);
  if (meter !== undefined) {
    found.push({ kind: "meter", id: text, height: null, label: `${meter.owner}, ${meter.device}` });
  }
  return found;
}

function* byHash(store: ViewContext["store"], text: string): Asking<readonly SearchAnswer[]> {
  const block = yield* first("blockByHash", { hash: text });
  const place = store.placeOf(new Uint8Array(Buffer.from(text, "hex")));
  return [
    ...(block === undefined
      ? []
      : [
          {
            kind: "block" as const,
            id: text,
            height: exact(block.height),
            label: `block ${block.height}`,
          },
        ]),
    ...(place === undefined
      ? []
      : [
          {
            kind: "transaction" as const,
            id: text,
            height: place.height,
            label: `transaction ${place.index} of block ${place.height}`,
          },
        ]),
  ];
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
