import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  type Answer,
  decodeStateProof,
  encodeAnswer,
  inclusionProofs,
  type Receipt,
  type Refusal,
  type StateProof,
  topicsOf,
} from "@busbar/protocol";
import type { Logger } from "pino";
import type { CommittedBlock, RefusedFrame } from "../ledger/block.ts";
import type { CouncilStep } from "../ledger/council-step-table.ts";
import type { Registry } from "../ledger/registry.ts";

/** How answers leave: the broker's `publish`. */
export type PublishAnswer = (
  topic: string,
  payload: Uint8Array,
  options: { readonly qos: 1 },
) => Promise<void>;

/**
 * Tells devices and members what became of their messages, each on its own `receipts` topic. Nothing
 * is kept for one that is away: it sends what it got no receipt for again and is answered then.
 */
export type Answers = {
  /** A receipt for each frame of a block that a device or a member signed. */
  committed(block: CommittedBlock): Promise<void>;
  /** What the rules refused after the pool had taken it; where the sender's chain parted from the
   * ledger's, with a proof of the ledger's. */
  refused(refused: RefusedFrame): Promise<void>;
  receipt(identity: string, receipt: Receipt): Promise<void>;
  /** Somebody listens on a topic anew, who may have been told nothing. */
  subscribed(topic: string): void;
  /** `ref` is the SHA-256 of the refused bytes. */
  refuse(identity: string, ref: Uint8Array, refusal: Refused): Promise<void>;
};

type Refused = Refusal & { readonly expected?: number };

/** Who votes since when, with proofs. */
export type Councils = {
  /** The epoch of the next block. */
  epoch(): number;
  /** The steps to the epochs after `epoch`, in order. */
  stepsAfter(epoch: number): readonly CouncilStep[];
};

/** Members' entries that units are told of. */
export type MembersToTell = {
  /** Other than before where there is something new to tell. */
  readonly version: number;
  list(): readonly StateProof[];
};

type AnswersOptions = {
  readonly site: string;
  readonly registry: Registry;
  readonly publish: PublishAnswer;
  /** Proves where a meter's chain stands; undefined before there is a block. */
  readonly tipOf: (meter: string) => StateProof | undefined;
  readonly councils: Councils;
  /** Without it units are told of none. */
  readonly members?: MembersToTell;
  readonly log: Logger;
};

/** Longest `message` and `code` that fit a `refused` answer. */
const messageMax = 400;

export function createAnswers(options: AnswersOptions): Answers {
  const { site, registry, publish, tipOf, councils, members, log } = options;
  const topics = topicsOf(site);
  /** Where an identity is answered; undefined for owners, whose units speak for them, and strangers. */
  const topicOf = (identity: string | undefined): string | undefined => {
    const known = identity === undefined ? undefined : registry.byId(identity);
    if (known?.kind === "device") return topics.receipts(known.id);
    if (known?.kind === "label") return topics.claimReceipts(known.id);
    return known?.kind === "member" ? topics.memberReceipts(known.id) : undefined;
  };
  const send = async (topic: string | undefined, answer: Answer): Promise<void> => {
    if (topic === undefined) return;
    try {
      await publish(topic, encodeAnswer(answer), { qos: 1 });
    } catch (error) {
      // An answer may be lost: who waits for it asks again by sending its message again.
      log.warn({ event: "answer-not-sent", topic, err: error });
    }
  };
  /** By topic: the epoch up to which its listener was told who votes. */
  const told = new Map<string, number>();
  const tellCouncils = (topic: string, after = told.get(topic) ?? 0): Promise<void>[] => {
    const epoch = councils.epoch();
    if (after >= epoch) return [];
    told.set(topic, epoch);
    return councils.stepsAfter(after).map(({ proof }) => {
      const decoded = decodeStateProof(proof);
      assert(decoded.ok, "the store holds steps that the application proved");
      return send(topic, { kind: "council", step: decoded.proof });
    });
  };
  /** By topic: which version of the members' entries its listener was told since it subscribed. */
  const toldMembers = new Map<string, number>();
  const tellMembers = (topic: string): Promise<void>[] => {
    if (members === undefined || toldMembers.get(topic) === members.version) return [];
    toldMembers.set(topic, members.version);
    return members.list().map((entry) => send(topic, { kind: "member", entry }));
  };
  /** Says who votes before the first proof of an epoch, which could not be checked without. All of
   * it is handed over at once, so it stays in this order. */
  const sendProof = async (
    topic: string | undefined,
    answer: Answer,
    { anew }: { readonly anew: boolean },
  ): Promise<void> => {
    if (topic === undefined) return;
    await Promise.all([
      ...tellCouncils(topic, anew ? 0 : undefined),
      ...tellMembers(topic),
      send(topic, answer),
    ]);
  };
  const refuse = (identity: string, ref: Uint8Array, { code, message, expected }: Refused) =>
    send(topicOf(identity), {
      kind: "refused",
      refused: {
        ref,
        code,
        message: message.slice(0, messageMax) || code,
        ...(expected === undefined ? {} : { expected }),
      },
    });
  return {
    refuse,
    subscribed: (topic) => void toldMembers.delete(topic),
    // It asks again: perhaps it was away when it was told who votes.
    receipt: (identity, receipt) =>
      sendProof(topicOf(identity), { kind: "receipt", receipt }, { anew: true }),
    async committed(block) {
      const answerTopics = block.signers.map(topicOf);
      if (answerTopics.every((topic) => topic === undefined)) return;
      const receipts = receiptsOf(block);
      await Promise.all(
        receipts.map((receipt, i) =>
          sendProof(answerTopics[i], { kind: "receipt", receipt }, { anew: false }),
        ),
      );
    },
    async refused({ hash, signer, refusal }) {
      if (signer === undefined) return;
      await refuse(signer, hash, refusal);
      const tip = refusal.tipOf === undefined ? undefined : tipOf(refusal.tipOf);
      if (tip !== undefined) await sendProof(topicOf(signer), { kind: "tip", tip }, { anew: true });
    },
  };
}

/** The receipts of all frames of a block; the block's tree is hashed once. */
export function receiptsOf({
  header,
  certificate,
  frames,
}: Pick<CommittedBlock, "header" | "certificate" | "frames">): readonly Receipt[] {
  const proofs = inclusionProofs(frames, sha256);
  const size = frames.length;
  return frames.map((frame, index) => ({
    header,
    certificate,
    index,
    size,
    proof: proofs[index] ?? [],
    frame,
  }));
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}
