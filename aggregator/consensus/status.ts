import { faultsTolerated } from "./tolerance.ts";

/** How this member's link to another one stands. */
export type PeerState = {
  readonly id: string;
  readonly address: string | null;
  /** Our connection to it stands; its connection to us does. One of them is enough. */
  readonly reached: boolean;
  readonly heard: boolean;
  /** Why ours does not stand: one of `linkCodes`. */
  readonly problem: string | null;
};

/** How the agreement on blocks stands, seen by one member. */
export type ConsensusStatus = {
  readonly engine: "recorder" | "pbft" | "cometbft";
  /** Members that vote on the next block. */
  readonly voters: number;
  readonly faultsTolerated: number;
  /** Null with a recorder, which leads alone, and with CometBFT, whose rounds are its own matter. */
  readonly view: number | null;
  readonly leader: string | null;
  /** Frames that wait for their block. */
  readonly waiting: number;
  readonly peers: readonly PeerState[];
  /** What the engine dropped and what ended links, by code. */
  readonly counts: Readonly<Record<string, number>>;
  /** Members that this one can prove to have said two things. */
  readonly liars: readonly string[];
  /** Members that signed another result of a block than the quorum's, and the first such block. */
  readonly deviating: readonly { readonly member: string; readonly height: number }[];
};

/** Of a member that orders alone. */
export function recorderStatus(waiting: number): ConsensusStatus {
  return {
    engine: "recorder",
    voters: 1,
    faultsTolerated: faultsTolerated(1),
    view: null,
    leader: null,
    waiting,
    peers: [],
    counts: {},
    liars: [],
    deviating: [],
  };
}
