import { type Micro, micro, type UtcMs, type Wh, wh } from "@busbar/protocol";
import {
  type Community,
  type CommunityTerms,
  type MemberEnergy,
  type PresentMember,
  presentIn,
} from "./community.ts";
import { type Scheme, schemes, underScheme } from "./schemes.ts";

/** What a member, or the community as a whole, comes to under one scheme. */
export type SchemeTotals = {
  readonly scheme: Scheme;
  /** Paid, subsidies taken off; below 0: got. */
  readonly costMicro: Micro;
  /** Less than under retail alone; below 0: more. */
  readonly savingMicro: Micro;
  readonly receivedWh: Wh;
  readonly givenWh: Wh;
  /** From and to the bureau. */
  readonly boughtWh: Wh;
  readonly soldWh: Wh;
  /** Part of the energy used that the community or the member itself made; null where nothing is used. */
  readonly selfSufficiency: number | null;
  /** Part of the energy made that stays with the member or in the community; null where nothing is made. */
  readonly selfConsumption: number | null;
  /** The most that is drawn from the bureau in one slot, as power. */
  readonly peakW: number;
};

export type MemberReport = {
  readonly id: string;
  /** Slots in which its energy is known. */
  readonly slots: number;
  /** Whether generation behind its meters is known in all of them, so that own use counts. */
  readonly generationKnown: boolean;
  readonly totals: readonly SchemeTotals[];
};

export type WhatIf = {
  readonly from: UtcMs;
  readonly to: UtcMs;
  readonly slotMs: number;
  readonly slots: number;
  readonly terms: CommunityTerms;
  readonly members: readonly MemberReport[];
  readonly community: readonly SchemeTotals[];
  /** The member that saves least under each scheme (of equals the smallest id). */
  readonly worstOff: readonly {
    readonly scheme: Scheme;
    readonly id: string;
    readonly savingMicro: Micro;
  }[];
  /** The community's mean day by slot of the UTC day: what is shared, drawn and fed in, Wh. */
  readonly day: readonly {
    readonly start: number;
    readonly sharedWh: number;
    readonly drawnWh: number;
    readonly fedInWh: number;
  }[];
};

const dayMs = 86_400_000;

/**
 * The same meters under each scheme. Order-free in members and slots but for the order of the result.
 * Throws: `RangeError` for a community without members or slots, and as `underScheme`.
 */
export function whatIf(community: Community, terms: CommunityTerms): WhatIf {
  const { members, slots, slotMs } = community;
  const [first, last] = [slots[0], slots.at(-1)];
  if (first === undefined || last === undefined || members.length === 0) {
    throw new RangeError("a community: expected members and slots, got none");
  }
  const own = members.map(() => schemes.map(() => newSums()));
  const all = schemes.map(() => newSums());
  const days = new Map<number, { sharedWh: number; drawnWh: number; fedInWh: number; n: number }>();
  for (const slot of slots) {
    const present = presentIn(community, slot);
    for (const [s, scheme] of schemes.entries()) {
      const whole = newSums();
      for (const [i, outcome] of underScheme(scheme, present, terms).entries()) {
        const member = present[i];
        const energy = slot.energy[outcome.at];
        if (member === undefined || energy === undefined) continue;
        const added = addSlot(own[outcome.at]?.[s] ?? newSums(), { member, energy, outcome });
        addTo(whole, added);
      }
      const sum = all[s] ?? newSums();
      addTo(sum, whole);
      sum.peakWh = Math.max(sum.peakWh, whole.bought);
      if (scheme === "dynamic-key") addDay(days, slot.start, whole);
    }
  }
  const known = members.map((_, at) => {
    const energies = slots.flatMap(({ energy }) => energy[at] ?? []);
    const generation = energies.filter(({ generationWh }) => generationWh !== undefined).length;
    return { slots: energies.length, whole: generation > 0 && generation === energies.length };
  });
  const reports = members.map(({ id }, at) => ({
    id,
    slots: known[at]?.slots ?? 0,
    generationKnown: known[at]?.whole ?? false,
    totals: totalsOf(own[at] ?? [], slotMs, known[at]?.whole ?? false),
  }));
  return {
    from: first.start,
    to: (last.start + slotMs) as UtcMs,
    slotMs,
    slots: slots.length,
    terms,
    members: reports,
    community: totalsOf(all, slotMs, true),
    worstOff: schemes.map((scheme, s) => worstOf(scheme, s, reports)),
    day: [...days]
      .sort(([a], [b]) => a - b)
      .map(([start, { sharedWh, drawnWh, fedInWh, n }]) => {
        return { start, sharedWh: sharedWh / n, drawnWh: drawnWh / n, fedInWh: fedInWh / n };
      }),
  };
}

/** Sums over slots; energies in Wh. `behind`: made and used without passing the connection meter. */
type Sums = {
  cost: number;
  received: number;
  given: number;
  bought: number;
  sold: number;
  behind: number;
  peakWh: number;
};

const newSums = (): Sums => {
  return { cost: 0, received: 0, given: 0, bought: 0, sold: 0, behind: 0, peakWh: 0 };
};

function addSlot(
  sums: Sums,
  {
    member: { surplusWh, needWh },
    energy: { generationWh = surplusWh },
    outcome: { costMicro, receivedWh, givenWh },
  }: {
    readonly member: PresentMember;
    readonly energy: MemberEnergy;
    readonly outcome: ReturnType<typeof underScheme>[number];
  },
): Sums {
  const bought = needWh - receivedWh;
  const added = {
    cost: costMicro,
    received: receivedWh,
    given: givenWh,
    bought,
    sold: surplusWh - givenWh,
    // A battery may give more than is made in the slot: then nothing was made for own use.
    behind: Math.max(0, generationWh - surplusWh),
    peakWh: bought,
  };
  addTo(sums, added);
  sums.peakWh = Math.max(sums.peakWh, bought);
  return added;
}

function addTo(sums: Sums, added: Sums): void {
  sums.cost += added.cost;
  sums.received += added.received;
  sums.given += added.given;
  sums.bought += added.bought;
  sums.sold += added.sold;
  sums.behind += added.behind;
}

function addDay(
  days: Map<number, { sharedWh: number; drawnWh: number; fedInWh: number; n: number }>,
  start: number,
  { received, bought, sold }: Sums,
): void {
  const at = start % dayMs;
  const day = days.get(at) ?? { sharedWh: 0, drawnWh: 0, fedInWh: 0, n: 0 };
  days.set(at, {
    sharedWh: day.sharedWh + received,
    drawnWh: day.drawnWh + bought,
    fedInWh: day.fedInWh + sold,
    n: day.n + 1,
  });
}

function totalsOf(all: readonly Sums[], slotMs: number, countsBehind: boolean): SchemeTotals[] {
  const retail = all[0]?.cost ?? 0;
  return all.map((sums, s) => {
    const { cost, received, given, bought, sold, peakWh } = sums;
    const behind = countsBehind ? sums.behind : 0;
    const [used, made] = [behind + received + bought, behind + given + sold];
    return {
      scheme: schemes[s] ?? "retail",
      costMicro: micro(cost),
      savingMicro: micro(retail - cost),
      receivedWh: wh(received),
      givenWh: wh(given),
      boughtWh: wh(bought),
      soldWh: wh(sold),
      selfSufficiency: used === 0 ? null : (behind + received) / used,
      selfConsumption: made === 0 ? null : (behind + given) / made,
      peakW: Math.round((peakWh * 3_600_000) / slotMs),
    };
  });
}

function worstOf(scheme: Scheme, s: number, reports: readonly MemberReport[]) {
  const savings = reports.map(({ id, totals }) => {
    return { id, savingMicro: totals[s]?.savingMicro ?? micro(0) };
  });
  const [worst = { id: "", savingMicro: micro(0) }] = savings.sort(
    (a, b) => a.savingMicro - b.savingMicro || (a.id < b.id ? -1 : 1),
  );
  return { scheme, ...worst };
}
