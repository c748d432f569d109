import {
  encodeHeader,
  keyId,
  quorum,
  type Signer,
  toBeSigned,
  type Verify,
} from "@busbar/protocol";
import type { Application } from "../../ledger/application.ts";
import type { CommittedBlock } from "../../ledger/block.ts";
import type { CertifiedHeader } from "../../ledger/block-table.ts";
import type { Store } from "../../ledger/store.ts";
import { openBlocksMax, type Said } from "./words.ts";

/** A committed block that lacks its certificate, with the signatures that came so far. */
type Open = {
  readonly block: CertifiedHeader;
  readonly bytes: Uint8Array;
  /** Keys that may sign it, by their id in hex. */
  readonly keys: ReadonlyMap<string, Uint8Array>;
  readonly needed: number;
  /** Somebody waits for the receipt of a frame in it. */
  readonly awaited: boolean;
  readonly signatures: Map<string, { readonly kid: Uint8Array; readonly signature: Uint8Array }>;
};

/**
 * Our certificates behind an engine that has its own: a quorum's signatures over the ledger's header, as
 * units and browsers check them. A member signs the header of a block that is decided and committed,
 * never of one that is voted on: signatures of several rounds could else come to a quorum for a block
 * that no round decided. They travel in the votes on later blocks (vote extensions), so everybody has
 * them when the next block is decided; proposers write them into blocks for those who were away.
 */
export class Certifying {
  readonly #store: Store;
  readonly #application: Application;
  readonly #signer: Signer;
  readonly #chain: string;
  readonly #verify: Verify;
  readonly #onCertified: (block: CommittedBlock) => void;
  /** By height, ascending. */
  readonly #open = new Map<number, Open>();
  /** Blocks as they were committed: what listeners are given. */
  readonly #fresh = new Map<number, CommittedBlock>();
  /** Height up to which listeners were told. */
  #told: number;

  constructor(options: {
    readonly store: Store;
    readonly application: Application;
    readonly signer: Signer;
    readonly chain: string;
    readonly verify: Verify;
    /** Called for each block once it is certified, in order of height. */
    readonly onCertified: (block: CommittedBlock) => void;
  }) {
    this.#store = options.store;
    this.#application = options.application;
    this.#signer = options.signer;
    this.#chain = options.chain;
    this.#verify = options.verify;
    this.#onCertified = options.onCertified;
    const { height, base } = options.store;
    let from = height;
    while (from > base && this.#lacks(from)) from -= 1;
    this.#told = from;
    for (let at = from + 1; at <= height; at += 1) this.#begin(at);
  }

  /** Committed blocks that lack a certificate. */
  get size(): number {
    return this.#open.size;
  }

  /** Whether a block with frames lacks its certificate: the votes on another one bring it. */
  get isWaiting(): boolean {
    return [...this.#open.values()].some(({ awaited }) => awaited);
  }

  /** A block was committed, without a certificate. */
  committed(block: CommittedBlock): void {
    this.#fresh.set(block.header.height, block);
    this.#begin(block.header.height);
  }

  /** The ledger stands at the block of a snapshot, which came with its certificate. */
  adopted(): void {
    this.#open.clear();
    this.#fresh.clear();
    this.#told = this.#store.height;
  }

  /** What this member says in its next vote; undefined where it has nothing to sign, or no key that counts. */
  say(): Said | undefined {
    const { kid, sign } = this.#signer;
    const mine = [...this.#open.values()].filter(({ keys }) => keys.has(hex(kid)));
    const signatures = mine.slice(0, openBlocksMax).map(({ block, bytes }) => ({
      height: block.header.height,
      signature: sign(toBeSigned(bytes, kid, { chain: this.#chain, kind: "block" })),
    }));
    if (signatures.length === 0) return undefined;
    const said = { kid, signatures };
    this.take(said);
    return said;
  }

  /** Whether each signature is one: of a block that is here, by who votes on it, and good. */
  holds({ kid, signatures }: Said): boolean {
    return signatures.every(({ height, signature }) => {
      const open = this.#open.get(height) ?? this.#described(height);
      return open !== undefined && this.#isGood(open, kid, signature);
    });
  }

  /** Takes what somebody said; what is not good is passed over. */
  take({ kid, signatures }: Said): void {
    for (const { height, signature } of signatures) {
      const open = this.#open.get(height);
      if (open === undefined || open.signatures.has(hex(kid))) continue;
      if (this.#isGood(open, kid, signature)) open.signatures.set(hex(kid), { kid, signature });
    }
    for (const [height, open] of this.#open) {
      if (open.signatures.size < open.needed) continue;
      const certificate = [...open.signatures.values()];
      this.#store.certify(height, certificate);
      this.#open.delete(height);
    }
    this.#tell();
  }

  #tell(): void {
    while (this.#told < this.#store.height && !this.#open.has(this.#told + 1)) {
      this.#told += 1;
      const fresh = this.#fresh.get(this.#told);
      this.#fresh.delete(this.#told);
      const stored = this.#store.header(this.#told);
      if (stored === undefined) continue;
      const { certificate } = stored;
      // Of a block before the last start, the store has all there is to tell.
      const block = fresh === undefined ? this.#store.block(this.#told) : { ...fresh, certificate };
      if (block !== undefined) this.#onCertified(block);
    }
  }

  #begin(height: number): void {
    const open = this.#described(height);
    if (open !== undefined) this.#open.set(height, open);
  }

  #described(height: number): Open | undefined {
    const block = this.#store.header(height);
    if (block === undefined) return undefined;
    const voters = this.#application.membershipAt(height).members.filter(({ voting }) => voting);
    return {
      block,
      bytes: encodeHeader(block.header),
      keys: new Map(voters.map(({ key }) => [hex(keyId(key)), key])),
      needed: quorum(voters.length),
      awaited: this.#store.framesOf(height).length > 0,
      signatures: new Map(),
    };
  }

  #lacks(height: number): boolean {
    return this.#store.header(height)?.certificate.length === 0;
  }

  #isGood({ bytes, keys }: Open, kid: Uint8Array, signature: Uint8Array): boolean {
    const key = keys.get(hex(kid));
    const message = toBeSigned(bytes, kid, { chain: this.#chain, kind: "block" });
    return key !== undefined && this.#verify(signature, message, key);
  }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
