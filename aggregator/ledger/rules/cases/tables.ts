import {
  array,
  bytes,
  contractName,
  correction,
  field,
  id,
  instant,
  objection,
  oneOf,
  optional,
  record,
  ruling,
  type TypeOf,
} from "@busbar/protocol/schema";
import { table } from "../../state/table.ts";

const word = record("word", {
  member: field(1, id),
  word: field(2, ruling.fields.word.type),
});

const caseRecord = record("case", {
  slot: field(1, instant),
  by: field(2, id),
  /** It lapses then. */
  until: field(3, instant),
  outcome: field(4, oneOf("open", "upheld", "rejected", "lapsed")),
  /** Each voting member's word, in the order they came. */
  words: field(5, array(word, 0, 128)),
  /** What is to be decided: one of the two. */
  correction: optional(6, correction),
  objection: optional(7, objection),
});

/** `case/<slot>/<motion, hex>`: what the voting members decide, as long as its slot. */
export const cases = table("case", caseRecord);
export type Case = TypeOf<typeof caseRecord>;
export type CaseOutcome = Exclude<Case["outcome"], "open">;

/** `case-until/<instant, 15 digits>/<slot>/<motion>`: the undecided ones, by when they lapse. */
export const caseDeadlines = table(
  "case-until",
  record("case-until", { slot: field(1, instant), motion: field(2, bytes(32)) }),
);

/** `objection/<contract>`: a contract is objected to once. */
export const objections = table(
  "objection",
  record("objection-entry", { contract: field(1, contractName), motion: field(2, bytes(32)) }),
);
