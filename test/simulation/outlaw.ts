import type { UtcMs } from "@busbar/protocol";
import { leaderOf } from "../../aggregator/consensus/pbft/council.ts";
import {
  digestOf,
  type Message,
  newViewBytes,
  type Proposal,
  type ViewChange,
  type Vote,
  viewChangeBytes,
  voteBytes,
} from "../../aggregator/consensus/pbft/messages.ts";
import { decodeHeader } from "../../aggregator/ledger/codecs.ts";
import { type Member, siteMs } from "./member.ts";
import type { Random } from "./random.ts";
import type { ToyKeys } from "./toy-crypto.ts";
import { frameOf, sha256 } from "./toy-ledger.ts";

/** Lies that speak out of turn: for another phase, epoch or leader, below what was settled, with one
 * voice counted often. Whatever it signs, it signs with its own key. */
export class Outlaw {
  readonly #member: Member;
  readonly #random: Random;
  readonly #keys: ToyKeys;

  constructor(member: Member, tools: { readonly random: Random; readonly keys: ToyKeys }) {
    this.#member = member;
    this.#random = tools.random;
    this.#keys = tools.keys;
  }

  /** Somebody's vote as if it had been given in another phase, epoch or view. */
  relabelled(overheard: Message | undefined): Message[] {
    if (overheard?.name !== "vote") return [];
    const { body } = overheard;
    const phase = body.phase === "prepare" ? "commit" : "prepare";
    const others = [{ phase }, { epoch: body.epoch + 1 }, { view: body.view + 1 }] as const;
    return others.map((other) => ({ name: "vote", body: { ...body, ...other } }));
  }

  /** Votes for whatever anybody says, asked or not. */
  echo(overheard: Message | undefined): Message[] {
    if (overheard?.name === "vote") {
      const { body } = overheard;
      const phases = ["prepare", "commit"] as const;
      return phases.map((phase) => ({ name: "vote", body: this.#vote({ ...body, phase }) }));
    }
    if (overheard?.name !== "block-vote") return [];
    const { height, header } = overheard.body;
    const signature = this.#keys.sign(this.#id, "block", header);
    return [{ name: "block-vote", body: { height, header, from: this.#id, signature } }];
  }

  /** Proposes in another's view, and begins a view that nobody asked for. */
  usurp(message: Message): Message[] {
    if (message.name !== "vote" || message.body.phase !== "prepare") return [];
    const { epoch, view, height } = message.body;
    const turn = this.#turnAfter(view);
    const change = this.#change(epoch, turn);
    const changes = Array.from({ length: this.#council.quorum }, () => change);
    const { vote } = this.#pre(this.#proposal(this.#height + 1, turn), { epoch, view: turn });
    const prePrepares = this.#random.chance(0.5) ? [vote] : [];
    const body = { epoch, view: turn, changes, prePrepares, from: this.#id };
    const signature = this.#keys.sign(this.#id, "new-view", newViewBytes(body));
    return [
      { name: "pre-prepare", body: this.#pre(this.#proposal(height, view), { epoch, view }) },
      { name: "pre-prepare", body: this.#pre(this.#proposal(height + 1, view), { epoch, view }) },
      { name: "new-view", body: { ...body, signature } },
    ];
  }

  /** The leader's word with another body than it is about. */
  otherBody(message: Message): Message[] {
    if (message.name !== "pre-prepare") return [message];
    const { vote, proposal } = message.body;
    const frames = [frameOf(`pay a b 1 by ${this.#id}`), ...proposal.frames];
    return [{ name: "pre-prepare", body: { vote, proposal: { ...proposal, frames } } }];
  }

  /** Nonsense, a time that has not come, or another's name on what it proposes. */
  badProposal(message: Message): Message[] {
    if (message.name !== "pre-prepare" || message.body.vote.from !== this.#id) return [message];
    const { vote, proposal } = message.body;
    const another = this.#council.members.find((id) => id !== this.#id) ?? this.#id;
    const proposals: [Proposal, ...Proposal[]] = [
      { ...proposal, frames: [...proposal.frames, frameOf("nonsense")] },
      { ...proposal, time: (proposal.time + 10 ** 9) as UtcMs },
      { ...proposal, proposer: another },
      { ...proposal, view: proposal.view + 1 },
    ];
    return [{ name: "pre-prepare", body: this.#pre(this.#random.pick(proposals), vote) }];
  }

  /** Proposes again at heights that its view took over, or that stand behind. */
  proposeAgain(message: Message): Message[] {
    if (message.name !== "new-view" && message.name !== "pre-prepare") return [];
    const at = message.name === "new-view" ? message.body : message.body.vote;
    if (at.from !== this.#id) return [];
    const from = Math.max(1, this.#height - 3);
    return Array.from({ length: 6 }, (_, i) => ({
      name: "pre-prepare",
      body: this.#pre(this.#proposal(from + i, at.view), at),
    }));
  }

  /** Asks for the last view that there is. */
  askForFar(message: Message): Message[] {
    if (message.name !== "status" && message.name !== "view-change") return [];
    const { epoch, view } = message.body;
    const last = Number.MAX_SAFE_INTEGER;
    const far = this.#random.pick([view + 1, view + this.#random.int(2, 1_000), last]);
    return [{ name: "view-change", body: this.#change(epoch, Math.min(far, last)) }];
  }

  /** As if it had a block that is still far away. */
  withFakeBase(message: Message): Message[] {
    if (message.name !== "view-change" || message.body.certified === undefined) return [message];
    const { header, certificate } = message.body.certified;
    const { ledger } = this.#member.disk;
    const { height, time, proposer, view } = decodeHeader(header);
    if (height !== ledger.height) return [message];
    const fake = ledger.run({ height: height + 1, time, proposer, view, frames: [] });
    const { signature: _, ...rest } = message.body;
    const body = { ...rest, certified: { header: fake.bytes, certificate }, prepared: [] };
    return [{ name: "view-change", body: this.#signed(body) }];
  }

  /** One voice, counted as often as a quorum needs. */
  stuffed(message: Message): Message[] {
    const { quorum } = this.#council;
    const times = Array.from({ length: quorum });
    if (message.name === "block-vote") {
      const { ledger } = this.#member.disk;
      const frames = [frameOf(`pay a b 1 by ${this.#id}`)];
      const { bytes: header } = ledger.run(this.#proposal(ledger.height + 1, 0));
      const signature = this.#keys.sign(this.#id, "block", header);
      const certificate = times.map(() => ({ kid: this.#keys.kid(this.#id), signature }));
      return [message, { name: "block", body: { header, certificate, frames } }];
    }
    if (message.name !== "view-change") return [message];
    const { epoch, view: asked } = message.body;
    const view = this.#turnBefore(asked);
    if (view < 0) return [message];
    const proposal = this.#proposal(this.#height + 1, view);
    const { vote } = this.#pre(proposal, { epoch, view });
    const prepare = this.#vote({ ...vote, phase: "prepare" });
    const { signature: _, ...rest } = message.body;
    const body = { ...rest, prepared: [{ votes: [vote, ...times.map(() => prepare)] }] };
    return [
      { name: "view-change", body: this.#signed(body) },
      { name: "held-proposal", body: { proposal } },
    ];
  }

  get #id(): string {
    return this.#member.id;
  }

  get #council() {
    return this.#member.replica?.council ?? { members: [this.#id], faulty: 0, quorum: 1, epoch: 0 };
  }

  get #height(): number {
    return this.#member.disk.ledger.height;
  }

  #turnAfter(view: number): number {
    const council = this.#council;
    for (let next = view + 1; next < view + council.members.length; next += 1) {
      if (leaderOf(council, next) === this.#id) return next;
    }
    return view + council.members.length;
  }

  #turnBefore(view: number): number {
    let before = view - 1;
    while (before >= 0 && leaderOf(this.#council, before) !== this.#id) before -= 1;
    return before;
  }

  #proposal(height: number, view: number): Proposal {
    const frames = [frameOf(`pay a b 1 by ${this.#id}`)];
    const time = siteMs(this.#member.now) as UtcMs;
    return { height, time, proposer: this.#id, view, frames };
  }

  #pre(proposal: Proposal, { epoch, view }: { readonly epoch: number; readonly view: number }) {
    const { height } = proposal;
    const from = this.#id;
    const digest = digestOf(proposal);
    const signature = sha256();
    const vote = { phase: "pre-prepare", epoch, view, height, digest, from, signature } as const;
    return { vote: this.#vote(vote), proposal };
  }

  #change(epoch: number, view: number): ViewChange {
    const certified = this.#member.replica?.certified;
    const body = { epoch, view, prepared: [], from: this.#id };
    return this.#signed(certified === undefined ? body : { ...body, certified });
  }

  #signed(body: Omit<ViewChange, "signature">): ViewChange {
    const signature = this.#keys.sign(this.#id, "view-change", viewChangeBytes(body));
    return { ...body, signature };
  }

  #vote(vote: Vote): Vote {
    const own = { ...vote, from: this.#id };
    return { ...own, signature: this.#keys.sign(this.#id, vote.phase, voteBytes(own)) };
  }
}
