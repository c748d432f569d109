import { createHash } from "node:crypto";
import {
  type Answer,
  encodeAnswer,
  inclusionProofs,
  type Receipt,
  type Refusal,
  topicsOf,
} from "@busbar/protocol";
import type { Logger } from "pino";
import type { CommittedBlock, RefusedFrame } from "../ledger/block.ts";
import type { Registry } from "../ledger/registry.ts";

/** How answers leave: the broker's `publish`. */
export type PublishAnswer = (
  topic: string,
  payload: Uint8Array,
  options: { readonly qos: 1 },
) => Promise<void>;

/**
 * Sends devices what became of their messages, on `<device>/receipts`. Nothing is kept for a device
 * that is away: it sends what it got no receipt for again and is answered then.
 */
export type Answers = {
  /** A receipt for each frame of a block that a device signed. */
  committed(block: CommittedBlock): Promise<void>;
  /** What the rules refused after the pool had taken it. */
  refused(refused: RefusedFrame): Promise<void>;
  receipt(device: string, receipt: Receipt): Promise<void>;
  /** `ref` is the SHA-256 of the refused bytes. */
  refuse(device: string, ref: Uint8Array, refusal: Refused): Promise<void>;
};

type Refused = Refusal & { readonly expected?: number };

type AnswersOptions = {
  readonly site: string;
  readonly registry: Registry;
  readonly publish: PublishAnswer;
  readonly log: Logger;
};

/** Longest `message` and `code` that fit a `refused` answer. */
const messageMax = 400;

export function createAnswers({ site, registry, publish, log }: AnswersOptions): Answers {
  const topics = topicsOf(site);
  const isDevice = (id: string | undefined) =>
    id !== undefined && registry.byId(id)?.kind === "device";
  const send = async (device: string, answer: Answer): Promise<void> => {
    try {
      await publish(topics.receipts(device), encodeAnswer(answer), { qos: 1 });
    } catch (error) {
      // An answer may be lost: the device asks again by sending its message again.
      log.warn({ event: "answer-not-sent", device, err: error });
    }
  };
  const refuse = (device: string, ref: Uint8Array, { code, message, expected }: Refused) =>
    send(device, {
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
    receipt: (device, receipt) => send(device, { kind: "receipt", receipt }),
    async committed(block) {
      const mine = block.signers.map((id) => isDevice(id));
      if (!mine.includes(true)) return;
      const receipts = receiptsOf(block);
      await Promise.all(
        receipts.map((receipt, i) => {
          const signer = block.signers[i];
          return mine[i] && signer !== undefined
            ? send(signer, { kind: "receipt", receipt })
            : null;
        }),
      );
    },
    async refused({ hash, signer, refusal }) {
      if (signer !== undefined && isDevice(signer)) await refuse(signer, hash, refusal);
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
