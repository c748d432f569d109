import { decodeLinkMessage } from "../../aggregator/consensus/link-messages.ts";
import type { ViewChange, Vote } from "../../aggregator/consensus/pbft/messages.ts";
import { Violation } from "./auditor.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** All that members have ever sent, over all their deaths: nobody may contradict itself. */
export class Said {
  readonly #words = new Map<string, string>();
  /** By member and epoch: the highest view that it asked for. */
  readonly #asked = new Map<string, number>();
  votes = 0;

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
        for (const vote of message.body.prePrepares) this.#note(from, vote);
        return;
      case "block-vote": {
        if (message.body.from !== from) return;
        const { height, header } = message.body;
        return this.#say(`${from} block ${height}`, hex(header));
      }
      case "view-change":
        return this.#ask(from, message.body);
      default:
        return;
    }
  }

  #vote(from: string, vote: Vote): void {
    if (vote.from !== from) return;
    this.#note(from, vote);
    const asked = this.#asked.get(`${from} ${vote.epoch}`) ?? 0;
    if (vote.view < asked) {
      throw new Violation(`${from} votes in view ${vote.view} and has asked for ${asked}`);
    }
  }

  #note(from: string, { from: signer, phase, epoch, view, height, digest }: Vote): void {
    if (signer !== from) return;
    this.votes += 1;
    this.#say(`${from} ${phase} ${epoch}/${view}/${height}`, hex(digest));
  }

  #ask(from: string, { from: signer, epoch, view }: ViewChange): void {
    if (signer !== from) return;
    const name = `${from} ${epoch}`;
    const asked = this.#asked.get(name) ?? 0;
    if (view < asked) throw new Violation(`${from} asks for view ${view} after ${asked}`);
    this.#asked.set(name, view);
  }

  #say(what: string, word: string): void {
    const before = this.#words.get(what);
    if (before !== undefined && before !== word) {
      throw new Violation(`${what}: said ${before.slice(0, 8)} and ${word.slice(0, 8)}`);
    }
    this.#words.set(what, word);
  }
}
