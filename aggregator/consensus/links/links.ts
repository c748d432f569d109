/** Another member, as the membership and the configuration name it. */
export type Peer = {
  readonly id: string;
  /** Its raw Ed25519 public key, 32 bytes: who proves another one is not it. */
  readonly key: Uint8Array;
  /** `host:port` at which its link listens; undefined: it is not dialled, and has to connect itself. */
  readonly address: string | undefined;
};

/** How members reach each other. */
export interface Links {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Best effort, in order for each peer, bounded: what does not fit is dropped (the protocol says
   * it again). Never waits and never throws for what a network does. */
  send(to: string | "all", message: Uint8Array): void;
  /** What was sent in this turn of the event loop goes out now, together; without it, at the turn's end. */
  flush?(): void;
  /** `from`: the member whose pinned key the connection proved. One listener, set before `start`. */
  onMessage(listener: (from: string, message: Uint8Array) => void): void;
  /** Who may connect and whom to dial, self excluded; called again when the membership changes. */
  setPeers(peers: readonly Peer[]): void;
}
