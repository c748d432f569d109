import { gapMsMax } from "../boundaries.ts";

/**
 * How long after its end a slot is waited for. A meter that was away for longer has its energy shared
 * out over slots no more; one whose readings lie at its unit may still bring them, and what they show
 * is settled as a difference.
 */
export const waitMsMax = gapMsMax;
