import { type CborValue, encodeCbor, encodeHeader } from "@busbar/protocol";
import type { CommittedBlock } from "../ledger/block.ts";
import type { CertifiedHeader } from "../ledger/block-table.ts";
import type { ResultContent } from "../ledger/prove.ts";

/**
 * A block as CBOR: `{"header": bytes that were signed, "certificate": [[kid, signature] …],
 * "frames": [bytes …], "results": [[code, events as JSON bytes] …]}`. All that its roots are made of,
 * byte for byte, so that whoever reads it can check it.
 */
export function blockCbor(
  { frames, ...certified }: CommittedBlock,
  results: readonly ResultContent[],
): Uint8Array {
  return encodeCbor(
    new Map<string, CborValue>([
      ...headOf(certified),
      ["frames", [...frames]],
      ["results", results.map(({ code, events }) => [code, events])],
    ]),
  );
}

/** The block that certifies a state: `{"header": …, "certificate": …}`. */
export function headCbor(certified: Omit<CertifiedHeader, "hash">): Uint8Array {
  return encodeCbor(new Map<string, CborValue>(headOf(certified)));
}

/** An entry of the state: `[key, value]`, the value as the app hash has it. */
export function entryCbor(key: string, value: Uint8Array): Uint8Array {
  return encodeCbor([key, value]);
}

function headOf({
  header,
  certificate,
}: Omit<CertifiedHeader, "hash">): (readonly [string, CborValue])[] {
  return [
    ["header", encodeHeader(header)],
    ["certificate", certificate.map(({ kid, signature }) => [kid, signature])],
  ];
}
