import {
  digestOf,
  type Message,
  type Proposal,
  type ViewChange,
  type Vote,
} from "../../aggregator/consensus/pbft/messages.ts";
import { nullProposal } from "../../aggregator/consensus/pbft/new-view.ts";
import type { DurableRecord } from "../../aggregator/consensus/pbft/ports.ts";
import { decodeHeader } from "../../aggregator/ledger/codecs.ts";
import { Violation } from "./auditor.ts";
import type { Member } from "./member.ts";

/** What one honest member has said so far, in whatever lives its process had. */
type Said = {
  /** Digest by phase, epoch, view and height; the leader's pre-prepare is its prepare. */
  readonly digests: Map<string, string>;
  /** Latest view in which it said commit, by epoch and height. */
  readonly commits: Map<string, number>;
  /** Header in hex, by height. */
  readonly headers: Map<number, string>;
  /** Newest view of a vote, and newest view that was asked for, by epoch. */
  readonly voted: Map<number, number>;
  readonly asked: Map<number, number>;
};

type Choice = { readonly view: number; readonly digest: string };

/**
 * Listens to the honest members and knows what none of them may ever say: two things at one place, a
 * word in a view that it has left, one that is not on its disk, one that too few others stand behind,
 * one against what was decided. So a broken rule shows long before two chains come of it.
 */
export class Words {
  readonly #said = new Map<string, Said>();
  /** Honest members behind a digest, by phase, epoch, view, height and digest; and behind a view. */
  readonly #behind = new Map<string, Set<string>>();
  /** What honest members have prepared, and what one of them has run, by epoch and height. */
  readonly #chosen = new Map<string, Choice[]>();
  readonly #decided = new Map<string, Choice>();
  /** Who votes, by epoch. */
  readonly #councils = new Map<number, readonly string[]>();
  readonly #liars: ReadonlySet<string>;

  constructor(liars: readonly string[]) {
    this.#liars = new Set(liars);
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
        if (!isOnDisk(member, (record) => isView(record, message.body, "new-view"))) {
          throw new Violation(
            `${member.id} begins view ${message.body.view} before its disk says so`,
          );
        }
        this.#ask(member, message.body);
        for (const vote of message.body.prePrepares) {
          this.#once(member, vote);
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
      (at) => this.#count(`commit ${epoch} ${at} ${height} ${digest}`).enough,
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
    const left = said.asked.get(epoch) ?? 0;
    if (view < left) throw new Violation(`${id} votes in view ${view} and has asked for ${left}`);
    const voted = said.voted.get(epoch) ?? 0;
    if (view < voted) throw new Violation(`${id} goes back from view ${voted} to ${view}`);
    said.voted.set(epoch, view);
    const { count, quorum, enough } = this.#count(`view ${epoch} ${view}`);
    if (view > 0 && !enough) {
      throw new Violation(
        `${id} is in view ${view}, for which ${count} of ${quorum} can have asked`,
      );
    }
    this.#once(member, vote);
    const digest = hex(vote.digest);
    const certified = height <= member.disk.ledger.height;
    if (!certified && !isOnDisk(member, (record) => isOf(record, vote))) {
      throw new Violation(`${id} says ${phase} at ${view}/${height} before its disk does`);
    }
    if (phase === "commit") {
      // A commit says what a prepare would, which a restarted member need not have sent.
      this.#once(member, { ...vote, phase: "prepare" });
      this.#stand(member, { ...vote, phase: "prepare" });
      const { count, quorum, enough } = this.#count(`prepare ${epoch} ${view} ${height} ${digest}`);
      if (!enough) {
        throw new Violation(
          `${id} says commit at ${view}/${height}, which ${count} of ${quorum} can have prepared`,
        );
      }
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

  #ask({ id }: Member, at: { readonly epoch: number; readonly view: number }): void {
    const name = `view ${at.epoch} ${at.view}`;
    this.#behind.set(name, (this.#behind.get(name) ?? new Set()).add(id));
  }

  /** What a new view takes over, a quorum can have prepared, or it fills a gap. */
  #takenOver({ id, replica }: Member, { epoch, view, height, digest }: Vote): void {
    const newView = replica?.newView;
    if (newView === undefined || newView.view !== view || newView.epoch !== epoch) return;
    if (!newView.prePrepares.some((vote) => vote.height === height)) return;
    const name = hex(digest);
    if (name === hex(digestOf(nullProposal(height, view, newView.from)))) return;
    const prepared = (this.#chosen.get(`${epoch} ${height}`) ?? []).some(
      (at) => at.view < view && this.#count(`prepare ${epoch} ${at.view} ${height} ${name}`).enough,
    );
    if (prepared) return;
    throw new Violation(`${id} takes over at ${view}/${height} what no quorum has prepared`);
  }

  #stand({ id }: Member, { phase, epoch, view, height, digest }: Vote): void {
    const kind = phase === "commit" ? phase : "prepare";
    const name = `${kind} ${epoch} ${view} ${height} ${hex(digest)}`;
    this.#behind.set(name, (this.#behind.get(name) ?? new Set()).add(id));
  }

  #once({ id }: Member, { phase, epoch, view, height, digest }: Vote): void {
    const { digests } = this.#of(id);
    const place = `${phase === "commit" ? phase : "prepare"} ${epoch} ${view} ${height}`;
    const known = digests.get(place);
    if (known !== undefined && known !== hex(digest)) {
      throw new Violation(`${id} says two things: ${place}`);
    }
    digests.set(place, hex(digest));
  }

  #change(member: Member, change: ViewChange): void {
    const { epoch, view, prepared, certified } = change;
    const said = this.#of(member.id);
    const before = said.asked.get(epoch) ?? 0;
    if (view < before) {
      throw new Violation(`${member.id} asks for view ${view} after it asked for ${before}`);
    }
    said.asked.set(epoch, view);
    this.#ask(member, change);
    if (!isOnDisk(member, (record) => isView(record, change, "view"))) {
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

  #block({ id }: Member, vote: { readonly height: number; readonly header: Uint8Array }): void {
    const { headers } = this.#of(id);
    const known = headers.get(vote.height);
    if (known !== undefined && known !== hex(vote.header)) {
      throw new Violation(`${id} signs two headers at height ${vote.height}`);
    }
    headers.set(vote.height, hex(vote.header));
  }

  /** How many can stand behind a word, with the help of every liar. */
  #count(word: string): { count: number; quorum: number; enough: boolean } {
    const members = this.#councils.get(Number(word.split(" ")[1])) ?? [];
    const behind = this.#behind.get(word);
    const count = members.filter((id) => this.#liars.has(id) || behind?.has(id)).length;
    const faulty = Math.floor((members.length - 1) / 3);
    const quorum = Math.ceil((members.length + faulty + 1) / 2);
    return { count, quorum, enough: count >= quorum };
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
    this.#councils.set(epoch, members);
    return epoch;
  }

  #of(id: string): Said {
    const known = this.#said.get(id);
    if (known !== undefined) return known;
    const said: Said = {
      digests: new Map(),
      commits: new Map(),
      headers: new Map(),
      voted: new Map(),
      asked: new Map(),
    };
    this.#said.set(id, said);
    return said;
  }
}

function isOnDisk({ disk }: Member, fits: (record: DurableRecord) => boolean): boolean {
  return disk.log.findLast(fits) !== undefined;
}

function isView(
  record: DurableRecord,
  { epoch, view }: { readonly epoch: number; readonly view: number },
  kind: "view" | "new-view",
): boolean {
  if (record.epoch !== epoch || record.kind !== kind) return false;
  return record.kind === "view" ? record.asked >= view : record.newView.view === view;
}

/** Whether a record binds its member to this vote: a new view binds it to the view's list, too. */
function isOf(record: DurableRecord, vote: Vote): boolean {
  if (record.epoch !== vote.epoch) return false;
  switch (record.kind) {
    case "accepted":
      return vote.phase !== "commit" && isSame(record.prePrepare, vote);
    case "new-view":
      return vote.phase !== "commit" && record.newView.prePrepares.some((at) => isSame(at, vote));
    case "prepared":
      return vote.phase === "commit" && record.prepared.votes.some((at) => isSame(at, vote));
    default:
      return false;
  }
}

const isSame = (a: Vote, b: Vote): boolean =>
  a.view === b.view && a.height === b.height && Buffer.compare(a.digest, b.digest) === 0;

const hex = (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
