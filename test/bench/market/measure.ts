/** Measuring beside peers: processor time of this thread, so that busy neighbours count less. */

/** One figure; `limit` is what it may be at most, in the same unit. */
export type Figure = {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly limit?: number;
};

/** Processor time of this thread that an act takes, ms. */
export function timeOf(act: () => unknown): number {
  const before = process.threadCpuUsage();
  act();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

/** Median times, ms, of acts that take turns, so that what disturbs one disturbs the others, too. */
export function inTurns<K extends string>(
  acts: Readonly<Record<K, () => unknown>>,
  rounds: number,
): Record<K, number> {
  const names = Object.keys(acts) as K[];
  const times = new Map<K, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) times.get(name)?.push(timeOf(acts[name]));
  }
  const median = (name: K) => medianOf(times.get(name) ?? []);
  return Object.fromEntries(names.map((name) => [name, median(name)])) as Record<K, number>;
}

export function medianOf(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
}

/** Prints a figure with its limit and whether it is kept. */
export function show({ name, value, unit, limit }: Figure): void {
  const number = value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(2);
  const kept =
    limit === undefined ? "" : `   limit ${limit} ${unit}${value <= limit ? "" : ": MISSED"}`;
  console.log(`  ${name.padEnd(46)} ${number.padStart(12)} ${unit}${kept}`);
}
