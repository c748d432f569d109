/** Which aggregators behind the broker say that they store what is sent to them. */
export class Hosts {
  readonly #ready = new Map<string, boolean>();

  get anyReady(): boolean {
    return [...this.#ready.values()].some((ready) => ready);
  }

  /** Takes a message of `host/<member>/state`; returns false when it is none. */
  take(member: string, payload: Uint8Array): boolean {
    try {
      const { ready } = JSON.parse(Buffer.from(payload).toString("utf8")) as { ready?: unknown };
      if (typeof ready !== "boolean") return false;
      this.#ready.set(member, ready);
      return true;
    } catch {
      // Text that is no JSON says as little as JSON without `ready`.
      return false;
    }
  }

  /** The connection broke: what was known is known no more. */
  forget(): void {
    this.#ready.clear();
  }
}
