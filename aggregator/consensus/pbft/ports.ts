import type { Certificate } from "@busbar/protocol";
import type {
  Block,
  BlockVote,
  Certified,
  Message,
  NewView,
  Prepared,
  Proposal,
  Vote,
} from "./messages.ts";

/** A vote's or a view's mark on the disk, written before anything that follows from it is sent. */
export type DurableRecord =
  /** The view that this member is in, or asks for. */
  | { readonly kind: "view"; readonly epoch: number; readonly view: number; readonly asked: number }
  /** Why the view is in force, and what its leader took over from earlier views. */
  | { readonly kind: "new-view"; readonly epoch: number; readonly newView: NewView }
  /** A proposal that this member made or voted for. */
  | {
      readonly kind: "accepted";
      readonly epoch: number;
      readonly prePrepare: Vote;
      readonly proposal: Proposal;
    }
  /** What this member saw prepared before it said commit. */
  | { readonly kind: "prepared"; readonly epoch: number; readonly prepared: Prepared };

/** Two signed words of one member that exclude each other. */
export type Evidence = { readonly member: string; readonly first: Vote; readonly second: Vote };

/** A member's word on a block, and the header of that block that a quorum came to instead. */
export type Deviating = { readonly vote: BlockVote; readonly certified: Certified };

/** What the shell does, in this order: whatever comes after a `persist` waits until it is on disk. */
export type Effect =
  | { readonly do: "persist"; readonly record: DurableRecord }
  | { readonly do: "send"; readonly to: string | "all"; readonly message: Message }
  /** Step again, with `frames`: what was to be said has gone out, and others' words may be looked at. */
  | { readonly do: "go-on" }
  /** Run what will be ordered at the next height if the others agree, and answer with `ran`; what fails
   * in it ends nothing. */
  | { readonly do: "foresee"; readonly proposal: Proposal }
  /** Run the block that was ordered at the next height, and answer with `ran`. */
  | { readonly do: "run"; readonly proposal: Proposal }
  /** Put the block that ran last on disk. Its records are needed no more. */
  | { readonly do: "certify"; readonly height: number; readonly certificate: Certificate }
  /** Run a block that others certified, compare its header, put it on disk; answer with `applied`. */
  | { readonly do: "apply"; readonly height: number; readonly block: Block }
  /** Send the blocks above a height to a member that lacks them. */
  | { readonly do: "serve"; readonly to: string; readonly above: number }
  | { readonly do: "report"; readonly evidence: Evidence }
  /** A member signed another header than the one that a quorum came to. */
  | { readonly do: "deviates"; readonly deviating: Deviating }
  | { readonly do: "count"; readonly reason: string };

/** Who votes on a height: another epoch begins when they or their keys are others. */
export type Voters = { readonly epoch: number; readonly members: readonly string[] };

/** What happens to a replica. */
export type Event =
  | { readonly kind: "message"; readonly from: string; readonly message: Message }
  /** The proposal of `run` or `foresee` has been executed. */
  | {
      readonly kind: "ran";
      readonly height: number;
      /** `next`: the voters of the next height. Undefined: what was foreseen cannot be run. */
      readonly result: { readonly header: Uint8Array; readonly next: Voters } | undefined;
    }
  /** The block of `apply` is on disk, or was not what its certificate says. */
  | {
      readonly kind: "applied";
      readonly height: number;
      /** Undefined: it is not on disk. */
      readonly result: { readonly header: Uint8Array; readonly next: Voters } | undefined;
    }
  /** Frames have come, or may be proposed now. */
  | { readonly kind: "frames" }
  /** Time has passed. */
  | { readonly kind: "tick" };

/** What a replica asks of its surroundings; all of it answers at once and changes nothing. */
export type Ports = {
  readonly clock: {
    /** Monotonic ms. */
    now(): number;
    /** Site ms. */
    site(): number;
  };
  readonly sign: (kind: string, payload: Uint8Array) => Uint8Array;
  readonly verify: (
    member: string,
    kind: string,
    payload: Uint8Array,
    signature: Uint8Array,
  ) => boolean;
  /** The id of a member's key. */
  readonly kid: (member: string) => Uint8Array;
  readonly pool: {
    /** Since when (monotonic ms) the oldest frame waits that stands in no block. */
    oldestSince(): number | undefined;
    /** By how much (ms) a frame that stands in a block came here after the oldest that waits; one that
     * was not here came with its block. Nobody is held back where all wait for their turn. */
    overtakenMs(): number;
    /** Frames for the next block, without those of the proposals under way; undefined: none is wanted. */
    next(underWay: readonly Proposal[]): readonly Uint8Array[] | undefined;
  };
  /** Whether the frames of a proposal may be voted for: within the limits, genuine, not on the chain. */
  readonly acceptable: (proposal: Proposal) => boolean;
};
