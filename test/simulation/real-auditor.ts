import { compareBytes } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { nameOf } from "../../aggregator/consensus/frame-name.ts";
import type { CommittedBlock } from "../../aggregator/ledger/block.ts";
import type { Genesis } from "../../aggregator/ledger/genesis.ts";
import { sha256 } from "../../aggregator/ledger/sha256.ts";
import { verifyLedger } from "../../aggregator/ledger/verify.ts";
import { Violation } from "./auditor.ts";
import type { RealMember } from "./real-member.ts";

/** Looks at each block as members commit it, and at the end at all that is on their disks. */
export class RealAuditor {
  readonly #genesis: Genesis;
  readonly #hashes: Uint8Array[] = [];
  readonly #heights = new Map<string, number>();
  readonly #places = new Map<string, number>();

  constructor(genesis: Genesis) {
    this.#genesis = genesis;
  }

  get height(): number {
    return this.#hashes.length;
  }

  /** Frames that stand in blocks. */
  get frames(): number {
    return this.#places.size;
  }

  has(frame: Uint8Array): boolean {
    return this.#places.has(nameOf(sha256(frame)));
  }

  /** Throws: `Violation`. */
  look({ id }: RealMember, { header, hash, hashes }: CommittedBlock): void {
    const { height, previous } = header;
    const last = this.#heights.get(id) ?? 0;
    // A member that was killed between its disk and its listeners tells of the block no more.
    if (height <= last) throw new Violation(`${id} commits ${height} after ${last}`);
    this.#heights.set(id, height);
    const known = this.#hashes[height - 1];
    if (known !== undefined) {
      if (compareBytes(known, hash) === 0) return;
      throw new Violation(`two blocks at height ${height}; ${id} has the second`);
    }
    const before = this.#hashes[height - 2];
    if (height !== this.height + 1 || (before && compareBytes(before, previous) !== 0)) {
      throw new Violation(`block ${height} of ${id} does not follow ${this.height}`);
    }
    this.#hashes.push(hash);
    for (const name of hashes.map(nameOf)) {
      const place = this.#places.get(name);
      if (place !== undefined) throw new Violation(`a frame stands in ${place} and ${height}`);
      this.#places.set(name, height);
    }
  }

  /** Whether disks are equal, and each is what running the ledger again from genesis comes to: states,
   * certificates, each reading once, money and energy that sum to nothing; and whether nothing is lost that
   * was acknowledged, but what may come too late (`mayLapse`, by hash). Throws: `Violation`. */
  settle(
    members: readonly RealMember[],
    frames: number,
    mayLapse: (hash: string) => boolean = () => false,
  ): void {
    for (const { id, life, acknowledged } of members) {
      const { store } = life;
      const verified = verifyLedger({ store, genesis: this.#genesis, verify });
      if (!verified.ok) throw new Violation(`${id}: ${verified.code} at ${verified.height}`);
      if (verified.height !== this.height) throw new Violation(`${id} ends at ${verified.height}`);
      for (const [i, hash] of this.#hashes.entries()) {
        const own = store.header(i + 1)?.hash;
        if (own === undefined || compareBytes(own, hash) !== 0) {
          throw new Violation(`${id} has another block ${i + 1} on its disk`);
        }
      }
      if (verified.transactions !== frames) {
        throw new Violation(`${id} has ${verified.transactions} of ${frames} frames`);
      }
      for (const hash of acknowledged) {
        if (store.placeOf(Buffer.from(hash, "hex")) === undefined && !mayLapse(hash)) {
          throw new Violation(`${id} acknowledged ${hash}, which is lost`);
        }
      }
    }
  }
}
