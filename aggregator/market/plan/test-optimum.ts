import { type Linear, maximise } from "../convex-solver.ts";
import { type Horizon, mostInSlot, mostKwh } from "./horizon.ts";
import { idle, type Schedule, surplusOf, termsOf } from "./schedule.ts";

/** The greatest gain by an interior-point solver that knows the constraints and nothing of steps. */
export function optimum(horizon: Horizon): number {
  const { slots, storages, elastic, flexible } = horizon;
  const count = slots.length;
  const terms = termsOf(horizon);
  const rows = 2 * storages.length + elastic.length + flexible.length;
  const at = (row: number, t: number) => row * count + t;
  const extraRow = 2 * storages.length;
  const loadRow = extraRow + elastic.length;
  const below: Linear[] = [];
  const equal: Linear[] = [];
  const start = new Array<number>(rows * count).fill(0);
  const box = (i: number, low: number, high: number, from: number) => {
    below.push({ terms: [[i, 1]], bound: high }, { terms: [[i, -1]], bound: -low });
    start[i] = from;
  };
  /** What is not there; a box needs an inside. */
  const none = (i: number) => box(i, -1e-7, 1e-7, 0);
  storages.forEach((storage, s) => {
    const { chargeEfficiency: into, dischargeEfficiency: out } = storage;
    const level: (readonly [number, number])[] = [];
    // A little of both in every slot, so that nothing is stored: inside of every bound.
    const little = Math.min(storage.chargeKw * into, storage.dischargeKw / out) / 2;
    const room = Math.min(storage.startKwh, storage.capacityKwh - storage.startKwh);
    // A full or empty battery has no inside at its first level: let it move a millionth of its size.
    const slack = room > 0 ? 0 : 1e-6 * storage.capacityKwh;
    const { slots: there = count } = storage;
    for (let t = 0; t < count; t += 1) {
      if (t < there) {
        box(at(2 * s, t), 0, storage.chargeKw, little / into);
        box(at(2 * s + 1, t), 0, storage.dischargeKw, little * out);
      } else {
        none(at(2 * s, t));
        none(at(2 * s + 1, t));
      }
      level.push([at(2 * s, t), into], [at(2 * s + 1, t), -1 / out]);
      if (t === count - 1) equal.push({ terms: [...level], bound: 0 });
      else {
        below.push({ terms: [...level], bound: storage.capacityKwh - storage.startKwh + slack });
        below.push({
          terms: level.map(([i, c]) => [i, -c] as const),
          bound: storage.startKwh + slack,
        });
      }
    }
  });
  elastic.forEach(({ downKwh, upKwh, slots: there = count }, i) => {
    for (let t = 0; t < count; t += 1) {
      if (t < there) box(at(extraRow + i, t), -downKwh, upKwh, 0);
      else none(at(extraRow + i, t));
    }
  });
  flexible.forEach((load, i) => {
    const line: (readonly [number, number])[] = [];
    const all = mostKwh(load, horizon.hours);
    for (let t = 0; t < count; t += 1) {
      const inside = t >= load.from && t <= load.to;
      const most = inside ? mostInSlot(load, t, horizon.hours) : 0;
      if (most > 0) box(at(loadRow + i, t), -1e-6, most, load.kwh * (most / all));
      else none(at(loadRow + i, t));
      line.push([at(loadRow + i, t), 1]);
    }
    equal.push({ terms: line, bound: load.kwh });
  });
  // How much each variable adds to its slot's draw.
  const sign = (row: number) => (row < extraRow && row % 2 === 1 ? -1 : 1);
  const draw = (x: readonly number[]) =>
    Array.from({ length: count }, (_, t) => {
      let sum = terms.drawKwh[t] ?? 0;
      for (let row = 0; row < rows; row += 1) sum += sign(row) * (x[at(row, t)] ?? 0);
      return sum;
    });
  const own = (row: number) =>
    row >= extraRow && row < loadRow ? elastic[row - extraRow] : undefined;
  const value = (x: readonly number[]) => {
    let sum = 0;
    draw(x).forEach((d, t) => {
      sum -= (terms.cost[t] ?? 0) * d + ((terms.slope[t] ?? 0) * d * d) / 2;
    });
    elastic.forEach(({ worth, slope }, i) => {
      for (let t = 0; t < count; t += 1) {
        const e = x[at(extraRow + i, t)] ?? 0;
        sum += worth * e - (slope * e * e) / 2;
      }
    });
    return sum;
  };
  const found = maximise(
    {
      value,
      gradient: (x) => {
        const d = draw(x);
        return x.map((one, i) => {
          const [row, t] = [Math.floor(i / count), i % count];
          const demand = own(row);
          const worth = demand === undefined ? 0 : demand.worth - demand.slope * one;
          return worth - sign(row) * ((terms.cost[t] ?? 0) + (terms.slope[t] ?? 0) * (d[t] ?? 0));
        });
      },
      hessian: (x) =>
        x.map((_, i) =>
          x.map((__, j) => {
            if (i % count !== j % count) return 0;
            const [a, b] = [Math.floor(i / count), Math.floor(j / count)];
            const curve = i === j ? (own(a)?.slope ?? 0) : 0;
            return -(terms.slope[i % count] ?? 0) * sign(a) * sign(b) - curve;
          }),
        ),
      below,
      equal,
      start,
    },
    1e-6,
  );
  const still: Schedule = idle(terms);
  return value(found) - surplusOf(terms, still);
}
