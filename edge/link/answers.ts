import {
  decodeAnswer,
  encodeReceipt,
  type MemberEntry,
  type MeterTip,
  type Receipt,
  type Refused,
  type StateProof,
  verifyMemberProof,
  verifyMeterTip,
  verifyReceipt,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import type { Logger } from "pino";
import { sha256 } from "../journal/hash.ts";
import { encodeTip } from "../journal/ledger-proof.ts";
import type { Adopted } from "../schedule/adoption.ts";
import type { Counters } from "../status/counters.ts";
import type { Councils } from "./councils.ts";
import type { Sender } from "./sender.ts";

/** What answers are checked against and who is told. */
export type AnswersOptions = {
  readonly councils: Councils;
  readonly sender: Sender;
  readonly counters: Counters;
  readonly log: Logger;
  /** Told of answers that frames waited for, once they are on the disk. */
  readonly onAnswer: (kind: "receipt" | "refusal") => void;
  /** Runs what changes the outboxes as one commit. */
  readonly atOnce?: <T>(work: () => T) => T;
  /** Told when other members vote than before. */
  readonly onCouncil?: () => void;
  readonly onTip?: (tip: MeterTip) => Adopted;
  /** Told of a member's entry that the block of a height proves. */
  readonly onMember?: (member: MemberEntry, height: number) => void;
};

/** The ledger's answers to what was sent. What is malformed, forged or of others is counted. */
export class Answers {
  readonly #options: AnswersOptions;

  /** Verified receipts that are not on the disk yet. */
  #verified: { readonly ref: string; readonly bytes: Uint8Array }[] = [];

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  /** Takes a message of the receipts topic. A receipt waits for `store`, unless another answer comes. */
  take(payload: Uint8Array): void {
    const { counters, log } = this.#options;
    const decoded = decodeAnswer(payload);
    if (!decoded.ok) {
      counters.count(decoded.code);
      log.warn({ code: decoded.code }, "answer not understood");
      return;
    }
    const { answer } = decoded;
    if (answer.kind === "receipt") return this.#receipt(answer.receipt);
    // What came first is done first: a receipt frees a lane that a later refusal blocks.
    this.store();
    if (answer.kind === "refused") this.#refusal(answer.refused);
    else if (answer.kind === "tip") this.#tip(answer.tip);
    else if (answer.kind === "council") this.#council(answer.step);
    else this.#member(answer.entry);
  }

  /** Puts the verified receipts on the disk, in one commit. */
  store(): void {
    const { sender, counters, onAnswer, atOnce = (work) => work() } = this.#options;
    if (this.#verified.length === 0) return;
    const receipts = this.#verified;
    // Should the disk refuse them, their frames are sent again and answered again.
    this.#verified = [];
    const awaited = atOnce(
      () => receipts.filter(({ ref, bytes }) => sender.committed(ref, bytes)).length,
    );
    counters.add("receipt.verified", awaited);
    counters.add("receipt.not-awaited", receipts.length - awaited);
    if (awaited > 0) onAnswer("receipt");
  }

  #receipt(receipt: Receipt): void {
    const { councils, counters, log } = this.#options;
    const membership = councils.membershipAt(receipt.header.height);
    const checked = verifyReceipt(receipt, membership, verify);
    if (!checked.ok) {
      counters.count(checked.code);
      log.error({ code: checked.code, message: checked.message }, "receipt refused");
      return;
    }
    const ref = hexOf(sha256(receipt.frame));
    this.#verified.push({ ref, bytes: encodeReceipt(receipt) });
  }

  #tip(proof: StateProof): void {
    const { councils, sender, counters, log, onTip } = this.#options;
    const membership = councils.membershipAt(proof.header.height);
    const checked = verifyMeterTip(proof, membership, verify);
    if (!checked.ok) {
      counters.count(checked.code);
      log.error({ code: checked.code, message: checked.message }, "proof of the chain refused");
      return;
    }
    if (checked.tip === undefined || onTip === undefined) return;
    const { meter, state } = checked.tip;
    const adopted = onTip(checked.tip);
    if (adopted === "own") return this.#own(meter, state.next - 1, proof);
    counters.count(`chain.${adopted}`);
    const about = { meter, next: state.next };
    if (adopted === "adopted") {
      log.warn(about, "went on with the ledger's chain of the meter");
      sender.renewed("readings", meter);
      return;
    }
    const message = partedWords[adopted];
    log.warn(about, message);
    sender.explain("readings", meter, message);
  }

  /**
   * The chain's head on the ledger is the journal's own at that number. A head names all readings
   * before it, so each batch up to there is on the ledger as it was signed, whoever still has its
   * block: that proof stands in the place of receipts that nobody can make any more.
   */
  #own(meter: string, upTo: number, proof: StateProof): void {
    const { sender, counters, log, onAnswer, atOnce = (work) => work() } = this.#options;
    const done = atOnce(() => sender.proven("readings", meter, upTo, encodeTip(proof)));
    if (done === 0) return;
    counters.add("receipt.by-chain", done);
    log.info({ meter, upTo, batches: done }, "on the ledger, as its chain of the meter proves");
    onAnswer("receipt");
  }

  /** Other members vote from some height on, as those before them certified. */
  #council(step: StateProof): void {
    const { councils, counters, log, onCouncil } = this.#options;
    const taken = councils.take(step);
    if (typeof taken === "object") {
      counters.count(taken.code);
      log.error(taken, "step to another council refused");
      return;
    }
    if (taken !== "learned") return;
    counters.count("council.learned");
    log.info({ epoch: councils.epoch }, "other members vote on the ledger's blocks");
    onCouncil?.();
  }

  #member(proof: StateProof): void {
    const { councils, counters, log, onMember } = this.#options;
    const { height } = proof.header;
    const checked = verifyMemberProof(proof, councils.membershipAt(height), verify);
    if (checked.ok) return onMember?.(checked.member, height);
    counters.count(checked.code);
    log.error({ code: checked.code, message: checked.message }, "proof of a member refused");
  }

  #refusal(refused: Refused): void {
    const { sender, counters, log, onAnswer } = this.#options;
    const known = sender.refused(hexOf(refused.ref), refused);
    counters.count(known ? refused.code : "refusal.not-ours");
    const { code, message, expected } = refused;
    if (!known) return;
    log.warn({ code, message, expected }, "frame refused");
    onAnswer("refusal");
  }
}

/** Why readings wait that do not continue the ledger's chain, and what to do. */
const partedWords = {
  waits:
    "the ledger holds readings of this meter that are not in this journal; the unit goes on behind them once no other unit has sent any for a while",
  parted:
    "the ledger holds readings of this meter that are not in this journal: stop the other unit that signs with this key; if there is none, this data folder is an old copy: stop the unit, keep the folder elsewhere, start with an empty one",
} as const;

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
