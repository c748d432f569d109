import { bytes, int, oneOf, type TypeOf, text } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { id } from "./id.ts";
import { energy } from "./market.ts";
import { instant } from "./readings.ts";

/** Most corrections of one meter's slot. */
export const correctionsMax = 8;

/** What a contract is called: its slot's start and a number. */
export const contractName = text(24, /^[0-9]{15}-[0-9]{4,8}$/);

/** What somebody wrote to the others about a case. */
const note = text(200);

/** Why a slot's energy is not what the registers say. */
export const correctionReason = oneOf(
  "meter-error",
  "clock-error",
  "wrong-assignment",
  "missing-readings",
);

/**
 * A member lays before the others what a meter's slot held in truth. It counts once a quorum of the
 * voting members upholds it. `version` counts the corrections of this slot and meter from 1 on.
 */
export const correction = record("correction", {
  member: field(1, id),
  meter: field(2, id),
  slot: field(3, instant),
  version: field(4, int(1, correctionsMax)),
  /** What it held, not by how much it differed. */
  importWh: field(5, energy),
  exportWh: field(6, energy),
  reason: field(7, correctionReason),
  note: optional(8, note),
});

/** What is wrong with a contract. */
export const objectionReason = oneOf("not-licensed", "price-abuse", "not-deliverable", "fraud");

/** The bureau objects to a contract: it is held until the voting members decided. */
export const objection = record("objection", {
  /** A member that is a bureau, or an owner that is one. */
  by: field(1, id),
  contract: field(2, contractName),
  /** Whose fault it is. */
  against: field(3, oneOf("seller", "buyer", "both")),
  reason: field(4, objectionReason),
  note: optional(5, note),
});

/** A voting member's word on a correction or an objection. */
export const ruling = record("ruling", {
  member: field(1, id),
  /** The slot that the case is about. */
  slot: field(2, instant),
  /** SHA-256 of the payload of the message that opened the case. */
  motion: field(3, bytes(32)),
  word: field(4, oneOf("uphold", "reject")),
});

export type Correction = TypeOf<typeof correction>;
export type Objection = TypeOf<typeof objection>;
export type Ruling = TypeOf<typeof ruling>;
