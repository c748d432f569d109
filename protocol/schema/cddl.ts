import type { RecordCodec } from "./record.ts";

/**
 * The CDDL (RFC 8610) of some records, in the order given. Written from the same descriptions that
 * check and encode, so that the document and the wire cannot part.
 */
export function cddlOf(records: readonly RecordCodec<unknown>[]): string {
  return records.map(({ rule }) => rule).join("\n\n");
}
