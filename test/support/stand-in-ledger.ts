import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs";
import {
  type Answer,
  type BlockHeader,
  chainHeads,
  chainStart,
  compareBytes,
  decodeMessage,
  encodeHeader,
  inclusionProof,
  type Kind,
  type Membership,
  merkleRoot,
  openFrame,
  type Receipt,
  type Signer,
  toBeSigned,
  type UtcMs,
  utcMs,
  validatorsHash,
} from "@busbar/protocol";

/** A frame that was committed. */
export type CommittedFrame = { readonly kind: Kind; readonly bytes: Uint8Array };

/** What became of a frame: the ledger's receipt, or why it was not taken. */
export type Verdict = Extract<Answer, { kind: "receipt" | "refused" }>;

type Meter = { next: number; head: Uint8Array };

/**
 * What a ledger is to an edge unit, without rules of its own: each meter's readings in order, each
 * frame once, real receipts with one member's signature. With a file, a frame is on the disk before
 * it is answered, and the next ledger on that file goes on from there.
 */
export class StandInLedger {
  readonly chain: string;
  readonly member: Signer;
  readonly frames: CommittedFrame[] = [];
  /** When a block is made. */
  time: () => UtcMs = () => utcMs(1);
  readonly #meters = new Map<string, Meter>();
  readonly #receipts = new Map<string, Receipt>();
  #file: number | undefined;

  constructor(chain: string, member: Signer, file?: string) {
    this.chain = chain;
    this.member = member;
    if (file === undefined) return;
    const stored = storedFrames(file);
    for (const bytes of stored) this.take(bytes);
    this.#file = openSync(file, "a");
    // A record that a kill cut off: what is appended behind it could not be read again.
    ftruncateSync(
      this.#file,
      stored.reduce((sum, { length }) => sum + 4 + length, 0),
    );
  }

  get membership(): Membership {
    return { chain: this.chain, members: [{ id: "m1", key: this.member.publicKey, voting: true }] };
  }

  get height(): number {
    return this.#receipts.size;
  }

  /** Readings that are on the ledger, by meter. */
  committed(meter: string): number {
    return (this.#meters.get(meter)?.next ?? 1) - 1;
  }

  /** Whether these bytes were committed before. */
  knows(bytes: Uint8Array): boolean {
    return this.#receipts.has(hex(sha256(bytes)));
  }

  /** Commits a frame, or answers again for one that it knows. */
  take(bytes: Uint8Array): Verdict {
    const ref = sha256(bytes);
    const known = this.#receipts.get(hex(ref));
    if (known !== undefined) return { kind: "receipt", receipt: known };
    const opened = openFrame(bytes);
    if (!opened.ok) return refusal(bytes, opened.code);
    const { kind, envelope } = opened.frame;
    const wrong = this.#apply(kind, envelope.payload);
    if (wrong !== undefined) return refusal(bytes, wrong.code, wrong.expected);
    this.#store(bytes);
    this.frames.push({ kind, bytes });
    const receipt = this.receiptOf(bytes);
    this.#receipts.set(hex(ref), receipt);
    return { kind: "receipt", receipt };
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  /** A receipt of a block that holds this frame between two others. */
  receiptOf(frame: Uint8Array): Receipt {
    const leaves = [Uint8Array.of(1), frame, Uint8Array.of(2)];
    const zero = new Uint8Array(32);
    const { members } = this.membership;
    const header: BlockHeader = {
      chain: this.chain,
      height: this.#receipts.size + 1,
      time: this.time(),
      previous: zero,
      txRoot: merkleRoot(leaves),
      resultsRoot: zero,
      appHash: zero,
      validatorsHash: validatorsHash(members),
      proposer: "m1",
      view: 0,
    };
    const { kid } = this.member;
    const signed = toBeSigned(encodeHeader(header), kid, { chain: this.chain, kind: "block" });
    const certificate = [{ kid, signature: this.member.sign(signed) }];
    return { header, certificate, index: 1, size: 3, proof: inclusionProof(leaves, 1), frame };
  }

  #apply(kind: Kind, payload: Uint8Array): { code: string; expected?: number } | undefined {
    if (kind !== "readings") return undefined;
    const decoded = decodeMessage("readings", payload);
    if (!decoded.ok) return { code: decoded.code };
    const { meter, first, prev, entries } = decoded.message;
    const at = this.#meters.get(meter) ?? { next: 1, head: chainStart(this.chain, meter) };
    if (first !== at.next)
      return { code: first > at.next ? "readings.gap" : "readings.overlap", expected: at.next };
    if (compareBytes(prev, at.head) !== 0) return { code: "readings.chain", expected: at.next };
    this.#meters.set(meter, { next: first + entries.length, head: chainHeads(prev, entries) });
    return undefined;
  }

  #store(bytes: Uint8Array): void {
    if (this.#file === undefined) return;
    const record = new Uint8Array(4 + bytes.length);
    new DataView(record.buffer).setUint32(0, bytes.length);
    record.set(bytes, 4);
    writeSync(this.#file, record);
    fdatasyncSync(this.#file);
  }
}

/** The frames in a stand-in's file, in order; one that was cut off by a kill was never answered. */
export function storedFrames(file: string): Uint8Array[] {
  if (!existsSync(file)) return [];
  const bytes = new Uint8Array(readFileSync(file));
  const view = new DataView(bytes.buffer);
  const frames: Uint8Array[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const end = at + 4 + view.getUint32(at);
    if (end > bytes.length) break;
    frames.push(bytes.slice(at + 4, end));
    at = end;
  }
  return frames;
}

/** That a frame is not taken, and, of readings, from which number on they are missed. */
export function refusal(bytes: Uint8Array, code: string, expected?: number): Verdict {
  const ref = sha256(bytes);
  const more = expected === undefined ? {} : { expected };
  return { kind: "refused", refused: { ref, code, message: code, ...more } };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const sha256 = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(createHash("sha256").update(bytes).digest());
