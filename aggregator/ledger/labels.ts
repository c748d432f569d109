import { keyId, labelIdOf } from "@busbar/protocol";
import {
  bytes,
  field,
  id,
  instant,
  int,
  label,
  oneOf,
  optional,
  record,
  type TypeOf,
  text,
} from "@busbar/protocol/schema";
import { instantKey } from "./rules/members/tables.ts";
import type { State } from "./state/state.ts";
import { table } from "./state/table.ts";
import { keys } from "./tables.ts";

/** A label as members last spoke of it, and what became of it. */
const labelEntry = record("label-entry", {
  ...label.fields,
  /** Who spoke last. */
  member: field(8, id),
  /** What its unit is to be: one that the ledger did not know, or one in place of another. */
  takes: field(9, oneOf("new", "place")),
  /** SHA-256 of the claim that it was used for last, and when. */
  claim: optional(10, bytes(32)),
  usedAt: optional(11, instant),
  /** Its last use was of the version that stands. */
  used: field(12, int(0, 1)),
});

export type LabelEntry = TypeOf<typeof labelEntry>;

/** `label/<label id>` */
export const labelEntries = table("label", labelEntry);

/** `label-expiry/<instant, 15 digits>/<label id>`: when a label that nobody used is forgotten. */
export const labelExpiries = table(
  "label-expiry",
  record("label-expiry", { label: field(1, text(32)) }),
);

/** Who comes late is told why for so long. */
export const labelKeepMs = 31 * 86_400_000;

export const expiryKey = (label: LabelEntry): string =>
  `${instantKey(label.until + labelKeepMs)}/${labelIdOf(label.key)}`;

const keyHex = (key: Uint8Array): string => Buffer.from(keyId(key)).toString("hex");

/** Writes a label; its key is its own from now on. */
export function putLabel(state: State, entry: LabelEntry): void {
  const name = labelIdOf(entry.key);
  const before = labelEntries.get(state, name);
  if (before !== undefined) labelExpiries.delete(state, expiryKey(before));
  labelEntries.set(state, name, entry);
  keys.set(state, keyHex(entry.key), { kind: "label", id: name });
  // One that was used is known for as long as its unit: it may be asked for again.
  if (entry.claim === undefined) labelExpiries.set(state, expiryKey(entry), { label: name });
}

export function forgetLabel(state: State, name: string): void {
  const entry = labelEntries.get(state, name);
  if (entry === undefined) return;
  labelEntries.delete(state, name);
  keys.delete(state, keyHex(entry.key));
}
