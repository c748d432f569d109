import { utcMs } from "@busbar/protocol";
import {
  digestOf,
  type Message,
  type NewView,
  newViewBytes,
  type Proposal,
  type ViewChange,
  type Vote,
  viewChangeBytes,
  voteBytes,
} from "../../aggregator/consensus/pbft/messages.ts";
import { decodeHeader } from "../../aggregator/ledger/codecs.ts";
import type { Member } from "./member.ts";
import { Outlaw } from "./outlaw.ts";
import type { Random } from "./random.ts";
import type { ToyKeys } from "./toy-crypto.ts";
import { frameOf, type Ran, sha256 } from "./toy-ledger.ts";

/** Ways of a faulty member. `twin`: two processes with one key, each with a disk of its own. */
export const manners = [
  "silent",
  "deaf-to-some",
  "equivocates",
  "wrong-view",
  "wrong-height",
  "wrong-digest",
  "replays",
  "empty-proofs",
  "fakes-proofs",
  "fakes-new-views",
  "forges",
  "fakes-blocks",
  "boasts",
  "twin",
  "dawdles",
  "relabels",
  "echoes",
  "usurps",
  "swaps-bodies",
  "bad-proposals",
  "proposes-again",
  "restless",
  "fakes-bases",
  "stuffs-ballots",
] as const;
export type Manner = (typeof manners)[number];

/** A message on its way out of a faulty member, as each receiver gets it: any number of messages. */
export class Byzantine {
  readonly id: string;
  readonly manner: Manner;
  readonly #random: Random;
  readonly #keys: ToyKeys;
  readonly #overheard: Message[] = [];
  readonly #ignored: ReadonlySet<number>;
  readonly #members: readonly string[];
  readonly #member: Member;
  readonly #outlaw: Outlaw;
  #made: Proposal | undefined;

  constructor(
    member: Member,
    manner: Manner,
    tools: {
      readonly random: Random;
      readonly keys: ToyKeys;
      readonly places: readonly number[];
    },
  ) {
    const { random, keys, places } = tools;
    this.id = member.id;
    this.manner = manner;
    this.#member = member;
    this.#outlaw = new Outlaw(member, tools);
    this.#random = random;
    this.#keys = keys;
    this.#ignored = new Set(random.some(places));
    this.#members = [...keys.keys.keys()];
  }

  /** How long it sits on each message. */
  get lagMs(): number {
    return this.manner === "dawdles" ? this.#random.int(0, 3_000) : 0;
  }

  /** What it hears it may say again. */
  hear(message: Message): void {
    const remembers = ["replays", "relabels", "echoes"].includes(this.manner);
    if (!remembers) return;
    this.#overheard.push(message);
    if (this.#overheard.length > 200) this.#overheard.shift();
  }

  /** What is sent to a place instead of the message. */
  say(message: Message, to: number): readonly Message[] {
    const random = this.#random;
    switch (this.manner) {
      case "silent":
        return [];
      case "deaf-to-some":
        return this.#ignored.has(to) ? [] : [message];
      case "replays": {
        const old = random.pick(this.#overheard);
        return old === undefined ? [message] : [message, old, old];
      }
      case "boasts":
        return message.name === "status"
          ? [{ name: "status", body: { ...message.body, view: 2 ** 52, height: 2 ** 52 } }]
          : [message];
      case "empty-proofs":
        return message.name === "view-change" ? [this.#withoutProofs(message.body)] : [message];
      case "fakes-proofs":
        return message.name === "view-change"
          ? this.#withFakes(message.body)
          : [message, ...this.#bodies()];
      case "fakes-new-views":
        return message.name === "new-view"
          ? this.#otherView(message.body, to)
          : [message, ...this.#bodies()];
      case "forges":
        return [message, ...this.#inOthersNames(message)];
      case "fakes-blocks":
        return this.#fakeBlocks(message);
      case "equivocates":
        return this.#ignored.has(to) ? [this.#otherwise(message)] : [message];
      case "wrong-view":
      case "wrong-height":
      case "wrong-digest":
        return random.chance(0.5) ? [message, this.#wrong(message)] : [this.#wrong(message)];
      case "relabels":
        return [message, ...this.#outlaw.relabelled(random.pick(this.#overheard))];
      case "echoes":
        return [message, ...this.#outlaw.echo(random.pick(this.#overheard))];
      case "usurps":
        return [message, ...this.#outlaw.usurp(message)];
      case "swaps-bodies":
        return this.#ignored.has(to) ? this.#outlaw.otherBody(message) : [message];
      case "bad-proposals":
        return this.#outlaw.badProposal(message);
      case "proposes-again":
        return [message, ...this.#outlaw.proposeAgain(message)];
      case "restless":
        return [message, ...this.#outlaw.askForFar(message)];
      case "fakes-bases":
        return this.#outlaw.withFakeBase(message);
      case "stuffs-ballots":
        return this.#outlaw.stuffed(message);
      case "twin":
      case "dawdles":
        return [message];
      default:
        return this.manner satisfies never;
    }
  }

  /** Another proposal, or a vote for another digest, signed as well as the first. */
  #otherwise(message: Message): Message {
    if (message.name === "pre-prepare") {
      const frames = [...message.body.proposal.frames, frameOf(`pay a b 1 by ${this.id}`)];
      const proposal: Proposal = { ...message.body.proposal, frames };
      const vote = this.#vote({ ...message.body.vote, digest: digestOf(proposal) });
      return { name: "pre-prepare", body: { vote, proposal } };
    }
    if (message.name !== "vote") return message;
    const digest = sha256(message.body.digest);
    return { name: "vote", body: this.#vote({ ...message.body, digest }) };
  }

  #wrong(message: Message): Message {
    if (message.name !== "vote") return message;
    const by = this.#random.chance(0.5) ? 1 : -1;
    const { view, height, digest } = message.body;
    const changed = {
      "wrong-view": { view: Math.max(0, view + by) },
      "wrong-height": { height: Math.max(1, height + by) },
      "wrong-digest": { digest: sha256(digest) },
    }[this.manner as "wrong-view" | "wrong-height" | "wrong-digest"];
    return { name: "vote", body: this.#vote({ ...message.body, ...changed }) };
  }

  /** As if it had seen nothing prepared. */
  #withoutProofs(change: ViewChange): Message {
    const { signature: _, ...body } = { ...change, prepared: [] };
    const signature = this.#keys.sign(this.id, "view-change", viewChangeBytes(body));
    return { name: "view-change", body: { ...body, signature } };
  }

  /** As if a quorum had prepared something of its own making in the view before. */
  #withFakes(change: ViewChange): Message[] {
    const { signature: _, ...rest } = change;
    const view = change.view - 1;
    const proposal = this.#ownProposal(baseOf([change]) + 1);
    const leader = this.#members[view % this.#members.length] ?? "";
    const { epoch } = change;
    const { height } = proposal;
    const vote = { epoch, view, height, digest: digestOf(proposal), signature: change.signature };
    const votes = [leader, ...this.#members.filter((id) => id !== leader)].map((from, i) => ({
      ...vote,
      from,
      phase: i === 0 ? ("pre-prepare" as const) : ("prepare" as const),
    }));
    const body = { ...rest, prepared: [{ votes }] };
    const signature = this.#keys.sign(this.id, "view-change", viewChangeBytes(body));
    return [
      { name: "view-change", body: { ...body, signature } },
      { name: "held-proposal", body: { proposal } },
    ];
  }

  /** A new view that says to some what its own proofs do not. */
  #otherView(newView: NewView, to: number): Message[] {
    if (!this.#ignored.has(to)) return [{ name: "new-view", body: newView }];
    const { signature: _, ...rest } = newView;
    const { epoch, view } = newView;
    const heights = Math.max(1, newView.prePrepares.length);
    const proposals = Array.from({ length: heights }, (_, i) =>
      this.#ownProposal(baseOf(newView.changes) + 1 + i),
    );
    const prePrepares = proposals.map((proposal) => {
      const { height } = proposal;
      const body = { phase: "pre-prepare", epoch, view, height, from: this.id } as const;
      return this.#vote({ ...body, digest: digestOf(proposal), signature: newView.signature });
    });
    const body = { ...rest, prePrepares };
    const signature = this.#keys.sign(this.id, "new-view", newViewBytes(body));
    return [
      { name: "new-view", body: { ...body, signature } },
      ...proposals.map((proposal) => ({ name: "held-proposal", body: { proposal } }) as const),
    ];
  }

  /** What it would like to see at a height. */
  #ownProposal(height: number): Proposal {
    const frames = [frameOf(`pay a b 1 by ${this.id}`)];
    const time = utcMs(1_000_000);
    const proposal = { height, time, proposer: this.id, view: 0, frames };
    this.#made = proposal;
    return proposal;
  }

  /** The body of what it made up, for whoever lacks it. */
  #bodies(): Message[] {
    const proposal = this.#made;
    return proposal === undefined ? [] : [{ name: "held-proposal", body: { proposal } }];
  }

  /** Votes of everybody for what this member made up. */
  #inOthersNames(message: Message): Message[] {
    if (message.name !== "vote") return [];
    const digest = sha256(message.body.digest);
    return this.#members.map((from) => ({ name: "vote", body: { ...message.body, from, digest } }));
  }

  /** A block of its own that nobody else signed, with its one signature under each name. */
  #fakeBlocks(message: Message): Message[] {
    if (message.name !== "block-vote") return [message];
    const { bytes: header, frames } = ownBlock(this.#member);
    const signature = this.#keys.sign(this.id, "block", header);
    const certificate = this.#members.map((id) => ({ kid: this.#keys.kid(id), signature }));
    const { height } = decodeHeader(header);
    return [
      { name: "block-vote", body: { height, header, from: this.id, signature } },
      { name: "block", body: { header, certificate, frames } },
    ];
  }

  #vote(vote: Vote): Vote {
    if (vote.from !== this.id) return vote;
    return { ...vote, signature: this.#keys.sign(this.id, vote.phase, voteBytes(vote)) };
  }
}

/** What its next block would be, were it alone to say. */
export function ownBlock({ id, disk: { ledger } }: Member): Ran {
  const height = ledger.height + 1;
  const frames = [frameOf(`pay a b 1 by ${id}`)];
  return ledger.run({ height, time: utcMs(1_000_000), proposer: id, view: 0, frames });
}

/** Height of the newest block that one of these rests on. */
function baseOf(changes: readonly ViewChange[]): number {
  const heights = changes.map(({ certified }) =>
    certified === undefined ? 0 : decodeHeader(certified.header).height,
  );
  return Math.max(0, ...heights);
}
