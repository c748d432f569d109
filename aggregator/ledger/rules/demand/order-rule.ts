import {
  compareBytes,
  cost,
  type DemandOrder,
  encodeMessage,
  micro,
  type Refusal,
  wh,
} from "@busbar/protocol";
import {
  type Demand,
  demandMandates,
  demandSlots,
  demands,
  offersMax,
  openOffer,
  putDemand,
} from "../../demand.ts";
import { defaults, expose, headroom, suspendedAccounts } from "../../exposure.ts";
import { refuse } from "../../refuse.ts";
import type { BlockContext, TxRule } from "../../rule.ts";
import { sha256 } from "../../sha256.ts";
import { devices } from "../../tables.ts";
import { balancingOf } from "../market/balancing.ts";
import { marketParty } from "../market/parties.ts";
import { hex } from "../market/tables.ts";
import { isSlotStart, slotMs } from "../market/timetable.ts";
import { checkFree, endOf, spansOf, takeSlots } from "./span.ts";
import { usualOf } from "./usual.ts";

const dayMs = 86_400_000;
/** Further ahead nobody's usual draw says much. */
const aheadMsMax = 7 * dayMs;
/** 100 MWh in all, as a party may trade in a slot: keeps every price times quantity below 2⁵³. */
const orderWhMax = 100_000_000;

/**
 * Takes an order of a change in what an owner draws. Within the mandate that the owner gave its unit it is
 * a contract at once; else it is offered to the owner until `answerBy`.
 *
 * Only the owner itself orders: a unit's mandate says nothing of what it may spend so.
 *
 * Codes, in order: `demand.rights`, `demand.exists-different`, `demand.suspended`, `demand.device-unknown`, `demand.own`,
 * `demand.shape`, `demand.slot`, `demand.answer-by`, `demand.taken`, `demand.no-baseline`, `demand.in-default`,
 * `demand.beyond-credit`, `demand.too-many`.
 */
export const demandOrderRule: TxRule<"demand-order"> = (context, message, signer) => {
  const { state, emit, height } = context;
  const { by, device, action, slot, slots, energy, price, answerBy, limitW, toSlot } = message;
  if (signer.kind !== "owner" || signer.id !== by) {
    return refuse("demand.rights", `expected the signature of owner ${by}, got ${signer.id}'s`);
  }
  const order = hex(message.id);
  const hash = sha256(encodeMessage("demand-order", message));
  const known = demands.get(state, order);
  if (known !== undefined) {
    if (compareBytes(known.hash, hash) === 0) return { ok: true, code: "exists" };
    return refuse("demand.exists-different", `id ${order} was used for another order`);
  }
  if (suspendedAccounts.get(state, by) !== undefined) {
    return refuse("demand.suspended", `the members suspended ${by}: it orders nothing`);
  }
  const owner = devices.get(state, device)?.owner;
  if (owner === undefined || marketParty(state, owner) === undefined) {
    const text = `expected a unit of a company or user with a connection meter, got ${device}`;
    return refuse("demand.device-unknown", text);
  }
  if (owner === by) return refuse("demand.own", `${by} needs no order for a unit of its own`);
  const refusal = checkTerms(context, message) ?? checkFree(context, message, { owner });
  if (refusal !== undefined) return refusal;
  const all = spansOf(context, message).map((span) =>
    span.map((start) => usualOf(context, owner, start)),
  );
  const [usual = [], later] = all.map((span) => span.filter((one) => one !== undefined));
  if (all.some((span, i) => span.length > ([usual, later][i]?.length ?? 0))) {
    const text = `too little is known of what ${owner} draws usually; three days with its meters' readings are needed`;
    return refuse("demand.no-baseline", text);
  }
  const bound = micro(cost(price, wh(energy * slots), "ceil"));
  const uncovered = checkCover(context, message, bound);
  if (uncovered !== undefined) return uncovered;

  const status = isMandated(context, message, owner) ? "contracted" : "offered";
  const dueAt = status === "offered" ? answerBy : endOf(context, message);
  if (status === "offered" && !openOffer(state, by)) {
    const text = `expected at most ${offersMax} offers of ${by} that nobody has answered`;
    return refuse("demand.too-many", text);
  }
  const entry: Demand = {
    ...{ by, device, owner, action, slot, slots, energy, price, answerBy, status, usual },
    ...(limitW === undefined ? {} : { limitW }),
    ...(toSlot === undefined ? {} : { toSlot }),
    ...(later === undefined ? {} : { usualLater: later }),
    ...{ bound, hash, height, dueAt },
  };
  putDemand(state, order, entry);
  expose(state, by, bound);
  if (status === "contracted") takeSlots(context, order, entry);
  emit({
    type: "demand-ordered",
    ...{ order, by, owner, device, action, slot, slots, energyWh: energy, price, status },
  });
  return { ok: true };
};

function checkTerms(
  { time, parameters }: BlockContext,
  { action, slot, slots, energy, answerBy, limitW, toSlot }: DemandOrder,
): Refusal | undefined {
  const end = slot + slots * slotMs(parameters);
  if ((action === "limit") !== (limitW !== undefined)) {
    return refuse(
      "demand.shape",
      `expected limitW with a limit and no other action, got ${action}`,
    );
  }
  if ((action === "shift") !== (toSlot !== undefined)) {
    return refuse(
      "demand.shape",
      `expected toSlot with a shift and no other action, got ${action}`,
    );
  }
  if (energy === 0 || energy * slots > orderWhMax) {
    const text = `expected 1 to ${orderWhMax} Wh in all slots, got ${slots} of ${energy}`;
    return refuse("demand.shape", text);
  }
  const starts = toSlot === undefined ? [slot] : [slot, toSlot];
  if (starts.some((start) => !isSlotStart(start, parameters)) || (toSlot ?? end) < end) {
    return refuse("demand.slot", "expected starts of slots, those to shift to after the others");
  }
  if (slot <= time || Math.max(...starts) > time + aheadMsMax) {
    const text = `expected slots that begin after ${time} and within ${aheadMsMax / dayMs} days, got ${slot}`;
    return refuse("demand.slot", text);
  }
  if (answerBy > time && answerBy <= slot) return undefined;
  const text = `expected an answer by a time from now on to the first slot, got ${answerBy}`;
  return refuse("demand.answer-by", text);
}

/** Whoever balances the order's slot, when others settle with it, is bound by no terms. */
function checkCover(
  { state, parameters }: BlockContext,
  { by, slot }: Pick<DemandOrder, "by" | "slot">,
  bound: number,
) {
  if (by === balancingOf(state, slot)) return undefined;
  const free = headroom(state, by, parameters);
  if (free === undefined) return undefined;
  if (defaults.get(state, by) !== undefined) {
    return refuse("demand.in-default", `${by} is in default and orders nothing`);
  }
  if (bound <= free) return undefined;
  const text = `the order binds ${by} to ${bound}, ${Math.max(0, free)} are covered`;
  return refuse("demand.beyond-credit", text);
}

/** Whether the owner let its unit be ordered so. */
function isMandated(context: BlockContext, message: DemandOrder, owner: string): boolean {
  const { state, parameters } = context;
  const { device, by, slot, slots, energy, price, limitW } = message;
  const mandate = demandMandates.get(state, device);
  const end = slot + slots * slotMs(parameters);
  if (mandate === undefined || mandate.until < end) return false;
  if (mandate.by !== undefined && mandate.by !== by) return false;
  if (energy > mandate.energyMax || price < mandate.priceMin) return false;
  if (limitW !== undefined && limitW < mandate.limitWMin) return false;
  // A day before and after: so no 24 hours hold more of them.
  let ordered = slots;
  for (const [id] of demandSlots.scan(state, `${owner}/`)) {
    const start = Number(id.slice(owner.length + 1));
    if (start > slot - dayMs && start < end + dayMs) ordered += 1;
  }
  return ordered <= mandate.slotsMax;
}
