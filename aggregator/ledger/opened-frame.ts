import {
  compareBytes,
  decodeMessage,
  type Frame,
  type Kind,
  keyId,
  type Message,
  openFrame,
  type Refusal,
  toBeSigned,
  type Verify,
  verifyEnvelope,
} from "@busbar/protocol";
import { sha256 } from "./sha256.ts";

/** By the bytes themselves, and for as long as they are held: the pool bounds how many there are. */
const known = new WeakMap<Uint8Array, OpenedFrame>();

/**
 * What a frame's bytes say. Bytes that were looked at before are not opened again: ingest, pool and
 * block see the same ones. They are never changed.
 */
export function openedFrame(bytes: Uint8Array): OpenedFrame {
  const before = known.get(bytes);
  if (before !== undefined) return before;
  const opened = new OpenedFrame(bytes);
  known.set(bytes, opened);
  return opened;
}

/** A signature over a message, and the key whose it should be. */
export type Signed = {
  /** 64 bytes. */
  readonly signature: Uint8Array;
  readonly message: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
};

/** SHA-256 of a frame: of one that was opened, as it was found then. */
export function hashOf(bytes: Uint8Array): Uint8Array {
  return known.get(bytes)?.hash ?? sha256(bytes);
}

type Decoded = { readonly ok: true; readonly message: Message<Kind> } | Refusal;

/** All that follows from a frame's bytes alone, whatever the ledger's state is. */
export class OpenedFrame {
  readonly bytes: Uint8Array;
  #hash: Uint8Array | undefined;
  #opened: ReturnType<typeof openFrame> | undefined;
  #decoded: Decoded | undefined;
  /** What the last check of its signature found. */
  #checked:
    | { readonly key: Uint8Array; readonly chain: string; readonly good: boolean }
    | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** SHA-256. */
  get hash(): Uint8Array {
    this.#hash ??= sha256(this.bytes);
    return this.#hash;
  }

  /** Its parts; codes `frame.*`, `envelope.*`, `cbor.*`. */
  get opened(): { readonly ok: true; readonly frame: Frame } | Refusal {
    this.#opened ??= openFrame(this.bytes);
    return this.#opened;
  }

  /** Its content; codes as `opened`'s, then `cbor.*`, `message.shape`. It is shared: not to be changed. */
  get content(): Decoded {
    const { opened } = this;
    if (!opened.ok) return opened;
    const { kind, envelope } = opened.frame;
    this.#decoded ??= decodeMessage(kind, envelope.payload);
    return this.#decoded;
  }

  /** Whether this key signed it for this chain. */
  isSignedBy(key: Uint8Array, chain: string, verify: Verify): boolean {
    const known = this.#checked;
    if (known?.chain === chain && compareBytes(known.key, key) === 0) return known.good;
    const { opened } = this;
    if (!opened.ok) return false;
    const { kind, envelope } = opened.frame;
    const good = verifyEnvelope(envelope, { chain, kind }, key, verify);
    this.#checked = { key, chain, good };
    return good;
  }

  /** What `isSignedBy` would have to check, for who has it checked elsewhere; undefined: nothing. */
  toCheck(key: Uint8Array, chain: string): Signed | undefined {
    const { opened } = this;
    if (!opened.ok || this.#checked !== undefined) return undefined;
    const { kind, envelope } = opened.frame;
    const { kid, payload, signature } = envelope;
    // Whose id it does not carry, that key did not sign.
    if (compareBytes(keyId(key), kid) !== 0) return undefined;
    return { signature, message: toBeSigned(payload, kid, { chain, kind }), publicKey: key };
  }

  /** Takes in what a check elsewhere found. */
  wasChecked(key: Uint8Array, chain: string, good: boolean): void {
    this.#checked = { key, chain, good };
  }

  /** Forgets the content, which takes several times as much memory as the bytes. */
  forgetContent(): void {
    this.#decoded = undefined;
  }
}
