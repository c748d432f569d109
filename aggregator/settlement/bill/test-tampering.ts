import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Bill, BillFile } from "./document.ts";
import { decodeEvidence, type Evidence, encodeEvidence } from "./evidence.ts";
import { provedEntry } from "./evidence-paths.ts";
import { PathCutter } from "./proved-nodes.ts";
import type { Community } from "./test-community.ts";

/** What somebody may do to a bill and to what it rests on, for tests that insist on its being found. */

export type Path = readonly (string | number)[];

/** Every place of a value that is no list or object. */
export function leavesOf(value: unknown, path: Path = []): Path[] {
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) return [path];
  const keys: Path = Array.isArray(value) ? value.map((_, i) => i) : Object.keys(value);
  return keys.flatMap((key) => leavesOf((value as Record<string, unknown>)[key], [...path, key]));
}

/** Every list that has something in it. */
export function listsOf(value: unknown, path: Path = []): Path[] {
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) return [];
  const own = Array.isArray(value) && value.length > 0 ? [path] : [];
  const keys: Path = Array.isArray(value) ? value.map((_, i) => i) : Object.keys(value);
  const inner = keys.flatMap((key) =>
    listsOf((value as Record<string, unknown>)[key], [...path, key]),
  );
  return [...own, ...inner];
}

/** A copy with one place changed. */
export function changed<T>(value: T, path: Path, change: (old: unknown) => unknown): T {
  const [key, ...rest] = path;
  if (key === undefined) return change(value) as T;
  if (Array.isArray(value)) {
    return value.map((one, i) => (i === key ? changed(one, rest, change) : one)) as T;
  }
  const record = value as Record<string, unknown>;
  return { ...record, [key]: changed(record[key], rest, change) } as T;
}

export function bent(old: unknown, byte = 0): unknown {
  if (typeof old === "number") return old + 1;
  if (typeof old === "string") return `${old.slice(0, -1)}${old.endsWith("a") ? "b" : "a"}`;
  if (typeof old === "boolean") return !old;
  if (old === null) return "x";
  assert.ok(old instanceof Uint8Array);
  const copy = Uint8Array.from(old);
  copy[byte] = (copy[byte] ?? 0) ^ 1;
  return copy;
}

export function evidenceOf(made: BillFile): Evidence {
  const decoded = decodeEvidence(made.evidence);
  assert.ok(decoded.ok);
  return decoded.evidence;
}

export function canBeEncoded(evidence: Evidence): boolean {
  try {
    encodeEvidence(evidence);
    return true;
  } catch (error) {
    assert.equal((error as { code?: string }).code, "message.shape");
    return false;
  }
}

/** A forger puts the digest right as well. */
export function forged(bill: Bill, evidence: Evidence): BillFile {
  const encoded = encodeEvidence(evidence);
  const sha256 = createHash("sha256").update(encoded).digest("hex");
  const { blocks, frames, entries } = evidence;
  const counts = { blocks: 1 + blocks.length, frames: frames.length, entries: entries.length };
  return { bill: { ...bill, proofs: { ...counts, sha256 } }, evidence: encoded };
}

/** Bytes of no length, in which nothing can be changed. */
export function isEmpty(value: unknown, path: Path): boolean {
  const at = path.reduce((inner, key) => (inner as Record<string, unknown>)[key], value);
  return at instanceof Uint8Array && at.length === 0;
}

/** Without some entries: whoever leaves them out has to prove the others as if these had never been there. */
export function withoutKeys(
  { store: { state }, application }: Pick<Community, "store" | "application">,
  evidence: Evidence,
  isLeftOut: (key: string) => boolean,
): Evidence {
  const paths = new PathCutter();
  const kept = evidence.entries.filter(({ key }) => !isLeftOut(key));
  const entries = kept.map(({ key }) => {
    return provedEntry(key, { state, path: application.query(key).path, paths });
  });
  return { ...evidence, entries };
}
