import {
  type BlockVote,
  digestOf,
  type Message,
  type Proposal,
  type ViewChange,
  type Vote,
} from "../../aggregator/consensus/pbft/messages.ts";
import { nullProposal } from "../../aggregator/consensus/pbft/new-view.ts";
import { hex } from "../../aggregator/consensus/pbft/state.ts";
import { decodeHeader } from "../../aggregator/ledger/codecs.ts";
import { Violation } from "./auditor.ts";
import { Backing } from "./backing.ts";
import { Consistency } from "./consistency.ts";
import type { Member } from "./member.ts";
import { isViewOnDisk, isVoteOnDisk } from "./on-disk.ts";

/** What one honest member has said so far. */
type Said = {
  readonly words: Consistency;
  /** Latest view in which it said commit, by epoch and height. */
  readonly commits: Map<string, number>;
};

type Choice = { readonly view: number; readonly digest: string };

/**
 * Listens to the honest members and knows what none of them may ever say: two things at one place, a
 * word in a view that it has left, one that is not on its disk, one that too few others stand behind,
 * one against what was decided. So a broken rule shows long before two chains come of it.
 */
export class Words {
  readonly #said = new Map<string, Said>();
  readonly #backing: Backing;
  /** What honest members have prepared, and what one of them has run, by epoch and height. */
  readonly #chosen = new Map<string, Choice[]>();
  readonly #decided = new Map<string, Choice>();
  /** Headers (hex) that enough can have signed, by height. */
  readonly #certifiable = new Map<number, string>();
  /** How many views honest members have asked for. */
  views = 0;

  constructor(liars: readonly string[]) {
    this.#backing = new Backing(liars);
  }

  /** An honest member sends this. Throws: `Violation`. */
  hear(member: Member, message: Message): void {
    this.#learn(member);
    switch (message.name) {
      case "vote":
        return this.#vote(member, message.body);
      case "pre-prepare":
        return this.#vote(member, message.body.vote);
      case "new-view":
        if (message.body.from !== member.id) return;
        if (!isViewOnDisk(member, message.body, "new-view")) {
          throw new Violation(
            `${member.id} begins view ${message.body.view} before its disk says so`,
          );
        }
        this.#ask(member, message.body);
        for (const vote of message.body.prePrepares) {
          this.#of(member.id).words.word(vote);
          this.#stand(member, vote);
        }
        return;
      case "view-change":
        return this.#change(member, message.body);
      case "block-vote":
        return this.#block(member, message.body);
      default:
        return;
    }
  }

  /** An honest member runs what was ordered. Throws: `Violation`. */
  ran(member: Member, proposal: Proposal): void {
    const epoch = this.#learn(member);
    const digest = hex(digestOf(proposal));
    const { height } = proposal;
    const place = `${epoch} ${height}`;
    const views = (this.#chosen.get(place) ?? []).flatMap((choice) =>
      choice.digest === digest ? [choice.view] : [],
    );
    const view = views.find(
      (at) => this.#backing.count({ kind: "commit", epoch, view: at, height, digest }).enough,
    );
    if (view === undefined) {
      throw new Violation(`${member.id} runs height ${height} and too few have said commit`);
    }
    const known = this.#decided.get(place);
    if (known !== undefined && known.digest !== digest) {
      throw new Violation(`${member.id} runs another proposal at height ${height} than others`);
    }
    if (known === undefined || view < known.view) this.#decided.set(place, { view, digest });
    for (const choice of this.#chosen.get(place) ?? []) this.#against(member, place, choice);
  }

  #vote(member: Member, vote: Vote): void {
    const { phase, epoch, view, height } = vote;
    const { id } = member;
    const said = this.#of(id);
    said.words.vote(vote);
    const { count, quorum, enough } = this.#backing.count({ kind: "view", epoch, view });
    if (view > 0 && !enough) {
      throw new Violation(
        `${id} is in view ${view}, for which ${count} of ${quorum} can have asked`,
      );
    }
    const certified = height <= member.disk.ledger.height;
    if (!certified && !isVoteOnDisk(member, vote)) {
      throw new Violation(`${id} says ${phase} at ${view}/${height} before its disk does`);
    }
    const digest = hex(vote.digest);
    if (phase === "commit") {
      this.#stand(member, { ...vote, phase: "prepare" });
      this.#enough(id, { epoch, view, height, digest });
      said.commits.set(`${epoch} ${height}`, view);
    } else {
      const place = `${epoch} ${height}`;
      const choice = { view, digest };
      this.#chosen.set(place, [...(this.#chosen.get(place) ?? []), choice]);
      this.#against(member, place, choice);
      this.#takenOver(member, vote);
    }
    this.#stand(member, vote);
  }

  /**
   * A signature over a block rests on what was decided, or on this member's own commit in the view that
   * the header names; and of all signatures that were ever given no two certificates can be made.
   */
  #block(member: Member, { height, header }: BlockVote): void {
    const { id } = member;
    this.#of(id).words.block({ height, header });
    const { ledger } = member.disk;
    if (height <= ledger.height) return;
    // Certified in the step that signed it, the block may have begun the next epoch already.
    const epoch = height === ledger.height + 1 ? ledger.epoch : this.#learn(member);
    const proposal = member.ran.get(hex(header));
    if (proposal === undefined) throw new Violation(`${id} signs what it did not run`);
    const { view } = decodeHeader(header);
    const digest = digestOf(proposal);
    const isOrdered = this.#isOrdered({ epoch, height, digest: hex(digest) });
    if (!isOrdered && !isVoteOnDisk(member, { phase: "commit", epoch, view, height, digest })) {
      throw new Violation(`${id} signs block ${height}, which is not decided`);
    }
    const word = { kind: "block", epoch, view, height, digest: hex(header) } as const;
    this.#backing.stand(id, word);
    if (!this.#backing.count(word).enough) return;
    const known = this.#certifiable.get(height);
    if (known !== undefined && known !== word.digest) {
      throw new Violation(`with ${id}'s signature there are enough over two blocks ${height}`);
    }
    this.#certifiable.set(height, word.digest);
  }

  /** Whether enough can have said commit in one view. */
  #isOrdered(at: { readonly epoch: number; readonly height: number; readonly digest: string }) {
    const { epoch, height, digest } = at;
    return (this.#chosen.get(`${epoch} ${height}`) ?? []).some(
      (choice) =>
        choice.digest === digest &&
        this.#backing.count({ kind: "commit", epoch, view: choice.view, height, digest }).enough,
    );
  }

  /** A commit follows from a quorum's prepares. */
  #enough(id: string, at: Choice & { readonly epoch: number; readonly height: number }): void {
    const { count, quorum, enough } = this.#backing.count({ kind: "prepare", ...at });
    if (enough) return;
    throw new Violation(
      `${id} says commit at ${at.view}/${at.height}, which ${count} of ${quorum} can have prepared`,
    );
  }

  #ask({ id }: Member, { epoch, view }: { readonly epoch: number; readonly view: number }): void {
    if (this.#backing.stand(id, { kind: "view", epoch, view })) this.views += 1;
  }

  /** What a new view takes over, a quorum can have prepared, or it fills a gap. */
  #takenOver({ id, replica }: Member, { epoch, view, height, digest }: Vote): void {
    const newView = replica?.newView;
    if (newView === undefined || newView.view !== view || newView.epoch !== epoch) return;
    if (!newView.prePrepares.some((vote) => vote.height === height)) return;
    const name = hex(digest);
    if (name === hex(digestOf(nullProposal(height, view, newView.from)))) return;
    const isPrepared = ({ view: before }: Choice): boolean =>
      this.#backing.count({ kind: "prepare", epoch, view: before, height, digest: name }).enough;
    const earlier = this.#chosen.get(`${epoch} ${height}`) ?? [];
    if (earlier.some((choice) => choice.view < view && isPrepared(choice))) return;
    throw new Violation(`${id} takes over at ${view}/${height} what no quorum has prepared`);
  }

  #stand({ id }: Member, { phase, epoch, view, height, digest }: Vote): void {
    const kind = phase === "commit" ? phase : "prepare";
    this.#backing.stand(id, { kind, epoch, view, height, digest: hex(digest) });
  }

  #change(member: Member, change: ViewChange): void {
    const { epoch, view, prepared, certified } = change;
    const said = this.#of(member.id);
    said.words.ask(change);
    this.#ask(member, change);
    if (!isViewOnDisk(member, change, "view")) {
      throw new Violation(`${member.id} asks for view ${view} before its disk does`);
    }
    // Whatever is certified needs no proof of its own.
    const from = certified === undefined ? 0 : decodeHeader(certified.header).height;
    for (const [place, committed] of said.commits) {
      const [of, height] = place.split(" ").map(Number);
      if (of !== epoch || height === undefined || height <= from) continue;
      const shown = prepared.some(
        ({ votes: [vote] }) => vote?.height === height && vote.view >= committed,
      );
      if (!shown) throw new Violation(`${member.id} hides that it saw height ${height} prepared`);
    }
  }

  /** What a later view orders at a height is what was decided there. */
  #against({ id }: Member, place: string, { view, digest }: Choice): void {
    const decided = this.#decided.get(place);
    if (decided === undefined || view <= decided.view || digest === decided.digest) return;
    throw new Violation(`${id}: view ${view} goes against what was decided at ${place}`);
  }

  #learn({ id, replica }: Member): number {
    if (replica === undefined) throw new Error(`${id} is down and speaks`);
    const { epoch, members } = replica.council;
    this.#backing.learn(epoch, members);
    return epoch;
  }

  #of(id: string): Said {
    const known = this.#said.get(id) ?? { words: new Consistency(id), commits: new Map() };
    this.#said.set(id, known);
    return known;
  }
}
