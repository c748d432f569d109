import type { Council } from "@busbar/protocol";
import { forgottenOf, noteRestored, type Restored, silentUntil } from "../ledger/restored.ts";
import type { Store } from "../ledger/store.ts";
import type { LinkMessage } from "./link-messages.ts";
import { windowSize } from "./pbft/limits.ts";

/** What a member may say that looks on: where it stands, what it asks for, and what it has. */
const words: ReadonlySet<string> = new Set([
  "status",
  "fetch-blocks",
  "fetch-proposal",
  "block",
  "frames",
  "fetch-snapshots",
  "snapshots",
  "fetch-chunk",
  "chunk",
]);

/**
 * The silence of a member that came out of a backup, or back with its key alone. It forgot votes that
 * others may hold, so it takes part as one without a vote, under a name that is nobody's, until it has
 * passed every height on which it may have voted.
 */
export class Silence {
  readonly #store: Store;
  readonly #member: string;
  readonly #reports = new Map<string, number>();
  #restored: Restored | undefined;

  constructor(store: Store, member: string) {
    this.#store = store;
    this.#member = member;
    this.#restored = forgottenOf(store);
  }

  get holds(): boolean {
    return this.#restored !== undefined;
  }

  /** Who the replica takes itself for. */
  selfIn({ voters }: Council): string {
    if (!this.holds) return this.#member;
    const taken = new Set(voters.map(({ id }) => id));
    let name = "looks-on";
    while (taken.has(name)) name += "x";
    return name;
  }

  /** Hears where another member stands. */
  hear(from: string, message: LinkMessage, { voters }: Council): void {
    const counts = from !== this.#member && voters.some(({ id }) => id === from);
    if (!this.holds || message.name !== "status" || !counts) return;
    this.#reports.set(from, message.body.height);
  }

  /** Whether a message may go out, and as it goes: under the member's own name. */
  outgoing(message: LinkMessage): LinkMessage | undefined {
    if (!this.holds) return message;
    if (!words.has(message.name)) return undefined;
    const { body } = message;
    return "from" in body
      ? ({ ...message, body: { ...body, from: this.#member } } as LinkMessage)
      : message;
  }

  /** Whether it ends now; then it is noted on the disk, and the replica begins anew. */
  ends({ epoch, voters }: Council): boolean {
    const restored = this.#restored;
    if (restored === undefined) return false;
    if (restored.until === undefined || restored.epoch !== epoch) {
      const ids = new Set(voters.map(({ id }) => id));
      for (const id of this.#reports.keys()) if (!ids.has(id)) this.#reports.delete(id);
      const until = silentUntil(this.#reports, { members: voters.length, window: windowSize });
      if (until === undefined) return false;
      this.#restored = { ...restored, until: Math.max(until, restored.until ?? 0), epoch };
      noteRestored(this.#store, this.#restored);
      return false;
    }
    if (this.#store.height <= restored.until) return false;
    this.#restored = undefined;
    noteRestored(this.#store, undefined);
    return true;
  }
}
