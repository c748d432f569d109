/**
 * A schedule of everything that can be moved, and the steps that change it. Each step is taken only as
 * far as the joint surplus grows: it is quadratic along any step, so where it stops growing is known.
 *
 * The surplus is what (1)–(8) leave when all parties are added up: payments and subsidies cancel, what
 * stays is what demand is worth to its owners less what the bureaus' energy costs.
 */
import { checkHorizon, type Horizon, mostInSlot, mostKwh, type Storage } from "./horizon.ts";

/** The horizon as numbers: what the feeder draws from the bureaus, and what a slot's next kWh costs. */
export type Terms = {
  readonly horizon: Horizon;
  readonly slots: number;
  /** Drawn from the bureaus before anything is moved; below 0 = given to them. */
  readonly drawKwh: Float64Array;
  /** Cost of slot t: cost[t]·D + slope[t]·D²/2. */
  readonly cost: Float64Array;
  readonly slope: Float64Array;
  /** What flexible load i can take in slot t at most. */
  readonly loadMost: readonly Float64Array[];
};

/** Energies by slot. `charge` and `discharge` at the feeder, `stored` after the slot; `extra` over forecast. */
export type Schedule = {
  readonly drawKwh: Float64Array;
  readonly charge: readonly Float64Array[];
  readonly discharge: readonly Float64Array[];
  readonly stored: readonly Float64Array[];
  readonly extra: readonly Float64Array[];
  readonly load: readonly Float64Array[];
};

/** Throws: `RangeError` for a horizon that makes no sense (see `checkHorizon`). */
export function termsOf(horizon: Horizon): Terms {
  checkHorizon(horizon);
  const { slots, costs } = horizon;
  const drawKwh = Float64Array.from(slots, (players) =>
    players.reduce((sum, { role, kwh }) => (role === "bureau" ? sum : sum - kwh), 0),
  );
  const [cost, slope] = [new Float64Array(slots.length), new Float64Array(slots.length)];
  slots.forEach((players, t) => {
    const bureaus = players.filter(({ role }) => role === "bureau");
    const capacity = bureaus.reduce((sum, { kwh }) => sum + kwh, 0);
    for (const { owner, perKwh, slope: own } of costs) {
      const part = (bureaus.find(({ id }) => id === owner)?.kwh ?? 0) / capacity;
      add(cost, t, part * (perKwh[t] ?? 0));
      add(slope, t, own * part * part);
    }
  });
  const loadMost = horizon.flexible.map((load) => {
    const row = new Float64Array(slots.length);
    for (let t = load.from; t <= load.to; t += 1) row[t] = mostInSlot(load, t, horizon.hours);
    return row;
  });
  return { horizon, slots: slots.length, drawKwh, cost, slope, loadMost };
}

/** Nothing moved: batteries idle, flexible loads spread evenly over their time. */
export function idle({ horizon, slots, drawKwh, loadMost }: Terms): Schedule {
  const rows = <T>(of: readonly T[], start: (one: T) => number = () => 0) =>
    of.map((one) => new Float64Array(slots).fill(start(one)));
  const load = rows(horizon.flexible);
  const draw = Float64Array.from(drawKwh);
  horizon.flexible.forEach((own, i) => {
    const most = mostKwh(own, horizon.hours);
    if (most === 0) return;
    for (let t = own.from; t <= own.to; t += 1) {
      const part = own.kwh * ((loadMost[i]?.[t] ?? 0) / most);
      set(load[i], t, part);
      add(draw, t, part);
    }
  });
  return {
    drawKwh: draw,
    charge: rows(horizon.storages),
    discharge: rows(horizon.storages),
    stored: rows(horizon.storages, ({ startKwh }) => startKwh),
    extra: rows(horizon.elastic),
    load,
  };
}

export function copyOf({ drawKwh, charge, discharge, stored, extra, load }: Schedule): Schedule {
  const rows = (all: readonly Float64Array[]) => all.map((row) => Float64Array.from(row));
  return {
    drawKwh: Float64Array.from(drawKwh),
    charge: rows(charge),
    discharge: rows(discharge),
    stored: rows(stored),
    extra: rows(extra),
    load: rows(load),
  };
}

/** The joint surplus of a schedule, in currency; below 0 where energy costs more than elastic demand adds. */
export function surplusOf(terms: Terms, { drawKwh, extra }: Schedule): number {
  let sum = 0;
  for (let t = 0; t < terms.slots; t += 1) {
    const draw = at(drawKwh, t);
    sum -= at(terms.cost, t) * draw + (at(terms.slope, t) * draw * draw) / 2;
  }
  terms.horizon.elastic.forEach(({ worth, slope }, i) => {
    for (const x of extra[i] ?? []) sum += worth * x - (slope * x * x) / 2;
  });
  return sum;
}

/** Moves elastic demand i in slot t by at most `step` kWh. Returns what the surplus gains, 0 or more. */
export function stretch(
  terms: Terms,
  schedule: Schedule,
  i: number,
  t: number,
  step: number,
): number {
  const demand = terms.horizon.elastic[i];
  const extra = schedule.extra[i];
  if (demand === undefined || extra === undefined) return 0;
  const here = at(extra, t);
  const slope = demand.worth - demand.slope * here - marginal(terms, schedule, t);
  const curve = demand.slope + at(terms.slope, t);
  const far =
    slope > 0
      ? Math.min(step, slope / curve, demand.upKwh - here)
      : Math.max(step, slope / curve, -demand.downKwh - here);
  if (slope > 0 ? far <= 0 : far >= 0) return 0;
  add(extra, t, far);
  add(schedule.drawKwh, t, far);
  return slope * far - (curve * far * far) / 2;
}

/** Moves at most `step` kWh of flexible load i from slot `from` to slot `to`. Returns what the surplus gains. */
export function shift(
  terms: Terms,
  schedule: Schedule,
  i: number,
  from: number,
  to: number,
  step: number,
): number {
  const load = schedule.load[i];
  const most = terms.loadMost[i];
  if (load === undefined || most === undefined || from === to) return 0;
  const slope = marginal(terms, schedule, from) - marginal(terms, schedule, to);
  if (slope <= 0) return 0;
  const room = at(most, to) - at(load, to);
  const curve = at(terms.slope, from) + at(terms.slope, to);
  const far = Math.min(step, peakOf(slope, curve), at(load, from), room);
  if (far <= 0) return 0;
  add(load, from, -far);
  add(load, to, far);
  add(schedule.drawKwh, from, -far);
  add(schedule.drawKwh, to, far);
  return slope * far - (curve * far * far) / 2;
}

/**
 * Stores at most `step` kWh more of battery i in slot `fill` and takes as much more out in slot `empty`:
 * by discharging or charging less as long as it did, else by charging or discharging more. So no battery
 * charges and discharges in one slot. Returns what the surplus gains.
 */
export function store(
  terms: Terms,
  schedule: Schedule,
  i: number,
  fill: number,
  empty: number,
  step: number,
): number {
  const storage = terms.horizon.storages[i];
  const charge = schedule.charge[i];
  const discharge = schedule.discharge[i];
  const stored = schedule.stored[i];
  if (
    storage === undefined ||
    charge === undefined ||
    discharge === undefined ||
    stored === undefined ||
    fill === empty
  )
    return 0;
  // No list is made on the way: this is most of what a plan takes.
  const into = storage.chargeEfficiency;
  const out = storage.dischargeEfficiency;
  const lessOut = at(discharge, fill) > 0;
  const lessIn = at(charge, empty) > 0;
  // kWh at the feeder for each kWh stored
  const drawn = lessOut ? out : 1 / into;
  const given = lessIn ? 1 / into : out;
  const slope = given * marginal(terms, schedule, empty) - drawn * marginal(terms, schedule, fill);
  if (slope <= 0) return 0;
  const { hours } = terms.horizon;
  const roomIn = lessOut
    ? at(discharge, fill) / out
    : (storage.chargeKw * hours - at(charge, fill)) * into;
  const roomOut = lessIn
    ? at(charge, empty) * into
    : (storage.dischargeKw * hours - at(discharge, empty)) / out;
  const curve = at(terms.slope, fill) * drawn * drawn + at(terms.slope, empty) * given * given;
  let far = Math.min(step, peakOf(slope, curve), roomIn, roomOut);
  if (far <= 0) return 0;
  far = Math.min(far, carryRoom(storage, stored, fill, empty));
  if (far <= 0) return 0;
  // What was wholly undone is set to 0, or a rest of rounding would stay and block the other way.
  if (lessOut) set(discharge, fill, far === roomIn ? 0 : at(discharge, fill) - far * out);
  else add(charge, fill, far / into);
  if (lessIn) set(charge, empty, far === roomOut ? 0 : at(charge, empty) - far / into);
  else add(discharge, empty, far * out);
  for (let t = fill; t < empty; t += 1) add(stored, t, far);
  for (let t = empty; t < fill; t += 1) add(stored, t, -far);
  add(schedule.drawKwh, fill, far * drawn);
  add(schedule.drawKwh, empty, -far * given);
  return slope * far - (curve * far * far) / 2;
}

/** How much more (or less) the battery can hold in each slot between the two. */
function carryRoom(storage: Storage, stored: Float64Array, fill: number, empty: number): number {
  const most = storage.capacityKwh;
  let room = Number.POSITIVE_INFINITY;
  for (let t = fill; t < empty; t += 1) room = Math.min(room, most - at(stored, t));
  for (let t = empty; t < fill; t += 1) room = Math.min(room, at(stored, t));
  return room;
}

/** What the next kWh drawn in slot t costs. */
const marginal = (terms: Terms, schedule: Schedule, t: number) =>
  at(terms.cost, t) + at(terms.slope, t) * at(schedule.drawKwh, t);

/** Where a gain of `slope`·x − `curve`·x²/2 is greatest. */
const peakOf = (slope: number, curve: number) =>
  curve > 0 ? slope / curve : Number.POSITIVE_INFINITY;

const at = (row: Float64Array, t: number) => row[t] ?? 0;

function add(row: Float64Array, t: number, value: number): void {
  row[t] = (row[t] ?? 0) + value;
}

function set(row: Float64Array | undefined, t: number, value: number): void {
  if (row !== undefined) row[t] = value;
}
