import { idPattern } from "@busbar/protocol";
import { z } from "zod";

/** An id, as `aggregator.yaml` says it. */
export const id = z
  .string()
  .regex(idPattern, "expected 1 to 32 lower-case letters, digits and inner hyphens");

/** An address, as `aggregator.yaml` says it. */
export const url = z.url({
  protocol: /^https?$/,
  error: "expected an http:// or https:// address",
});
