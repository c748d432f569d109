import { decodeLinkMessage } from "../../aggregator/consensus/link-messages.ts";
import type { Vote } from "../../aggregator/consensus/pbft/messages.ts";
import { Violation } from "./auditor.ts";
import { Consistency } from "./consistency.ts";

/** All that members of the real engine have ever sent, over all their deaths. */
export class Said {
  readonly #members = new Map<string, Consistency>();
  readonly #views = new Set<string>();
  votes = 0;

  /** How many views anybody has asked for. */
  get views(): number {
    return this.#views.size;
  }

  /** Throws: `Violation`. */
  hear(from: string, bytes: Uint8Array): void {
    const decoded = decodeLinkMessage(bytes);
    if (!decoded.ok) throw new Violation(`${from} sends ${decoded.code}: ${decoded.message}`);
    const { message } = decoded;
    switch (message.name) {
      case "vote":
        return this.#vote(from, message.body);
      case "pre-prepare":
        return this.#vote(from, message.body.vote);
      case "new-view":
        for (const vote of message.body.prePrepares) {
          if (vote.from === from) this.#of(from).word(vote);
        }
        return;
      case "block-vote":
        if (message.body.from === from) this.#of(from).block(message.body);
        return;
      case "view-change":
        if (message.body.from !== from) return;
        this.#of(from).ask(message.body);
        this.#views.add(`${message.body.epoch} ${message.body.view}`);
        return;
      default:
        return;
    }
  }

  /** A member got another program. */
  computesAnew(id: string): void {
    this.#of(id).computesAnew();
  }

  #vote(from: string, vote: Vote): void {
    if (vote.from !== from) return;
    this.votes += 1;
    this.#of(from).vote(vote);
  }

  #of(from: string): Consistency {
    const known = this.#members.get(from) ?? new Consistency(from);
    this.#members.set(from, known);
    return known;
  }
}
