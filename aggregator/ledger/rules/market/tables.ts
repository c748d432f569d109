import type { Wh } from "@busbar/protocol";
import {
  array,
  bytes,
  energyForm,
  fee,
  field,
  instant,
  int,
  oneOf,
  optional,
  price,
  quote,
  record,
  scale,
  type TypeOf,
  text,
} from "@busbar/protocol/schema";
import { table } from "../../state/table.ts";

const most = Number.MAX_SAFE_INTEGER;
const energy = int<Wh>(0, 1_000_000_000_000);
const name = text(32);
const quoteName = text(40, /^[0-9a-f]{32}-\d{1,2}$/);

/** The four prices of the paper; one that carries no quantity is absent ("not traded"). */
export const pricesCodec = record("slot-prices", {
  cg: optional(1, price),
  cu: optional(2, price),
  gc: optional(3, price),
  gu: optional(4, price),
});

/** A feeder of the grid in a slot; absent: the busbar. */
const feederRecord = record("slot-feeder", {
  feeder: optional(1, name),
  /** What who trades there pays or gets, at the last gate that brought a price there. */
  price: optional(2, price),
  /** What it was agreed at all gates together to send to its parent; below 0: to get from it. */
  sentWh: field(3, int(-most, most)),
});

/** A slot's way through the market. Where it was cleared and has gates left, it opens again. */
const slotRecord = record("slot", {
  stage: field(1, oneOf("open", "gate-closed", "cleared", "settled")),
  /** Reference prices as published at the last opening and, once cleared, as used. */
  prices: field(2, pricesCodec),
  /** At the last gate that brought a price; over a grid what sellers got there on average. */
  clearing: optional(3, price),
  /** At all gates together. */
  tradedWh: field(4, energy),
  /** Which of its gates, from 0, the stage is about. */
  pass: field(5, int(0, most)),
  /** Signed at all gates: the next one's number. */
  contracts: field(6, int(0, most)),
  /** Over a grid, once something was traded. */
  feeders: optional(7, array(feederRecord, 1, 65)),
});

/** `slot/<start>`: two months of them; older ones are in the blocks. */
export const slots = table("slot", slotRecord);
export type Slot = TypeOf<typeof slotRecord>;

/** A commitment and, once opened, what was in it. */
const commitmentRecord = record("commitment", {
  owner: field(1, name),
  slot: field(2, instant),
  hash: field(3, bytes(32)),
  time: field(4, instant),
  revealed: optional(5, array(quote, 1, 16)),
  gate: field(6, instant),
});

/** `commitment/<slot>/<owner>/<id>`: a gate finds a slot's, and an owner's limit its own. */
export const commitments = table("commitment", commitmentRecord);
export type Commitment = TypeOf<typeof commitmentRecord>;

/** `commitment-place/<id>`: where a commitment lies; also keeps an id from being used twice. */
export const commitmentPlaces = table(
  "commitment-place",
  record("commitment-place", { slot: field(1, instant), owner: field(2, name) }),
);

const contractRecord = record("contract", {
  slot: field(1, instant),
  seller: field(2, name),
  buyer: field(3, name),
  energy: field(4, energy),
  /** What the seller gets. */
  price: field(5, price),
  /** From the book, or with the bureau for what nobody else took or gave. */
  origin: field(6, oneOf("book", "residual")),
  /** 1 where it is void: by the members' decision, or for want of room on its way. */
  isVoid: optional(7, int<1>(1, 1)),
  /** 1 while an objection to it is undecided. */
  held: optional(8, int<1>(1, 1)),
  /** How long before delivery it was made. */
  scale: field(9, scale),
  /** What the buyer pays on top, for the way over the grid; absent: nothing. */
  fee: optional(10, fee),
  /** The feeders of the grid that it leads from and to; absent: the busbar, or no grid. */
  from: optional(11, name),
  to: optional(12, name),
  /** The quotes that it came from, as `<commitment, hex>-<place>`; with the bureau only the other one's. */
  ask: optional(14, quoteName),
  bid: optional(15, quoteName),
  /** What the seller offered it as; absent: as any. */
  form: optional(20, energyForm),
  /** What is lost on its way over the grid; absent: nothing. */
  lossWh: optional(21, energy),
  /** The trade with another feeder that it is the part of here; its money moves by that one's steps. */
  across: optional(22, text(64)),
});

/** `contract/<slot>-<number>`, as long as their slot; which of them are paid stands with what the slot came to (`paymentOf`). */
export const contracts = table("contract", contractRecord);
export type Contract = TypeOf<typeof contractRecord>;

/** `market-cursor/open`: start of the first slot that has not come to the market yet. */
export const cursors = table("market-cursor", record("market-cursor", { next: field(1, instant) }));

const dueRecord = record("market-due", {
  slot: field(1, instant),
  pass: field(2, int(0, most)),
  stage: field(3, oneOf("open", "gate", "clear")),
});

/** `market-due/<instant>/<slot>`: each slot's next stage, the earliest first; one for each slot. */
export const dues = table("market-due", dueRecord);
export type Due = TypeOf<typeof dueRecord>;

/**
 * `position/<owner>/<slot>`: what a party sold minus what it bought at the gates so far, where they
 * are not all over.
 */
export const positions = table(
  "position",
  record("position", { soldWh: field(1, int(-most, most)) }),
);

const plannedNet = record("planned-net", {
  owner: field(1, name),
  giveWh: field(2, int(-most, most)),
});

/** `gate-plan/<slot>`: what owners are planned to give beyond their forecasts, until the slot's last gate. */
export const plans = table(
  "gate-plan",
  record("gate-plan", { nets: field(1, array(plannedNet, 0, 50)) }),
);

const siteNet = record("site-net", {
  companyWh: field(1, int(-most, most)),
  companies: field(2, int(0, most)),
  userWh: field(3, int(-most, most)),
  users: field(4, int(0, most)),
});

/**
 * `site-net/<slot>`: what companies and users gave to the feeder, and how many of them were counted;
 * as long as their slot.
 */
export const siteNets = table("site-net", siteNet);
export type SiteNet = TypeOf<typeof siteNet>;

/** `unsettled/<slot>`: cleared slots, and how many parties of each are still waited for. */
export const unsettled = table(
  "unsettled",
  record("unsettled", { slot: field(1, instant), left: field(2, int(0, most)) }),
);

const sum = int(-most, most);

/**
 * `slot-balance/<slot>`: what all that was posted of a slot comes to, corrections with it;
 * paid − received − fees − taxes + subsidies = 0, as long as the slot.
 */
export const slotBalances = table(
  "slot-balance",
  record("slot-balance", {
    paid: field(1, sum),
    received: field(2, sum),
    fees: field(3, sum),
    taxes: field(4, sum),
    subsidies: field(5, sum),
  }),
);

/** `estimate-due/<instant>/<slot>`: when those are estimated that a slot still waits for. */
export const estimateDues = table(
  "estimate-due",
  record("estimate-due", { slot: field(1, instant) }),
);

export { slotKey } from "../../settlements.ts";

export function hex(data: Uint8Array): string {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
