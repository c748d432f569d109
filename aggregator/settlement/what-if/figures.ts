import type { Chart, Series } from "../../market/paper/chart.ts";
import { type Scheme, schemes } from "./schemes.ts";
import type { MemberReport, SchemeTotals, WhatIf } from "./what-if.ts";

/** Schemes as people read them. */
export const schemeNames: Readonly<Record<Scheme, string>> = {
  retail: "retail only",
  "static-key": "static key",
  "dynamic-key": "dynamic key",
  "hybrid-key": "hybrid key",
  "pay-as-bid": "pay-as-bid",
  "uniform-price": "uniform price",
  bargaining: "bargaining",
};

/** Members beyond which their savings are drawn by rank instead of as bars. */
const barsMax = 10;

const looks: Readonly<Partial<Record<Scheme, string>>> = {
  "static-key": "c1",
  "dynamic-key": "c2",
  "hybrid-key": "c3",
  "pay-as-bid": "c4",
  "uniform-price": "c5",
  bargaining: "c6",
};

/** To a hundredth of a cent: what rounding left over draws no axis below 0. */
const currency = (micro: number) => Math.round(micro / 100) / 10_000 || 0;
const compared = schemes.filter((scheme) => scheme !== "retail");

/** What each scheme saves each member against retail alone. */
export function savingsChart({ members }: WhatIf): Chart {
  const many = members.length > barsMax;
  const of = (scheme: Scheme) => {
    const values = members.map((member) => currency(totalOf(member.totals, scheme).savingMicro));
    return many ? values.sort((a, b) => a - b) : values;
  };
  return {
    id: "savings",
    title: "Savings against retail alone",
    description: many
      ? "Each scheme's savings, from the member that saves least to the one that saves most."
      : "What each member pays less, or gets more, under each scheme; below 0 it is worse off.",
    labels: many ? members.map((_, i) => String(i + 1)) : members.map(({ id }) => id),
    xName: many ? "members, the worst off first" : "member",
    yName: "currency",
    kind: many ? "lines" : "grouped",
    fromZero: false,
    series: compared.map((scheme): Series => {
      return { name: schemeNames[scheme], look: looks[scheme] ?? "c1", values: of(scheme) };
    }),
  };
}

/** The community's mean day, as it is when all that can be shared is. */
export function dayChart({ day, slotMs }: WhatIf): Chart {
  const kw = (wh: number) => (wh * 3_600_000) / slotMs / 1000;
  return {
    id: "day",
    title: "The community's mean day",
    description:
      "What members can give each other, what they draw from the bureau and what they feed in, as mean power of each slot (UTC).",
    labels: day.map(({ start }) => new Date(start).toISOString().slice(11, 16)),
    xName: "time of day, UTC",
    yName: "kW",
    kind: "lines",
    fromZero: true,
    series: [
      { name: "within the community", look: "c3", values: day.map(({ sharedWh }) => kw(sharedWh)) },
      { name: "from the bureau", look: "c1", values: day.map(({ drawnWh }) => kw(drawnWh)) },
      {
        name: "to the bureau",
        look: "c5",
        dashed: true,
        values: day.map(({ fedInWh }) => kw(fedInWh)),
      },
    ],
  };
}

/** How much of what is used is made here, and of what is made used here. */
export function sharesChart({ community }: WhatIf): Chart {
  const percent = (part: number | null) => (part === null ? undefined : 100 * part);
  return {
    id: "shares",
    title: "Self-sufficiency and self-consumption",
    description:
      "Of the energy used the part made by members, and of the energy made the part used by members, under each scheme.",
    labels: community.map(({ scheme }) => schemeNames[scheme]),
    xName: "scheme",
    yName: "%",
    kind: "grouped",
    fromZero: true,
    series: [
      {
        name: "self-sufficiency",
        look: "c3",
        values: community.map(({ selfSufficiency }) => percent(selfSufficiency)),
      },
      {
        name: "self-consumption",
        look: "c5",
        values: community.map(({ selfConsumption }) => percent(selfConsumption)),
      },
    ],
  };
}

/** A member's totals under a scheme. */
export function totalOf(totals: MemberReport["totals"], scheme: Scheme): SchemeTotals {
  const found = totals.find((total) => total.scheme === scheme);
  if (found === undefined) throw new RangeError(`a report has every scheme, got no ${scheme}`);
  return found;
}
