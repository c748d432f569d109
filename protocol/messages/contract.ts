import { bytes, int, type TypeOf, text } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { id } from "./id.ts";
import { instant } from "./readings.ts";

/** A version of the market's rules: its number, and SHA-256 over the sources that make them. */
export const contractVersion = record("contract-version", {
  version: field(1, int(1, 65_535)),
  hash: field(2, bytes(32)),
});

export type ContractVersion = TypeOf<typeof contractVersion>;

/** A member asks the others for another version of the rules, for the slots from `from` on. */
export const contractMotion = record("contract-motion", {
  nonce: field(1, bytes(16)),
  member: field(2, id),
  from: field(3, instant),
  contract: field(4, contractVersion),
  reason: optional(5, text(200)),
});

export type ContractMotion = TypeOf<typeof contractMotion>;
