/** What happened on a bus since it was opened; nothing is dropped without being counted. */
export type BusCounters = {
  requests: number;
  replies: number;
  exceptions: number;
  timeouts: number;
  /** Answers to a read that had timed out. */
  late: number;
  /** Answers that came a second time. */
  repeated: number;
  /** Valid answers from a unit, or of a length, that nobody had asked for. */
  unexpected: number;
  /** Requests of another master on the line. */
  foreign: number;
  echoes: number;
  noiseBytes: number;
  /** Reads lengthened so that a late answer could not be taken for theirs. */
  lengthened: number;
  /** The line did not fall silent in time after a timeout. */
  babble: number;
  /** Modbus TCP streams cut off because they were no Modbus TCP. */
  broken: number;
  /** Connections that brought nothing any more and were given up for a new one. */
  abandoned: number;
  opens: number;
  openFailures: number;
  lost: number;
};

/** All at zero. */
export const noCounts = (): BusCounters => ({
  requests: 0,
  replies: 0,
  exceptions: 0,
  timeouts: 0,
  late: 0,
  repeated: 0,
  unexpected: 0,
  foreign: 0,
  echoes: 0,
  noiseBytes: 0,
  lengthened: 0,
  babble: 0,
  broken: 0,
  abandoned: 0,
  opens: 0,
  openFailures: 0,
  lost: 0,
});
