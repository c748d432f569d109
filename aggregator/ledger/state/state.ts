/**
 * The ledger's state as rules see it: an ordered map from keys to CBOR bytes. Keys are printable
 * ASCII, so that every machine sorts them alike.
 */
export interface StateReader {
  get(key: string): Uint8Array | undefined;
  /** All entries whose key starts with `prefix`, sorted by key. Nothing may be written while it is
   * walked. */
  scan(prefix: string): Iterable<readonly [string, Uint8Array]>;
}

/** A state that a rule may change. Bytes handed over are never changed afterwards, by either side. */
export interface State extends StateReader {
  set(key: string, value: Uint8Array): void;
  delete(key: string): void;
}
