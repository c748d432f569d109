import { defaults, suspendedAccounts } from "../../exposure.ts";
import { refuse } from "../../refuse.ts";
import type { BlockContext, TxRefusal } from "../../rule.ts";
import { slotKey } from "../../settlements.ts";
import { marketParty } from "../market/parties.ts";
import { slots } from "../market/tables.ts";
import { isSlotStart } from "../market/timetable.ts";
import type { FeederEntry, FeederTerms } from "./tables.ts";

const minuteMs = 60_000;
/** Between one step's deadline and the next one's: time to bring a proof across. */
export const marginMs = 10 * minuteMs;
/** From a slot's end to the last deadline: well within the time that the state knows slots for. */
export const spanMsMax = 30 * 86_400_000;

/**
 * Whether a trade's deadlines follow each other and its slot is one of this ledger's that is open and has not begun;
 * codes, in order: `feeder.terms`, `feeder.slot`.
 */
export function checkTerms(
  { state, time, parameters }: BlockContext,
  terms: FeederTerms,
): TxRefusal | undefined {
  const { slot, slotMinutes, confirmBy, deliverBy, payBy, closeBy } = terms;
  const end = slot + slotMinutes * minuteMs;
  const wrong =
    slotMinutes !== parameters.slotMinutes || !isSlotStart(slot, parameters)
      ? `a slot of ${parameters.slotMinutes} minutes, got ${slotMinutes} from ${slot} on`
      : confirmBy > slot
        ? "confirmBy at the slot's start at the latest"
        : deliverBy < end + marginMs
          ? `deliverBy ${marginMs} ms after the slot's end at the earliest`
          : payBy < deliverBy + marginMs
            ? `payBy ${marginMs} ms after deliverBy at the earliest`
            : closeBy < payBy + marginMs
              ? `closeBy ${marginMs} ms after payBy at the earliest`
              : closeBy > end + spanMsMax
                ? `closeBy ${spanMsMax} ms after the slot's end at the latest`
                : undefined;
  if (wrong !== undefined) return refuse("feeder.terms", `expected ${wrong}`);
  const opened = slots.get(state, slotKey(slot));
  if (time < confirmBy && opened !== undefined && opened.stage !== "settled") return undefined;
  const text = `expected a slot that is open for trade here before ${confirmBy}, got ${slot} at ${time}`;
  return refuse("feeder.slot", text);
}

/** Whether an owner may trade with another feeder; codes, in order: `feeder.revoked`, `feeder.party`. */
export function checkParty(
  { state }: BlockContext,
  { state: standing, chain, via }: FeederEntry,
  owner: string,
): TxRefusal | undefined {
  if (standing === "revoked") {
    return refuse("feeder.revoked", `the members trade with ${chain} no longer`);
  }
  const may =
    owner !== via &&
    marketParty(state, owner) !== undefined &&
    suspendedAccounts.get(state, owner) === undefined &&
    defaults.get(state, owner) === undefined;
  if (may) return undefined;
  const text = `expected a company or user with a meter, not suspended, not in default and not ${via}; got ${owner}`;
  return refuse("feeder.party", text);
}
