/** How far a unit's clock may be ahead of the block that takes its word, site ms. */
export const aheadMsMax = 10 * 60_000;
