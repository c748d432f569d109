import type { Refused } from "@busbar/protocol";

/** A signed frame that waits for its receipt. `ref` is SHA-256 of the frame in hex. */
export type Outgoing = {
  readonly ref: string;
  readonly frame: Uint8Array;
  /** Sequence numbers that a readings batch holds. */
  readonly range?: { readonly first: number; readonly last: number };
};

/** Whether a frame is on the ledger. */
export type FrameState = "signed" | "sent" | "committed" | "refused";

/**
 * Frames on the disk that the link has to bring to the ledger. A lane is sent in order; lanes do not
 * wait for each other.
 */
export interface Outbox {
  /** Which of the device's topics the frames go to. */
  readonly topic: "readings" | "quotes";
  lanes(): readonly string[];
  /** The oldest frames of a lane without a receipt, in order. */
  pending(lane: string, limit: number): readonly Outgoing[];
  sent(refs: readonly string[]): void;
  /** A verified receipt came. The frame's lane, or undefined when none of these waits for it. */
  committed(ref: string, receipt: Uint8Array): string | undefined;
  /**
   * The ledger's own chain says that it holds all of a lane's frames up to a number: those of them that
   * were refused wait for nothing. Returns how many. Only where frames stand in chains.
   */
  proven?(lane: string, upTo: number, proof: Uint8Array): number;
  /** The lane of a refused frame, with the refusal noted; undefined when the frame is none of these. */
  refused(
    ref: string,
    refused: Refused,
  ): { readonly lane: string; readonly frame: Outgoing } | undefined;
}
