/** So many replaced connections of one client id … */
const takeoversMax = 3;
/** … within so long are no reconnections of one unit, wall ms. */
const withinMs = 10 * 60_000;
/** Client ids that are remembered: memory eaten by many ids that reconnect. */
const clientsMax = 1_000;

/** Two that fight for a client id: from where, and when they did so last, wall ms. */
export type Takeover = {
  readonly client: string;
  readonly older: string;
  readonly newer: string;
  readonly at: number;
};

/**
 * Tells a unit that comes back on a new connection, before its old one was seen to be dead, from two
 * units that sign in with one client id and throw each other out.
 */
export class Takeovers {
  readonly #times = new Map<string, number[]>();
  readonly #fights = new Map<string, Takeover>();

  /** A connection replaced another one; true when that has just become a fight. `addresses`: whose. */
  take(
    client: string,
    nowMs: number,
    addresses: { readonly older: string; readonly newer: string } = { older: "", newer: "" },
  ): boolean {
    const recent = (this.#times.get(client) ?? []).filter((at) => nowMs - at < withinMs);
    recent.push(nowMs);
    // Behind all others: the id that was quiet for longest is forgotten first.
    this.#times.delete(client);
    if (this.#times.size >= clientsMax) this.#times.delete(this.#times.keys().next().value ?? "");
    // One more is kept than makes a fight, so that it is told of once and not at each further takeover.
    this.#times.set(client, recent.slice(-takeoversMax - 1));
    if (recent.length >= takeoversMax) this.#note({ client, ...addresses, at: nowMs });
    return recent.length === takeoversMax;
  }

  /** Those that still fight: within the last ten minutes. */
  fights(nowMs: number): readonly Takeover[] {
    return [...this.#fights.values()].filter(({ at }) => nowMs - at < withinMs);
  }

  #note(fight: Takeover): void {
    this.#fights.delete(fight.client);
    if (this.#fights.size >= clientsMax)
      this.#fights.delete(this.#fights.keys().next().value ?? "");
    this.#fights.set(fight.client, fight);
  }
}
