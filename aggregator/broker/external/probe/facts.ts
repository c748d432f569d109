/** What was seen of a broker. What is absent was not looked at, or could not be. */
export type Facts = {
  readonly connectMs?: number;
  /** Whether it lets in who says no name. */
  readonly anonymous?: boolean;
  readonly mqtt311?: boolean;
  readonly mqtt5?: boolean;
  /** What an MQTT 5 CONNACK promises. */
  readonly promises?: {
    readonly packetBytes?: number;
    readonly receiveMaximum?: number;
    readonly share?: boolean;
    readonly retain?: boolean;
    readonly sessionSeconds?: number;
  };
  /** QoS 1, there and back: messages of how many, in the order in which they were sent. */
  readonly inOrder?: { readonly came: number; readonly of: number; readonly ordered: boolean };
  readonly retained?: { readonly byName: boolean; readonly byWildcard: boolean };
  /** What each of two subscribers of one `$share` got of how many. */
  readonly share?: {
    readonly granted: boolean;
    readonly got: readonly number[];
    readonly of: number;
  };
  /** The largest payload of those tried that came back whole, bytes. */
  readonly payloadBytes?: number;
  readonly payloadTriedBytes?: number;
  /** Messages that came to a session that was away, of how many. */
  readonly queued?: { readonly came: number; readonly of: number; readonly remembered: boolean };
  /** Whether a message without acknowledgement comes again, and is marked so. */
  readonly replayed?: { readonly again: boolean; readonly marked: boolean };
  readonly will?: boolean;
  /** Filters that one connection was granted, of how many. */
  readonly filters?: { readonly granted: number; readonly of: number };
  /** Whether a second connection of a client id ends the first. */
  readonly takesOver?: boolean;
  /** What was still there after the broker was killed. */
  readonly killed?: {
    readonly backMs: number;
    readonly retained: boolean;
    readonly queued: number;
    readonly of: number;
  };
};

/** One line of the table. `unprobed`: nothing is claimed. */
export type Row = {
  readonly check: string;
  readonly state: "good" | "note" | "bad" | "unprobed";
  readonly saw: string;
};
