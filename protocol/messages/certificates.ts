import { array, int, oneOf, type TypeOf, text } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { id } from "./id.ts";
import { energy } from "./market.ts";
import { instant } from "./readings.ts";

/** Slots that one message is about: two and a half days of quarters of an hour. */
export const certificatePartsMax = 256;

/**
 * An owner hands certificates that it holds to another one, or retires them for what it used: of a green form,
 * so much of each slot. `version` counts what the owner moved, from 1 on.
 */
export const certificateMove = record("certificate-move", {
  owner: field(1, id),
  version: field(2, int(1, Number.MAX_SAFE_INTEGER)),
  form: field(3, oneOf("solar", "wind")),
  /** Each slot once, the earliest first. */
  parts: field(
    4,
    array(
      record("certificate-part", { slot: field(1, instant), energy: field(2, energy) }),
      1,
      certificatePartsMax,
    ),
  ),
  /** Who gets them; absent: they are retired. */
  to: optional(5, id),
  /** Why: for whom or what they are retired. */
  reason: optional(6, text(80)),
});

export type CertificateMove = TypeOf<typeof certificateMove>;
