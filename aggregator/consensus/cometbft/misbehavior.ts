import { type Council, type DoubleVote, openFrame, type Signer, sealFrame } from "@busbar/protocol";
import { z } from "zod";
import { sha256 } from "../../ledger/sha256.ts";
import type { DurablePool } from "../durable-pool.ts";
import { memberAt } from "./validators.ts";

/** Heights looked at once CometBFT answers; who misbehaves all the time fills no memory. */
const heightsMax = 64;

const hex = z.string().regex(/^([0-9A-Fa-f]{2})*$/);
const count = z.coerce.number().int().min(0);

const vote = z.object({
  type: z.union([z.literal(1), z.literal(2)]),
  height: count,
  round: count,
  block_id: z.object({ hash: hex, parts: z.object({ total: count, hash: hex }) }),
  timestamp: z.string(),
  validator_address: hex,
  signature: z.base64(),
});

const duplicateVote = z.object({
  type: z.literal("tendermint/DuplicateVoteEvidence"),
  value: z.object({ vote_a: vote, vote_b: vote }),
});

/** What CometBFT's RPC says of a block, as far as it is read here. */
const blockAnswer = z.object({
  block: z.object({ evidence: z.object({ evidence: z.array(z.unknown()) }) }),
});

/** Two votes in a block's evidence. */
export type FoundVotes = Omit<DoubleVote, "member" | "from" | "epoch"> & {
  readonly address: Uint8Array;
};

/** The duplicate votes in the evidence of a block, as `/block` answers; what else is there is passed over. */
export function duplicateVotesIn(answer: unknown): FoundVotes[] {
  const read = blockAnswer.safeParse(answer);
  if (!read.success) return [];
  return read.data.block.evidence.evidence.flatMap((one) => {
    const found = duplicateVote.safeParse(one);
    if (!found.success) return [];
    const { vote_a: a, vote_b: b } = found.data.value;
    const [first, second] = [castOf(a), castOf(b)];
    if (first === undefined || second === undefined) return [];
    const { type, height, round } = a;
    return [{ address: bytesOf(a.validator_address), type, height, round, first, second }];
  });
}

/**
 * Misbehavior that CometBFT put into a block, before the ledger: this member fetches the two votes from its
 * CometBFT and reports them in a frame of its own, with their signatures, so that every ledger, also one that is
 * replayed, proves them anew. All members that ran the block report, and the first counts.
 */
export class Misbehavior {
  readonly #fetch: (height: number) => Promise<unknown>;
  readonly #councilAt: (height: number) => Council;
  readonly #pool: Pick<DurablePool, "keep">;
  readonly #member: { readonly id: string; readonly chain: string; readonly signer: Signer };
  /** Heights of CometBFT's whose evidence is not reported yet. */
  readonly #heights = new Set<number>();
  #isAsking = false;

  constructor(options: {
    /** `/block` of CometBFT, at its own height. Rejects where nobody answers. */
    readonly fetch: (height: number) => Promise<unknown>;
    /** Who votes on a height of CometBFT's. */
    readonly councilAt: (height: number) => Council;
    readonly pool: Pick<DurablePool, "keep">;
    readonly member: { readonly id: string; readonly chain: string; readonly signer: Signer };
  }) {
    this.#fetch = options.fetch;
    this.#councilAt = options.councilAt;
    this.#pool = options.pool;
    this.#member = options.member;
  }

  /** A block of CometBFT's told of misbehavior. */
  found(height: number): void {
    if (this.#heights.size < heightsMax) this.#heights.add(height);
  }

  /** Reports what was found; what cannot be fetched or kept now waits for the next time. */
  async report(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      for (const height of [...this.#heights]) {
        const votes = duplicateVotesIn(await this.#fetch(height));
        if (votes.every((one) => this.#keep(one))) this.#heights.delete(height);
      }
    } finally {
      this.#isAsking = false;
    }
  }

  #keep({ address, ...votes }: FoundVotes): boolean {
    const council = this.#councilAt(votes.height);
    const from = memberAt(address, council);
    // No voter of that height: CometBFT itself takes no such evidence.
    if (from === undefined) return true;
    const message = { member: this.#member.id, from, epoch: council.epoch, ...votes };
    const opened = openFrame(sealFrame("double-vote", message, this.#member));
    if (!opened.ok) return true;
    return this.#pool.keep(opened.frame.bytes, sha256(opened.frame.bytes));
  }
}

function castOf({ block_id: id, timestamp, signature }: z.output<typeof vote>) {
  const time = /^(.+?)(?:\.(\d{1,9}))?Z$/.exec(timestamp);
  const ms = Date.parse(`${time?.[1]}Z`);
  const sign = new Uint8Array(Buffer.from(signature, "base64"));
  if (time === null || !(ms >= 0) || sign.length !== 64) return undefined;
  const when = { seconds: ms / 1000, nanos: Number((time[2] ?? "").padEnd(9, "0")) };
  if (id.hash === "") return { ...when, signature: sign };
  const { total, hash } = id.parts;
  const [name, partsRoot] = [bytesOf(id.hash), bytesOf(hash)];
  if (name.length !== 32 || partsRoot.length !== 32) return undefined;
  return { block: { hash: name, parts: total, partsRoot }, ...when, signature: sign };
}

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
