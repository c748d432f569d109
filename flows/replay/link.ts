import type { Follower, LinkState, SiteConnection } from "../nodes/link/site-link.ts";

/** What a flow would have sent to the site. */
export type Spoken = { readonly topic: string; readonly payload: Uint8Array };

/** The site of a recorded day: it says what was said, and takes down what the flow says. */
export class ReplayLink implements SiteConnection {
  readonly connected = true;
  readonly #followers = new Map<string, Set<Follower>>();
  readonly #onSpoken: (spoken: Spoken) => void;

  constructor(onSpoken: (spoken: Spoken) => void) {
    this.#onSpoken = onSpoken;
  }

  follow(follower: Follower): () => void {
    const followers = this.#followers.get(follower.topic) ?? new Set();
    this.#followers.set(follower.topic, followers.add(follower));
    return () => followers.delete(follower);
  }

  watch(watcher: (state: LinkState) => void): () => void {
    watcher("connected");
    return () => {};
  }

  async publish(topic: string, payload: Uint8Array): Promise<void> {
    this.#onSpoken({ topic, payload });
  }

  async close(): Promise<void> {
    this.#followers.clear();
  }

  /** Whether somebody listened. */
  say(topic: string, payload: Buffer): boolean {
    const followers = [...(this.#followers.get(topic) ?? [])];
    for (const follower of followers) follower.onMessage(payload);
    return followers.length > 0;
  }
}
