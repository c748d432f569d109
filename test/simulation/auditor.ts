import { blockHash } from "@busbar/protocol";
import { councilOf } from "../../aggregator/consensus/pbft/council.ts";
import type { Member } from "./member.ts";
import type { ToyKeys } from "./toy-crypto.ts";
import { type ToyBlock, text } from "./toy-ledger.ts";

/** What must never be broken was. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/** Looks at honest members' disks, knows nothing of how they came to be, and forgets nothing. */
export class Auditor {
  readonly #keys: ToyKeys;
  readonly #chain: ToyBlock[] = [];
  readonly #places = new Map<string, number>();
  readonly #seen = new Map<string, number>();

  constructor(keys: ToyKeys) {
    this.#keys = keys;
  }

  get height(): number {
    return this.#chain.length;
  }

  /** Height at which a frame stands. */
  placeOf(frame: Uint8Array): number | undefined {
    return this.#places.get(text(frame));
  }

  /** Looks at what is new on a member's disk. Throws: `Violation`. */
  look(member: Member): void {
    const { blocks, balances } = member.disk.ledger;
    const seen = this.#seen.get(member.id) ?? 0;
    if (blocks.length < seen) throw new Violation(`${member.id} lost block ${seen}`);
    for (const block of blocks.slice(seen)) this.#block(member, block);
    this.#seen.set(member.id, blocks.length);
    if (blocks.length === seen) return;
    const sum = [...balances.values()].reduce((a, b) => a + b, 0);
    if (sum !== 0) throw new Violation(`${member.id} made ${sum} out of nothing`);
  }

  #block(member: Member, block: ToyBlock): void {
    const { height } = block.header;
    const known = this.#chain[height - 1];
    if (known === undefined) return this.#first(member, block);
    if (!same(blockHash(known.header), blockHash(block.header))) {
      throw new Violation(`two blocks at height ${height}; ${member.id} has the second`);
    }
  }

  #first(member: Member, block: ToyBlock): void {
    const { header, certificate, bytes, frames, voters } = block;
    const last = this.#chain.at(-1);
    if (header.height !== this.#chain.length + 1) {
      throw new Violation(`${member.id} has height ${header.height} after ${this.#chain.length}`);
    }
    if (last !== undefined && !same(header.previous, blockHash(last.header))) {
      throw new Violation(`block ${header.height} does not follow ${last.header.height}`);
    }
    if (last !== undefined && header.time < last.header.time) {
      throw new Violation(`block ${header.height} is older than the one before`);
    }
    const signers = voters.filter((id) =>
      certificate.some(
        ({ kid, signature }) =>
          same(kid, this.#keys.kid(id)) && this.#keys.verify(id, "block", bytes, signature),
      ),
    );
    const { quorum } = councilOf(0, voters);
    if (signers.length < quorum) {
      throw new Violation(`block ${header.height} has ${signers.length} of ${quorum} signatures`);
    }
    for (const frame of frames) {
      const name = text(frame);
      const place = this.#places.get(name);
      if (place !== undefined)
        throw new Violation(`${name} stands in ${place} and ${header.height}`);
      this.#places.set(name, header.height);
    }
    this.#chain.push(block);
  }
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;
