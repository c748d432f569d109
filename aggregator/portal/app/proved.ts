import { decodeMessage, decodeProof, openFrame, type Proved } from "@busbar/protocol";
import type { Table } from "../../ledger/state/table.ts";
import type { Verdict } from "./claims.ts";
import { dayAndClock } from "./format.ts";
import { t } from "./language.ts";
import { eventTold } from "./proved-event.ts";
import { tableTold } from "./proved-state.ts";
import type { Line, Told } from "./told.ts";
import { check, type Pinned } from "./trust.ts";

/** What a proof proves, for people: nothing of it comes from anywhere but the proof's own bytes. */
export type ReadProof = { readonly verdict: Verdict; readonly told: readonly Told[] };

/** For whom a proof is read: an owner's notices are told from its own side. */
type For = { readonly currency: string; readonly reader: string | undefined };

/** Checks a proof in this page against the pinned members, and says what it proves. */
export function readProof(bytes: Uint8Array, pinned: Pinned, about: For): ReadProof {
  const proved = check(bytes, pinned);
  if (!proved.ok) return { verdict: proved, told: [] };
  const { header, signers } = proved;
  const told = toldOf(bytes, proved, about);
  if (told.length === 0) {
    const message = t("the proof is genuine, and proves nothing that this page can read");
    return { verdict: { ok: false, code: "page.differs", message }, told };
  }
  return { verdict: { ok: true, height: header.height, time: header.time, signers }, told };
}

function toldOf(bytes: Uint8Array, proved: Proved, about: For): readonly Told[] {
  const decoded = decodeProof(bytes);
  if (!decoded.ok) return [];
  const { proof } = decoded;
  switch (proof.kind) {
    case "state":
      return stateTold(proof.state.key, proved.value, about);
    case "result":
    case "payment":
      return (proved.events ?? []).flatMap((event) => eventTold(event, about));
    case "receipt": {
      const told = batchTold(proof.receipt.frame);
      return told === undefined ? [] : [told];
    }
    case "consistency":
      return (proved.headers ?? []).map(({ height, time }) => ({
        title: t("Block {height}", { height }),
        lines: [[t("Time"), dayAndClock(time)] as const],
        values: {},
      }));
    default:
      return proof satisfies never;
  }
}

function stateTold(key: string, value: Uint8Array | undefined, about: For): readonly Told[] {
  if (value === undefined) {
    return [{ title: key, lines: [[t("State"), t("the ledger holds nothing there")]], values: {} }];
  }
  const slash = key.indexOf("/");
  const [name, id] = [key.slice(0, slash), key.slice(slash + 1)];
  const reader: Parameters<Table<unknown>["get"]>[0] = {
    get: (asked) => (asked === key ? value : undefined),
    scan: (prefix) => (key.startsWith(prefix) ? [[key, value]] : []),
  };
  return tableTold(name, {
    id,
    ...about,
    of: (table) => table.get(reader, id),
    all: (table) => [...table.scan(reader)],
  });
}

/** A signed batch of readings. */
function batchTold(frame: Uint8Array): Told | undefined {
  const opened = openFrame(frame);
  if (!opened.ok) return undefined;
  const decoded = decodeMessage("readings", opened.frame.envelope.payload);
  if (!decoded.ok) return undefined;
  const { meter, first, entries } = decoded.message;
  const lines: readonly Line[] = [
    [t("Readings"), `#${first}–#${first + entries.length - 1}`],
    [t("From"), dayAndClock(entries[0]?.time ?? 0)],
    [t("To"), dayAndClock(entries.at(-1)?.time ?? 0)],
  ];
  return { title: t("Signed readings of {meter}", { meter }), lines, values: {} };
}
