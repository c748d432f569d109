import type { Refusal } from "@busbar/protocol";

/** A refusal of a transaction; `expected` is the sequence number to go on with. */
export function refuse(
  code: string,
  message: string,
  expected?: number,
): Refusal & { readonly expected?: number } {
  const refusal = { ok: false, code, message } as const;
  return expected === undefined ? refusal : { ...refusal, expected };
}
