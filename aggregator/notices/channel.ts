import type { Notice } from "./notice.ts";

/** The code of a `Failure` that says: not before the owner is there. It costs no attempt. */
export const nobodyListens = "notice.nobody-listens";

/** One way to an owner. `deliver` resolves when the receiver has the notice, and throws a `Failure`
 * whose `retry` says whether to try again. */
export type Channel = {
  readonly name: "mqtt" | "webhook";
  deliver(notice: Notice): Promise<void>;
};

/** The channels of each owner. */
export type ChannelsOf = (owner: string) => readonly Channel[];
