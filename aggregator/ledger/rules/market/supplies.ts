import { localDayStart, parseTimeZone, type TimeZone } from "@busbar/protocol";
import type { Parameters } from "../../parameters.ts";
import type { StateReader } from "../../state/state.ts";
import { bureaus } from "../../tables.ts";
import { ownersAssets } from "../assets.ts";
import { balancingOf } from "./balancing.ts";

/** A bureau in a slot: its part of what bureaus deliver, and what the next kWh costs it, where it says so. */
export type Supply = {
  readonly bureau: string;
  /** Wh; bureaus deliver and take in proportion to it. */
  readonly capacity: number;
  /** 10⁻⁶ currency/kWh, and how much more with each kWh. */
  readonly price?: number;
  readonly slope?: number;
};

const hourMs = 3_600_000;

/**
 * The bureaus of a slot, by their ids: those that stated a supply, else the one that balances; none where the
 * site has none. Of several slots those count whose statement holds through the `last` one.
 */
export function suppliesOf(
  state: StateReader,
  slot: number,
  { timeZone }: Pick<Parameters, "timeZone">,
  last: number = slot,
): readonly Supply[] {
  const stated: Supply[] = [];
  for (const [bureau] of bureaus.scan(state)) {
    const { supply, until = 0 } = ownersAssets.get(state, bureau) ?? {};
    if (supply === undefined || until <= last) continue;
    const { capacity, prices, slope } = supply;
    const price = prices[prices.length === 1 ? 0 : hourOfDay(slot, timeZone)];
    stated.push({ bureau, capacity, slope, ...(price === undefined ? {} : { price }) });
  }
  if (stated.length > 0) return stated;
  const balancing = balancingOf(state, slot);
  return balancing === undefined ? [] : [{ bureau: balancing, capacity: 1000 }];
}

/** Hours since the local midnight; the 25th of a day whose clock goes back counts as the 24th. */
function hourOfDay(slot: number, timeZone: string): number {
  const zone: TimeZone | undefined = parseTimeZone(timeZone);
  const midnight =
    zone === undefined ? Math.floor(slot / 86_400_000) * 86_400_000 : localDayStart(zone, slot);
  return Math.min(23, Math.floor((slot - midnight) / hourMs));
}
