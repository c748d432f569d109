import {
  type BlockHeader,
  CouncilChain,
  type DemandOrder,
  encodeHeader,
  keyId,
  type Payment,
  type PinnedMembership,
  type QuoteCommit,
  type Readings,
  type Verify,
  verifyCertificate,
  verifyInclusion,
} from "@busbar/protocol";
import { OpenedFrame } from "../../ledger/opened-frame.ts";
import { sha256 } from "../../ledger/sha256.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import { devices, owners } from "../../ledger/tables.ts";
import type { Evidence, ProvedFrame } from "./evidence.ts";
import {
  BillError,
  type BillGrounds,
  type ProvedBatch,
  type ProvedMessage,
  type ProvedQuote,
} from "./grounds.ts";
import { proveBlocks, proveState } from "./prove-entries.ts";
import { hashesIn } from "./proved-nodes.ts";

/** Whom a bill's evidence is checked against, and what the bill is said to be of. */
export type Claims = {
  readonly pinned: PinnedMembership;
  readonly verify: Verify;
  readonly owner: string;
  readonly month: string;
};

/**
 * Checks all that a bill rests on against the members' keys: the certificate of the block whose state it shows,
 * each entry's path to that state, each other block's to the history that the state holds, each frame's to
 * its block, and the signature of its maker. Throws: `BillError` `bill.steps`, `bill.certificate`,
 * `bill.state`, `bill.history`, `bill.inclusion`, `bill.frame`, `bill.signature`.
 */
export function proveGrounds(evidence: Evidence, claims: Claims): BillGrounds {
  checkHead(evidence, councilsOf(evidence, claims), claims.verify);
  const { state, absent } = proveState(evidence);
  const headers = proveBlocks(evidence, state);
  const { height, time, appHash } = evidence.head.header;
  return {
    owner: claims.owner,
    month: claims.month,
    asOf: { height, time, appHash },
    state,
    isAbsent: (key) => absent.has(key),
    carbon: evidence.carbon,
    ...provedFrames(evidence, { state, headers }, claims),
  };
}

function councilsOf({ steps }: Evidence, { pinned, verify }: Claims): CouncilChain {
  const { chain, members, epoch = 0, since = 1 } = pinned;
  const voters = members.filter(({ voting }) => voting).map(({ id, key }) => ({ id, key }));
  const councils = new CouncilChain(chain, { epoch, since, voters });
  for (const step of steps) {
    const taken = councils.take(step, verify);
    if (!taken.ok) throw new BillError("bill.steps", taken.message, "all");
  }
  return councils;
}

function checkHead(
  { head: { header, certificate } }: Evidence,
  councils: CouncilChain,
  verify: Verify,
): void {
  const membership = councils.membershipAt(header.height);
  const checked = verifyCertificate(encodeHeader(header), certificate, membership, verify);
  const why =
    header.chain !== councils.chain
      ? `expected chain ${councils.chain}, got ${header.chain}`
      : !checked.ok
        ? checked.message
        : checked.signers.length !== certificate.length
          ? "a signature of the certificate is no voting member's"
          : undefined;
  if (why === undefined) return;
  throw new BillError("bill.certificate", `block ${header.height}: ${why}`, "all");
}

type Signers = ReadonlyMap<string, Uint8Array>;

function provedFrames(
  evidence: Evidence,
  { state, headers }: { readonly state: StateReader; readonly headers: readonly BlockHeader[] },
  { owner, verify, pinned }: Claims,
) {
  const signers = signersOf(state, owner);
  const batches = new Map<string, ProvedBatch[]>();
  const quotes = new Map<string, ProvedQuote>();
  const payments = new Map<string, ProvedMessage<Payment>>();
  const orders = new Map<string, ProvedMessage<DemandOrder>>();
  for (const [frame, one] of evidence.frames.entries()) {
    const { header, content } = openProved(evidence, frame, {
      headers,
      signers,
      verify,
      chain: pinned.chain,
    });
    const { kind, message } = content;
    insistOnOpening(one, kind, frame);
    switch (kind) {
      case "readings": {
        const batch = message as Readings;
        const { height, time } = header;
        const list = batches.get(batch.meter) ?? [];
        batches.set(batch.meter, list);
        list.push({ batch, height, time, frame });
        break;
      }
      case "quote-commit": {
        const { opening } = one;
        const commit = message as QuoteCommit;
        if (opening !== undefined) quotes.set(hex(commit.id), { commit, opening, sealed: frame });
        break;
      }
      case "payment": {
        const payment = message as Payment;
        const { height } = header;
        payments.set(`${payment.by}/${payment.version}`, { message: payment, frame, height });
        break;
      }
      case "demand-order": {
        const order = message as DemandOrder;
        orders.set(hex(order.id), { message: order, frame, height: header.height });
        break;
      }
      default: {
        const why = `a ${kind} is nothing that a bill rests on (${one.frame.length} bytes)`;
        throw new BillError("bill.frame", why, { frames: [frame] });
      }
    }
  }
  return { batches, quotes, payments, orders };
}

/** That a sealed quote is opened, and nothing else is. */
function insistOnOpening({ opening }: ProvedFrame, kind: string, frame: number): void {
  if ((kind === "quote-commit") === (opening !== undefined)) return;
  const why = opening === undefined ? "is not opened" : "has nothing to open";
  throw new BillError("bill.frame", `the ${kind} of frame ${frame} ${why}`, { frames: [frame] });
}

/** A frame's block and content, once its path and signature are checked. */
function openProved(
  { frames }: Evidence,
  place: number,
  {
    headers,
    signers,
    verify,
    chain,
  }: {
    readonly headers: readonly BlockHeader[];
    readonly signers: Signers;
    readonly verify: Verify;
    readonly chain: string;
  },
) {
  const about = { frames: [place] };
  const proved = frames[place];
  const header = proved && headers[proved.block];
  if (proved === undefined || header === undefined) {
    throw new BillError("bill.inclusion", `frame ${place} names no block of the evidence`, about);
  }
  const { index, size, frame: leaf } = proved;
  const proof = hashesIn(proved.path);
  if (!verifyInclusion({ leaf, index, size, proof, root: header.txRoot }, sha256)) {
    const message = `the path of frame ${place} does not lead to the transactions of block ${header.height}`;
    throw new BillError("bill.inclusion", message, about);
  }
  const opened = new OpenedFrame(leaf);
  const { content } = opened;
  if (!opened.opened.ok || !content.ok) {
    throw new BillError("bill.frame", `frame ${place} is no message`, about);
  }
  const { kind, envelope } = opened.opened.frame;
  // A unit that was exchanged has another key by now: the block's members checked the old one.
  const key = signers.get(hex(envelope.kid));
  if (key !== undefined && !opened.isSignedBy(key, chain, verify)) {
    throw new BillError("bill.signature", `the signature of frame ${place} does not fit`, about);
  }
  return { header, content: { kind, message: content.message } };
}

/** Keys of the owner and its units, and of others that paid or ordered, by their ids. */
function signersOf(state: StateReader, owner: string): Signers {
  const all = Array.from(owners.scan(state), ([, { key }]) => key);
  const units = Array.from(devices.scan(state), ([, device]) => device);
  const mine = units.filter((device) => device.owner === owner).map(({ key }) => key);
  const keys = [...all, ...mine];
  return new Map(keys.map((key) => [hex(keyId(key)), key]));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
