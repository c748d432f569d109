/** Every bound of the broker. The comment of each says which fault or attack it stops. */
export type BrokerLimits = {
  /** Bytes of one packet after its fixed header: memory filled by one announced giant packet. */
  readonly packetBytesMax: number;
  /** From the first byte to CONNECT (and for the TLS handshake): connections held open by nobody. */
  readonly connectTimeoutMs: number;
  /** A reader that takes nothing for this long is closed: routing waits for it meanwhile. */
  readonly drainTimeoutMs: number;
  /** Bytes waiting for one reader: memory filled by a reader that stopped within the drain timeout. */
  readonly unsentBytesMax: number;
  /** Largest keep-alive a client may ask for: dead peers that hold a connection for hours. */
  readonly keepaliveSecondsMax: number;
  /** Connections at once: file handles and memory eaten by a flood of them. */
  readonly connectionsMax: number;
  /** Connections of one identity: one stolen or looping key that takes all places. */
  readonly connectionsPerIdentity: number;
  /** The same of a member, whose workers and commands sign in under its id. */
  readonly connectionsPerMember: number;
  /** Connections one address may open at once … */
  readonly connectBurst: number;
  /** … and then each second: floods of logins, each of which costs a signature check. */
  readonly connectsPerSecond: number;
  /** Addresses whose allowance is remembered: memory eaten by a flood from many addresses. */
  readonly addressesMax: number;
  /** Longest life of a login token: a token read off the wire is soon worthless. */
  readonly loginLifeMsMax: number;
  /** How far a client's clock may be off: an edge unit is refused for a second's drift otherwise. */
  readonly loginClockMs: number;
  /** Used tokens remembered until they expire: replay of a token, and memory eaten by tokens. */
  readonly spentTokensMax: number;
  /** Levels of a topic: deep topics make the router's matcher throw. */
  readonly topicLevelsMax: number;
  /** Different filters of one connection: a routing table grown without end. */
  readonly filtersPerConnection: number;
  /** The same of a member: a worker hears the answers of each device that it takes care of. */
  readonly filtersPerMember: number;
  /** QoS 2 publishes awaiting PUBREL per connection: half-open handshakes kept in memory. */
  readonly halfOpenMax: number;
  /** Wait for the PUBACK of a delivery: a client that reads and never acknowledges. */
  readonly acknowledgeMsMax: number;
  /** Lines a second about turned-away clients: a disk filled with log. */
  readonly logLinesPerSecond: number;
};

export const brokerLimits: BrokerLimits = {
  packetBytesMax: 16_384,
  connectTimeoutMs: 8_000,
  drainTimeoutMs: 3_000,
  // More than a full window of receipts (64 of at most 16 KiB each).
  unsentBytesMax: 4 * 1024 * 1024,
  keepaliveSecondsMax: 120,
  connectionsMax: 4_000,
  connectionsPerIdentity: 4,
  connectionsPerMember: 80,
  // A whole site may reconnect from behind one address after a power cut.
  connectBurst: 200,
  connectsPerSecond: 20,
  addressesMax: 10_000,
  loginLifeMsMax: 60_000,
  loginClockMs: 5_000,
  spentTokensMax: 50_000,
  topicLevelsMax: 7,
  filtersPerConnection: 128,
  filtersPerMember: 250_000,
  halfOpenMax: 32,
  acknowledgeMsMax: 10_000,
  logLinesPerSecond: 5,
};
