import { z } from "zod";
import { id, url } from "./words.ts";

/** Whose proofs this member brings to its ledger. */
export const feedersConfig = z
  .strictObject({
    everyMs: z
      .int()
      .min(100)
      .max(3_600_000)
      .default(2_000)
      .describe("Wall ms between two rounds of asking the others"),
    others: z
      .array(
        z.strictObject({
          chain: id.describe("The other chain, which the members trust (feeder trust)"),
          portals: z
            .array(url)
            .min(1)
            .max(32)
            .describe("Its members' portals: the next is asked where one does not answer"),
        }),
      )
      .max(64)
      .default([])
      .refine(
        (others) => new Set(others.map(({ chain }) => chain)).size === others.length,
        "expected each chain once",
      )
      .describe("Feeders whose proofs this member brings to its ledger"),
  })
  .prefault({})
  .describe("Trades with other feeders' chains");
