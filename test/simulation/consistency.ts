import type { BlockVote, ViewChange, Vote } from "../../aggregator/consensus/pbft/messages.ts";
import { decodeHeader } from "../../aggregator/ledger/codecs.ts";
import { Violation } from "./auditor.ts";

/** All that one honest member has said, in whatever lives its process had: it may not contradict itself. */
export class Consistency {
  readonly #id: string;
  readonly #words = new Map<string, string>();
  /** Newest view of a vote, and newest view that was asked for, by epoch. */
  readonly #voted = new Map<number, number>();
  readonly #asked = new Map<number, number>();

  constructor(id: string) {
    this.#id = id;
  }

  /** It votes now. Throws: `Violation`. */
  vote(vote: Vote): void {
    const { epoch, view } = vote;
    const left = this.#asked.get(epoch) ?? 0;
    if (view < left) {
      throw new Violation(`${this.#id} votes in view ${view} and has asked for ${left}`);
    }
    const voted = this.#voted.get(epoch) ?? 0;
    if (view < voted) {
      throw new Violation(`${this.#id} goes back from view ${voted} to ${view}`);
    }
    this.#voted.set(epoch, view);
    this.word(vote);
  }

  /** A vote that it stands by; the leader's pre-prepare is its prepare. Throws: `Violation`. */
  word({ phase, epoch, view, height, digest }: Vote): void {
    const kind = phase === "commit" ? phase : "prepare";
    this.#once(`${kind} ${epoch} ${view} ${height}`, digest);
    // A commit says what a prepare would, which a restarted member need not have sent.
    if (kind === "commit") this.#once(`prepare ${epoch} ${view} ${height}`, digest);
  }

  /** It signs a block: of what one view proposed at a height, one. Throws: `Violation`. */
  block({ height, header }: Pick<BlockVote, "height" | "header">): void {
    this.#once(`block ${height} ${decodeHeader(header).view}`, header);
  }

  /** It has another program from now on, and may come to other blocks. */
  computesAnew(): void {
    for (const place of this.#words.keys()) {
      if (place.startsWith("block ")) this.#words.delete(place);
    }
  }

  /** It asks for a view. Throws: `Violation`. */
  ask({ epoch, view }: Pick<ViewChange, "epoch" | "view">): void {
    const before = this.#asked.get(epoch) ?? 0;
    if (view < before) {
      throw new Violation(`${this.#id} asks for view ${view} after it asked for ${before}`);
    }
    this.#asked.set(epoch, view);
  }

  #once(place: string, word: Uint8Array): void {
    const said = Buffer.from(word).toString("hex");
    const known = this.#words.get(place);
    if (known !== undefined && known !== said) {
      throw new Violation(`${this.#id} says two things: ${place}`);
    }
    this.#words.set(place, said);
  }
}
