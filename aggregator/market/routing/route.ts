import { allocate, mulDiv, type Wh, wh } from "@busbar/protocol";
import { checkNetwork, type Line, leastLossWay, type Network, type Step } from "./network.ts";

/**
 * Energy that is to go from one bus to another in a slot. `isRest`: it flows whether it fits or not, as what a bureau
 * takes and gives does; then it is cut nowhere, and takes nobody's room.
 */
export type Transport = {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly energy: Wh;
  readonly isRest?: boolean;
};

/** A way that part of a trade takes, as lines in the order of travel. */
export type Leg = { readonly lines: readonly string[]; readonly energy: Wh };

/** What became of a trade. `lossWh` is its part of the losses of the lines that it uses. */
export type Routed = {
  readonly id: string;
  readonly energy: Wh;
  readonly cutWh: Wh;
  readonly lossWh: Wh;
  readonly legs: readonly Leg[];
  /** Why something was cut; absent where nothing was. */
  readonly reason?: string;
};

/** A line in the slot: what flows net from its first bus to its second, below 0 the other way. */
export type LineFlow = {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly flowWh: number;
  readonly lossWh: Wh;
  readonly capacity?: Wh;
};

export type Routing = { readonly trades: readonly Routed[]; readonly lines: readonly LineFlow[] };

/** Cuts that take a little off each other again and again end after so many: then all of it goes. */
const passesMax = 1_000;

/** Each round fills a line or serves somebody whole; more than these nothing sensible needs. */
const roundsMax = 256;

/**
 * Routes a slot's trades over a feeder graph: each on the way of least loss that has room, and on the next
 * one for what the first cannot carry. Where trades meet at a line that cannot carry them all, they are
 * cut there in proportion to what each wants, by largest remainder. What flows against each other on a
 * line cancels. The rest follows on its way of least loss, whatever that carries by then. Independent of the order of
 * trades and lines; results stand in the order of theirs.
 *
 * Throws: `RangeError` as `checkNetwork`, and for trades whose ids repeat.
 */
export function routeTrades(lines: Network, trades: readonly Transport[]): Routing {
  checkNetwork(lines);
  checkTrades(trades);
  const net = new Map<string, number>(lines.map(({ id }) => [id, 0]));
  const left = new Map<string, number>(trades.map(({ id, energy }) => [id, energy]));
  const legs = new Map<string, Map<string, { steps: readonly Step[]; energy: number }>>();
  const traded = trades.filter(({ isRest }) => isRest !== true);
  const send = (id: string, steps: readonly Step[], energy: number) => {
    left.set(id, (left.get(id) ?? 0) - energy);
    for (const { line, along } of steps) {
      net.set(line.id, (net.get(line.id) ?? 0) + (along ? energy : -energy));
    }
    addLeg(legs, id, steps, energy);
  };
  for (let round = 0; round < roundsMax; round += 1) {
    const ways = waysOf(lines, traded, { net, left });
    const wanted = fit(ways, net);
    let moved = 0;
    for (const { id, steps } of ways) {
      const energy = wanted.get(id) ?? 0;
      if (energy === 0) continue;
      moved += energy;
      send(id, steps, energy);
    }
    if (moved === 0) break;
  }
  for (const { id, from, to, energy, isRest } of trades) {
    const steps = isRest === true ? leastLossWay(lines, { from, to }) : undefined;
    if (steps !== undefined && energy > 0) send(id, steps, energy);
  }
  return resultOf(lines, trades, { net, left, legs });
}

type Way = { readonly id: string; readonly steps: readonly Step[]; readonly wants: number };

/** What a line can still carry in a direction: what flows the other way makes room. */
function roomOf({ line, along }: Step, net: ReadonlyMap<string, number>): number {
  const flow = net.get(line.id) ?? 0;
  return (line.capacity ?? Number.POSITIVE_INFINITY) - (along ? flow : -flow);
}

function waysOf(
  lines: Network,
  trades: readonly Transport[],
  {
    net,
    left,
  }: { readonly net: ReadonlyMap<string, number>; readonly left: ReadonlyMap<string, number> },
): Way[] {
  return trades.flatMap(({ id, from, to }) => {
    const wants = left.get(id) ?? 0;
    if (wants === 0) return [];
    const steps = leastLossWay(lines, { from, to }, (step) => roomOf(step, net) > 0);
    return steps === undefined ? [] : [{ id, steps, wants }];
  });
}

/**
 * How much of each way's energy fits: whole, or cut in proportion at each line that is too narrow. A cut
 * takes away what it sent against others too, so it is looked again until all lines hold.
 */
function fit(ways: readonly Way[], net: ReadonlyMap<string, number>): Map<string, number> {
  const wanted = new Map(ways.map(({ id, wants }) => [id, wants]));
  const users = usersOf(ways);
  for (let [holds, pass] = [false, 0]; !holds; pass += 1) {
    holds = true;
    const cut = new Map<string, number>();
    for (const { line, along, against } of users) {
      const sum = (ids: readonly string[]) =>
        ids.reduce((all, id) => all + (wanted.get(id) ?? 0), 0);
      const [forth, back] = [sum(along), sum(against)];
      const flow = (net.get(line.id) ?? 0) + forth - back;
      const capacity = line.capacity ?? Number.POSITIVE_INFINITY;
      if (Math.abs(flow) <= capacity) continue;
      const [ids, most] =
        flow > 0 ? [along, forth - (flow - capacity)] : [against, back - (-flow - capacity)];
      const shares = ids.map((id) => ({ id, weight: wanted.get(id) ?? 0 }));
      for (const [i, part] of allocate(
        pass < passesMax ? Math.max(0, most) : 0,
        shares,
      ).entries()) {
        const id = ids[i] ?? "";
        cut.set(id, Math.min(cut.get(id) ?? part, part));
      }
      holds = false;
    }
    for (const [id, energy] of cut) wanted.set(id, energy);
  }
  return wanted;
}

/** Who uses each line of these ways, in both directions. */
function usersOf(ways: readonly Way[]) {
  const users = new Map<string, { line: Line; along: string[]; against: string[] }>();
  for (const { id, steps } of ways) {
    for (const { line, along } of steps) {
      const own = users.get(line.id) ?? { line, along: [], against: [] };
      users.set(line.id, own);
      (along ? own.along : own.against).push(id);
    }
  }
  return [...users.values()];
}

type Legs = Map<string, Map<string, { steps: readonly Step[]; energy: number }>>;

function addLeg(legs: Legs, id: string, steps: readonly Step[], energy: number): void {
  const own = legs.get(id) ?? new Map<string, { steps: readonly Step[]; energy: number }>();
  legs.set(id, own);
  const key = JSON.stringify(steps.map(({ line, along }) => [line.id, along]));
  own.set(key, { steps, energy: (own.get(key)?.energy ?? 0) + energy });
}

function resultOf(
  lines: Network,
  trades: readonly Transport[],
  {
    net,
    left,
    legs,
  }: {
    readonly net: ReadonlyMap<string, number>;
    readonly left: ReadonlyMap<string, number>;
    readonly legs: Legs;
  },
): Routing {
  const flows = lines.map(({ id, from, to, lossPermille, capacity }): LineFlow => {
    const flow = net.get(id) ?? 0;
    const lossWh = wh(mulDiv(Math.abs(flow), lossPermille, 1000, "half-even"));
    return { id, from, to, flowWh: flow, lossWh, ...(capacity === undefined ? {} : { capacity }) };
  });
  const losses = lossesOf(flows, legs);
  return {
    lines: flows,
    trades: trades.map((trade) => {
      const { id, energy } = trade;
      const cutWh = wh(left.get(id) ?? 0);
      return {
        id,
        energy: wh(energy - cutWh),
        cutWh,
        lossWh: wh(losses.get(id) ?? 0),
        legs: [...(legs.get(id)?.values() ?? [])].map(({ steps, energy: part }) => {
          return { lines: steps.map(({ line }) => line.id), energy: wh(part) };
        }),
        ...(cutWh === 0 ? {} : { reason: reasonOf(lines, trade, net) }),
      };
    }),
  };
}

/** Each line's loss among those who use it, in proportion to what they send over it. */
function lossesOf(flows: readonly LineFlow[], legs: Legs): Map<string, number> {
  const losses = new Map<string, number>();
  for (const { id: line, lossWh } of flows) {
    if (lossWh === 0) continue;
    const uses = [...legs].flatMap(([id, own]) => {
      const weight = [...own.values()].reduce((sum, { steps, energy }) => {
        return steps.some((step) => step.line.id === line) ? sum + energy : sum;
      }, 0);
      return weight === 0 ? [] : [{ id, weight }];
    });
    for (const [i, part] of allocate(lossWh, uses).entries()) {
      const id = uses[i]?.id ?? "";
      losses.set(id, (losses.get(id) ?? 0) + part);
    }
  }
  return losses;
}

/** What is in a trade's way: the full lines of its best way, or that there is none. */
function reasonOf(
  lines: Network,
  { from, to }: Transport,
  net: ReadonlyMap<string, number>,
): string {
  const best = leastLossWay(lines, { from, to });
  if (best === undefined) return `no way leads from ${from} to ${to}`;
  const full = best.filter((step) => roomOf(step, net) <= 0).map(({ line }) => line.id);
  if (full.length === 0) return `what is left of the lines' room is below a Wh for each trade`;
  return `${full.length === 1 ? "line" : "lines"} ${full.join(", ")} full, and no other way has room`;
}

function checkTrades(trades: readonly Transport[]): void {
  const seen = new Set<string>();
  for (const { id } of trades) {
    if (seen.has(id)) throw new RangeError(`trade ${id}: expected each id once, got it again`);
    seen.add(id);
  }
}
