import { allocate, cost, type Micro, type MicroPerKwh, micro, type Wh, wh } from "@busbar/protocol";

/**
 * How a community that shares its surplus instead of trading it divides each slot's.
 *
 * - `static`: everybody is entitled to its weight's part of the surplus and takes of it what it needs;
 *   what somebody does not need goes to the grid.
 * - `dynamic`: in proportion to what each needs in that slot.
 * - `hybrid`: first by weights, then what is left in proportion to what each still needs.
 */
export const keyKinds = ["static", "dynamic", "hybrid"] as const;
export type KeyKind = (typeof keyKinds)[number];

/**
 * A member in one slot, by its connection meters. `weight` is its part in a static or hybrid key, an
 * integer ≥ 0.
 */
export type Sharer = {
  readonly id: string;
  readonly importWh: Wh;
  readonly exportWh: Wh;
  readonly weight: number;
};

/** What a member gave to the others and got from them in one slot; never both. */
export type Shared = { readonly id: string; readonly givenWh: Wh; readonly receivedWh: Wh };

/** What a member has left over in a slot and what it lacks: its two directions net inside of it. */
export function netOf({ importWh, exportWh }: Pick<Sharer, "importWh" | "exportWh">) {
  const net = exportWh - importWh;
  return { surplusWh: wh(Math.max(0, net)), needWh: wh(Math.max(0, -net)) };
}

/**
 * Divides a slot's surplus by a key. Nobody gets more than it needs or gives more than it has, all
 * that is received is given, and the order of the members changes nothing: parts are in proportion, in
 * whole Wh by largest remainder, ties to the smaller id. Givers give in proportion to their surplus.
 *
 * Shape: unique ids; the result is in the order of the members.
 * Throws: `RangeError` for repeated ids and for weights that are no integers ≥ 0.
 */
export function shareSlot(members: readonly Sharer[], key: KeyKind): Shared[] {
  const nets = members.map((member) => ({ ...member, ...netOf(member) }));
  const surplus = sum(nets.map(({ surplusWh }) => surplusWh));
  const needs = nets.map(({ id, needWh }) => ({ id, weight: needWh }));
  const received = receivedBy(key, { surplus, needs, weights: members });
  const given = allocate(
    sum(received),
    nets.map(({ id, surplusWh }) => ({ id, weight: surplusWh })),
  );
  return members.map(({ id }, i) => ({
    id,
    givenWh: wh(given[i] ?? 0),
    receivedWh: wh(received[i] ?? 0),
  }));
}

/**
 * What sharing costs at the community's own price: the whole is rounded once and divided in proportion
 * to energy, so what members pay is what members get, to the last unit. Positive: the member pays.
 */
export function payShares(shares: readonly Shared[], price: MicroPerKwh): Micro[] {
  const total = cost(price, wh(sum(shares.map(({ receivedWh }) => receivedWh))));
  const part = (energy: (share: Shared) => number) =>
    allocate(
      total,
      shares.map((share) => ({ id: share.id, weight: energy(share) })),
    );
  const [paid, got] = [part(({ receivedWh }) => receivedWh), part(({ givenWh }) => givenWh)];
  return shares.map((_, i) => micro((paid[i] ?? 0) - (got[i] ?? 0)));
}

type Need = { readonly id: string; readonly weight: number };

function receivedBy(
  key: KeyKind,
  {
    surplus,
    needs,
    weights,
  }: {
    readonly surplus: number;
    readonly needs: readonly Need[];
    readonly weights: readonly Need[];
  },
): number[] {
  switch (key) {
    case "static":
      return byWeights(surplus, needs, weights);
    case "dynamic":
      return byNeed(surplus, needs);
    case "hybrid": {
      const first = byWeights(surplus, needs, weights);
      const left = needs.map(({ id, weight }, i) => ({ id, weight: weight - (first[i] ?? 0) }));
      const rest = byNeed(surplus - sum(first), left);
      return first.map((wh, i) => wh + (rest[i] ?? 0));
    }
    default:
      throw new RangeError(
        `key: expected ${keyKinds.join(", ")}, got ${String(key satisfies never)}`,
      );
  }
}

function byWeights(surplus: number, needs: readonly Need[], weights: readonly Need[]): number[] {
  const known = weights.map(({ id, weight }) => ({ id, weight }));
  // Where nobody has a part in the key nobody is entitled to anything.
  if (known.every(({ weight }) => weight === 0)) return needs.map(() => 0);
  return allocate(surplus, known).map((part, i) => Math.min(part, needs[i]?.weight ?? 0));
}

function byNeed(surplus: number, needs: readonly Need[]): number[] {
  return allocate(Math.min(surplus, sum(needs.map(({ weight }) => weight))), needs);
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
