/** What a member knows of the other feeders besides its ledger: where they are, and what they said last. */
export interface OtherFeeders {
  /** Addresses of a chain's members' portals. */
  portalsOf(chain: string): readonly string[];
  /** What the other chain said of a trade last; undefined where it was not asked. */
  stageOf(trade: string): string | undefined;
  /** The proof of that (a `Proof` with its steps). */
  proofOf(trade: string): Uint8Array | undefined;
}

export const noOthers: OtherFeeders = {
  portalsOf: () => [],
  stageOf: () => undefined,
  proofOf: () => undefined,
};
