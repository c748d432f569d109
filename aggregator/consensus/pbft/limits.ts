/** Most members with a vote. */
export const membersMax = 128;

/** Heights above the newest certified block that a member takes part in. Bounds what a view change
 * carries and what a flood of votes can make a member keep. */
export const windowSize = 8;

/** Heights that a leader has under way at once. */
export const inFlightMax = 4;

/** Messages of later views kept for each member until that view comes; what is more is sent again. */
export const laterMessagesMax = 64;

/** Proposals among those: each may have the bytes of a block. */
export const laterProposalsMax = windowSize;

/** Blocks sent in answer to one request for them: on a busy machine an answer takes a second, whatever
 * is in it. */
export const blocksPerAnswer = 64;

/** Bytes of blocks kept until their turn comes, beyond the next one: a liar's answer fills no memory. */
export const blockBytesMax = 32 * 1024 * 1024;

/** Time limits, in ms of a monotonic clock. */
export type Timing = {
  /** Without progress for so long, with work waiting, the view is changed; a leader has this time
   * besides what blocks take here. */
  readonly requestMs: number;
  /** What blocks were measured to take is waited for besides, up to this: a leader that is slow on
   * purpose gains no more. */
  readonly measuredMsMax: number;
  /** A request that was overtaken by so much, and besides by four blocks, is being held back. */
  readonly censorMs: number;
  /** The limits double with each view in a row that failed, up to this. */
  readonly requestMsMax: number;
  /** What may have been lost is sent again after so long without progress. */
  readonly resendMs: number;
  /** Each member says where it stands this often. */
  readonly statusMs: number;
  /** How far a proposal's time may be from a member's own site clock. */
  readonly clockMsMax: number;
};

export const usualTiming: Timing = {
  requestMs: 1_000,
  measuredMsMax: 10_000,
  censorMs: 4_000,
  requestMsMax: 60_000,
  resendMs: 250,
  statusMs: 500,
  clockMsMax: 30_000,
};
