/** Every bound of ingest. The comment of each says which fault or attack it stops. */
export type IngestLimits = {
  /** How long a message waits for a place in a full pool before it is refused: a client whose
   * packets are held longer than its keep-alive is taken for dead. */
  readonly poolWaitMs: number;
  /** How often a full pool is asked again. */
  readonly poolRetryMs: number;
  /** Messages that wait at once: memory filled while the ledger stands still. */
  readonly waitingMax: number;
  /** Signatures that wait for their check at once: memory filled by a storm of messages, good or bad. */
  readonly checksMax: number;
  /** Bad messages kept for a person to look at: memory filled with garbage. */
  readonly quarantineMax: number;
  /** Bytes kept of each. */
  readonly quarantineBytes: number;
  /** Lines a second about bad messages: a disk filled with log. */
  readonly logLinesPerSecond: number;
};

export const ingestLimits: IngestLimits = {
  poolWaitMs: 2_000,
  poolRetryMs: 50,
  waitingMax: 4_096,
  checksMax: 8_192,
  quarantineMax: 256,
  quarantineBytes: 1_024,
  logLinesPerSecond: 5,
};
