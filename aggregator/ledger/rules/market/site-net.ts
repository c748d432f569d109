import type { UtcMs } from "@busbar/protocol";
import type { State } from "../../state/state.ts";
import { owners } from "../../tables.ts";
import { type SiteNet, siteNets, slotKey } from "./tables.ts";

/** What a party's meters showed in a slot; undefined where that is not known. */
export type Shown = { readonly importWh: number; readonly exportWh: number } | undefined;

/**
 * Counts what parties gave to the feeder in a slot, or what each is known to have given now instead of
 * `before`: the forecasts' history, which is complete as soon as the meters are and never waits for a
 * silent one.
 */
export function countNets(
  state: State,
  slot: UtcMs,
  parties: Iterable<{ readonly owner: string; readonly before: Shown; readonly after: Shown }>,
): void {
  const key = slotKey(slot);
  const known = siteNets.get(state, key);
  let all: SiteNet = known ?? { companyWh: 0, companies: 0, userWh: 0, users: 0 };
  let counts = false;
  for (const { owner, before, after } of parties) {
    const party = owners.get(state, owner)?.party;
    if (party !== "company" && party !== "user") continue;
    const [wh, count] = [netOf(after) - netOf(before), countOf(after) - countOf(before)];
    all = party === "company" ? withCompany(all, wh, count) : withUser(all, wh, count);
    counts = true;
  }
  if (counts) siteNets.set(state, key, all);
}

const withCompany = (all: SiteNet, wh: number, count: number): SiteNet => ({
  ...all,
  companyWh: all.companyWh + wh,
  companies: all.companies + count,
});

const withUser = (all: SiteNet, wh: number, count: number): SiteNet => ({
  ...all,
  userWh: all.userWh + wh,
  users: all.users + count,
});

const netOf = (shown: Shown) => (shown === undefined ? 0 : shown.exportWh - shown.importWh);
const countOf = (shown: Shown) => (shown === undefined ? 0 : 1);
