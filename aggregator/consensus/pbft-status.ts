import { leaderOf } from "./pbft/council.ts";
import type { Evidence } from "./pbft/ports.ts";
import type { Replica } from "./pbft/state.ts";

/** Where a member stands, for people. */
export type PbftStatus = {
  readonly epoch: number;
  readonly members: readonly string[];
  readonly view: number;
  /** The view asked for; other than `view` while no leader is in force. */
  readonly asked: number;
  readonly leader: string;
  readonly height: number;
  readonly waiting: number;
  /** What was dropped or came to pass, by reason. */
  readonly counts: Readonly<Record<string, number>>;
  /** Messages of each member that were dropped: none of the protocol's, or too many. */
  readonly refused: Readonly<Record<string, number>>;
  /** Members that were caught saying two things, and how often. */
  readonly evidence: readonly Evidence[];
  /** Members that signed another result than the quorum's, with the first such block. */
  readonly deviating: readonly { readonly member: string; readonly height: number }[];
};

export function statusOf(
  { council, view, asked, height }: Replica,
  rest: Pick<PbftStatus, "waiting" | "counts" | "refused" | "evidence" | "deviating">,
): PbftStatus {
  const { epoch, members } = council;
  return { epoch, members, view, asked, leader: leaderOf(council, asked), height, ...rest };
}
