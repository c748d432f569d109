import { blockHash } from "@busbar/protocol";
import { councilOf, leaderOf } from "../../aggregator/consensus/pbft/council.ts";
import type { Member } from "./member.ts";
import type { ToyKeys } from "./toy-crypto.ts";
import { idOf, isFrame, type ToyBlock, text } from "./toy-ledger.ts";

/** What must never be broken was. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/** Looks at honest members' disks, knows nothing of how they came to be, and forgets nothing. */
export class Auditor {
  readonly #keys: ToyKeys;
  readonly #chain: ToyBlock[] = [];
  readonly #places = new Map<string, number>();
  readonly #ids = new Set<string>();
  readonly #seen = new Map<string, number>();
  /** Latest time that a block may bear now. */
  readonly #timeMax: () => number;

  constructor(keys: ToyKeys, timeMax: () => number) {
    this.#keys = keys;
    this.#timeMax = timeMax;
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
    this.#signatures(member, block);
    const known = this.#chain[height - 1];
    if (known === undefined) return this.#first(member, block);
    if (!same(blockHash(known.header), blockHash(block.header))) {
      throw new Violation(`two blocks at height ${height}; ${member.id} has the second`);
    }
  }

  #first(member: Member, block: ToyBlock): void {
    const { header, frames, voters } = block;
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
    if (header.time > this.#timeMax()) {
      throw new Violation(`block ${header.height} bears a time that has not come`);
    }
    const { proposer, view } = header;
    if (proposer !== leaderOf(councilOf(0, voters), view)) {
      throw new Violation(
        `block ${header.height} names ${proposer}, who did not lead view ${view}`,
      );
    }
    for (const frame of frames) {
      const name = text(frame);
      if (!isFrame(frame)) throw new Violation(`block ${header.height} holds nonsense: ${name}`);
      const place = this.#places.get(name);
      if (place !== undefined || this.#ids.has(idOf(frame))) {
        throw new Violation(`${name} stands in ${header.height}, and its id before that`);
      }
      this.#places.set(name, header.height);
      this.#ids.add(idOf(frame));
    }
    this.#chain.push(block);
  }

  /** What a member has on its disk convinces others. */
  #signatures(member: Member, { header, bytes, certificate, voters }: ToyBlock): void {
    const signers = voters.filter((id) =>
      certificate.some(
        ({ kid, signature }) =>
          same(kid, this.#keys.kid(id)) && this.#keys.verify(id, "block", bytes, signature),
      ),
    );
    const faulty = Math.floor((voters.length - 1) / 3);
    const quorum = Math.ceil((voters.length + faulty + 1) / 2);
    const named = voters.filter((id) =>
      certificate.some(({ kid }) => same(kid, this.#keys.kid(id))),
    );
    if (signers.length >= quorum && signers.length === named.length) return;
    throw new Violation(
      `block ${header.height} of ${member.id} has ${signers.length} of ${quorum} signatures`,
    );
  }
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;
