/** So many replaced connections of one client id … */
const takeoversMax = 3;
/** … within so long are no reconnections of one unit, wall ms. */
const withinMs = 10 * 60_000;
/** Client ids that are remembered: memory eaten by many ids that reconnect. */
const clientsMax = 1_000;

/**
 * Tells a unit that comes back on a new connection, before its old one was seen to be dead, from two
 * units that sign in with one client id and throw each other out.
 */
export class Takeovers {
  readonly #times = new Map<string, number[]>();

  /** A connection replaced another one; true when that has just become a fight. */
  take(client: string, nowMs: number): boolean {
    const recent = (this.#times.get(client) ?? []).filter((at) => nowMs - at < withinMs);
    recent.push(nowMs);
    // Behind all others: the id that was quiet for longest is forgotten first.
    this.#times.delete(client);
    if (this.#times.size >= clientsMax) this.#times.delete(this.#times.keys().next().value ?? "");
    // One more is kept than makes a fight, so that it is told of once and not at each further takeover.
    this.#times.set(client, recent.slice(-takeoversMax - 1));
    return recent.length === takeoversMax;
  }
}
