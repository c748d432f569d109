/** Which aggregators behind the broker say that they store what is sent to them. */
export class Hosts {
  readonly #ready = new Map<string, boolean>();
  #members: ReadonlySet<string> | undefined;

  /** `members`: whose word counts; of strangers there may be any number. */
  constructor(members?: readonly { readonly id: string }[]) {
    this.#members = members && new Set(members.map(({ id }) => id));
  }

  /** Others have become members. */
  heed(members: readonly { readonly id: string }[]): void {
    this.#members = new Set(members.map(({ id }) => id));
  }

  get anyReady(): boolean {
    return [...this.#ready.values()].some((ready) => ready);
  }

  /** Takes a message of `host/<member>/state`; returns false when it is none of a member's. */
  take(member: string, payload: Uint8Array): boolean {
    if (this.#members?.has(member) === false) return false;
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
