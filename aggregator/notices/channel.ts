import type { NoticeChannel } from "@busbar/protocol";
import type { Told } from "./told.ts";

/** The code of a `Failure` that says: not before the owner is there. It costs no attempt. */
export const nobodyListens = "notice.nobody-listens";

/**
 * A channel of the outbox: an owner's own, or a webhook that a member's configuration names, which no
 * other member knows of.
 */
export type ChannelName = NoticeChannel | "member-webhook";

/** What a member sends without a lease: over its own broker, and what it alone knows of. */
export const unleased: readonly ChannelName[] = ["mqtt", "member-webhook"];

/** One way to an owner. `deliver` resolves when the receiver has the notice, and throws a `Failure`
 * whose `retry` says whether to try again. */
export type Channel = {
  readonly name: ChannelName;
  deliver(told: Told): Promise<void>;
};

/**
 * An owner's channel as it is now; undefined: the owner does not want it any more.
 * Throws: `Failure` where it is wanted and cannot be had.
 */
export type ChannelOf = (owner: string, name: ChannelName) => Channel | undefined;
