import { Failure, microPerKwh } from "@busbar/protocol";
import { checkTariffs } from "../commands/community-source.ts";
import { communityOfState } from "../commands/community-state.ts";
import { parametersTable } from "../ledger/parameters.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { type WhatIf, whatIf } from "../settlement/what-if/what-if.ts";

const dayMs = 86_400_000;

/**
 * The what-if report of the newest days as JSON, at the community's own tariff and, for what is shared by a key, the
 * price midway. Throws: `Failure` `report.empty`, `report.usage`.
 */
export function reportText(state: StateReader, days: number): string {
  const parameters = parametersTable.get(state, "current");
  if (parameters === undefined) throw new Error("genesis wrote the parameters");
  const whole = communityOfState(state, parameters.slotMinutes * 60_000);
  const since = (whole.slots.at(-1)?.start ?? 0) - days * dayMs;
  const community = { ...whole, slots: whole.slots.filter(({ start }) => start > since) };
  if (community.slots.length === 0 || community.members.length === 0) {
    const message = "no slot of this community is known from end to end yet";
    throw new Failure("report.empty", message, { retry: "never" });
  }
  const { feedIn, retail } = parameters;
  const sharePrice = microPerKwh(Math.floor((feedIn + retail) / 2));
  const terms = { ...parameters, sharePrice };
  checkTariffs({ community, terms });
  return JSON.stringify(whatIf(community, terms));
}

/** What an owner is shown of it: the community's figures and its own, and of others how many they are. */
export function reportFor(report: WhatIf, owner: string | undefined) {
  const { members, worstOff, ...rest } = report;
  const shown = members.filter(({ id }) => owner === undefined || id === owner);
  return {
    from: rest.from,
    to: rest.to,
    slotMinutes: rest.slotMs / 60_000,
    slots: rest.slots,
    members: members.length,
    feedIn: rest.terms.feedIn,
    retail: rest.terms.retail,
    sharePrice: rest.terms.sharePrice,
    community: [...rest.community],
    worstOff: owner === undefined ? [...worstOff] : [],
    parties: shown.map(({ id, slots, totals }) => ({ id, slots, totals: [...totals] })),
  };
}
