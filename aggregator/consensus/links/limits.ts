/** How much and how long; times in ms of wall time. */
export type LinkLimits = {
  /** Longest message. A block of 4 MiB and what surrounds it, and the new view of 128 members, fit. */
  readonly messageBytesMax: number;
  /** What waits for one peer that reads slowly; more is dropped, so that it costs the others nothing. */
  readonly queueBytesMax: number;
  /** A connection that has not proved by then whose it is holds a socket for nothing. */
  readonly handshakeMsMax: number;
  /** Strangers' sockets at once; one more ends the oldest, as a member's handshake takes a moment. */
  readonly unprovenMax: number;
  /** Connections of one address: a handshake costs us a signature. */
  readonly connects: { readonly burst: number; readonly perSecond: number };
  /** A side that has nothing to say says so this often … */
  readonly heartbeatMs: number;
  /** … and one that says nothing for so long is gone: TCP alone would wait for minutes. */
  readonly silenceMsMax: number;
  /** Before the next attempt: doubling between these, jittered. */
  readonly redialMs: { readonly min: number; readonly max: number };
};

export const usualLimits: LinkLimits = {
  messageBytesMax: 16 * 1024 * 1024,
  queueBytesMax: 32 * 1024 * 1024,
  handshakeMsMax: 5_000,
  unprovenMax: 64,
  connects: { burst: 64, perSecond: 8 },
  heartbeatMs: 2_000,
  silenceMsMax: 10_000,
  redialMs: { min: 200, max: 5_000 },
};
