import { compareBytes } from "@busbar/protocol";
import { type Council, leaderOf, type Turn } from "./council.ts";
import { laterMessagesMax, laterProposalsMax, type Timing, windowSize } from "./limits.ts";
import type {
  Block,
  BlockVote,
  Certified,
  Message,
  NewView,
  Phase,
  Prepared,
  Proposal,
  ViewChange,
  Vote,
} from "./messages.ts";
import { voteBytes } from "./messages.ts";
import type { Pace, Standstill } from "./pace.ts";
import type { Effect, Ports, Voters } from "./ports.ts";

/** What running a proposal led to. */
export type Ran = {
  /** Of the proposal, hex. */
  readonly digest: string;
  readonly header: Uint8Array;
  /** The voters of the next height. */
  readonly next: Voters;
};

/** What is known of one height above the newest certified block. */
export type Slot = {
  readonly height: number;
  /** The proposal of the present view, and the leader's word on it. */
  prePrepare: Vote | undefined;
  /** Since when (monotonic ms) the present view has a proposal here. */
  since: number;
  /** First word of each member in the present view. */
  readonly prepares: Map<string, Vote>;
  readonly commits: Map<string, Vote>;
  /** Of the highest view in which this member saw a quorum prepare. */
  prepared: Prepared | undefined;
  /** Bodies of proposals, by digest in hex: of the present view, and of what was prepared. */
  readonly proposals: Map<string, Proposal>;
  /** Digest (hex) of what a quorum said commit to, in whatever view: nothing else can stand here. */
  ordered: string | undefined;
  /** What ran last: what was ordered, or what this member said commit to. */
  ran: Ran | undefined;
  /** Digest (hex) of what runs. */
  running: string | undefined;
  /** Digest (hex) of what failed to run before it was ordered. */
  failed: string | undefined;
  /** The newest of each member: what was signed of one view's proposal, another view may have passed over. */
  readonly blockVotes: Map<string, BlockVote>;
  /** Those of all these words whose signature nobody has looked at: it is when the word is needed. */
  readonly unchecked: Set<Vote | BlockVote>;
};

/** All that a replica knows. Changed only while a step runs. */
export type Replica = {
  readonly self: string;
  readonly ports: Ports;
  readonly timing: Timing;
  council: Council;
  /** The view in force, or the last one that was. */
  view: number;
  /** The view asked for; equal to `view` while that is in force. */
  asked: number;
  /** The newest certified block on this member's disk; height 0 before the first. */
  height: number;
  certified: Certified | undefined;
  /** That block and some before it, of this epoch, as far as this process saw them. */
  readonly newest: Map<number, Certified>;
  /** The last block of the epoch before, whose voters were others; height 0: there is none. */
  epochStart: { readonly height: number; readonly header: Uint8Array | undefined };
  /** Turns of the epoch's newest blocks. */
  turns: readonly Turn[];
  /** Site ms of the newest proposal that was accepted. */
  time: number;
  readonly slots: Map<number, Slot>;
  /** Newest word of each member on changing the view. */
  readonly changes: Map<string, ViewChange>;
  /** Why the present view is in force; undefined for the first view of an epoch. */
  newView: NewView | undefined;
  /**
   * Highest height that the view took over. Up to it the leader is bound by the new view's list, and
   * below that list every height is certified somewhere already: nothing new may be ordered there.
   */
  takenOver: number;
  /** Messages of later views, by sender. */
  readonly later: Map<string, Message[]>;
  /** Kept messages whose view has come. */
  readonly replay: { readonly from: string; readonly message: Message }[];
  /** Where other members said that they stand. */
  readonly heights: Map<string, number>;
  /** Blocks that others certified, until their turn comes. */
  readonly blocks: Map<number, { readonly block: Block; readonly from: string }>;
  /** One of them is being applied. */
  applying: boolean;
  /** Members that wait for the block above such a height, which is not here yet. */
  readonly followers: Map<string, number>;
  /** Views that failed in a row. */
  failures: number;
  /** How long blocks take, from their proposal to their certificate; undefined before the first. */
  pace: Pace | undefined;
  /** When this process did not run. */
  standstills: readonly Standstill[];
  readonly times: {
    /** Of the last block, or of the start of the view. */
    progress: number;
    viewStarted: number;
    /** A quorum asks for the view since. */
    quorumAsked: number | undefined;
    ticked: number;
    sent: number;
    status: number;
    /** By member: when blocks were last asked of it, or served to it, and above which height. */
    readonly asked: Map<string, number>;
    readonly served: Map<string, { readonly at: number; readonly above: number }>;
  };
  /** Effects of the step that runs. */
  out: Effect[];
};

export const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");

export const same = (a: Uint8Array, b: Uint8Array): boolean => compareBytes(a, b) === 0;

/** Whether this member has a vote. */
export const votes = ({ council, self }: Replica): boolean => council.members.includes(self);

/** Whether the view is in force, so that its leader's proposals are voted on. */
export const isInForce = ({ view, asked }: Replica): boolean => view === asked;

export const leads = (replica: Replica): boolean =>
  isInForce(replica) && votes(replica) && leaderOf(replica.council, replica.view) === replica.self;

/**
 * Whether an honest member is so far ahead that this one takes no part in what is being ordered: more
 * than may be faulty say so.
 */
export function isBehind({ council, heights, self, height }: Replica): boolean {
  const others = council.members.filter((id) => id !== self).map((id) => heights.get(id) ?? 0);
  const ahead = others.toSorted((a, b) => b - a)[council.faulty] ?? 0;
  return ahead > height + windowSize;
}

export const inWindow = ({ height }: Replica, at: number): boolean =>
  at > height && at <= height + windowSize;

/** The slot of a height in the window, made where there is none. */
export function slotAt(replica: Replica, height: number): Slot {
  const known = replica.slots.get(height);
  if (known !== undefined) return known;
  const slot: Slot = {
    height,
    prePrepare: undefined,
    since: 0,
    prepares: new Map(),
    commits: new Map(),
    prepared: undefined,
    proposals: new Map(),
    ordered: undefined,
    ran: undefined,
    running: undefined,
    failed: undefined,
    blockVotes: new Map(),
    unchecked: new Set(),
  };
  replica.slots.set(height, slot);
  return slot;
}

/** The proposal that the present view orders at a height, if its body is here. */
export function proposalOf({ prePrepare, proposals }: Slot): Proposal | undefined {
  return prePrepare && proposals.get(hex(prePrepare.digest));
}

export function send(replica: Replica, message: Message, to: string | "all" = "all"): void {
  replica.out.push({ do: "send", to, message });
}

export function count(replica: Replica, reason: string): void {
  replica.out.push({ do: "count", reason });
}

/** This member's vote. It is on disk, by its record, before it is sent: the caller's duty. */
export function signVote(
  { self, council, view, ports }: Replica,
  phase: Phase,
  height: number,
  digest: Uint8Array,
): Vote {
  const body = { phase, epoch: council.epoch, view, height, digest, from: self };
  return { ...body, signature: ports.sign(phase, voteBytes(body)) };
}

/** Whether a vote is in the name of a member of this epoch. */
export const isVoters = ({ council }: Replica, vote: Vote): boolean =>
  vote.epoch === council.epoch && council.members.includes(vote.from);

/** Whether a vote is of a member of this epoch and signed by it. */
export function isGenuine(replica: Replica, vote: Vote): boolean {
  const { from, phase, signature } = vote;
  return isVoters(replica, vote) && replica.ports.verify(from, phase, voteBytes(vote), signature);
}

/** Keeps a message of a later view, the newest of each member. */
export function keepForLater({ later }: Replica, from: string, message: Message): void {
  const kept = later.get(from) ?? [];
  kept.push(message);
  if (kept.length > laterMessagesMax) kept.shift();
  const isProposal = ({ name }: Message) => name === "pre-prepare";
  if (kept.filter(isProposal).length > laterProposalsMax) {
    kept.splice(kept.findIndex(isProposal), 1);
  }
  later.set(from, kept);
}
