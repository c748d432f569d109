import {
  decodeAnswer,
  encodeReceipt,
  type Membership,
  type MeterTip,
  type Receipt,
  type Refused,
  type StateProof,
  verifyMeterTip,
  verifyReceipt,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import type { Logger } from "pino";
import { sha256 } from "../journal/hash.ts";
import type { Adopted } from "../schedule/adoption.ts";
import type { Counters } from "../status/counters.ts";
import type { Sender } from "./sender.ts";

/** What answers are checked against and who is told. */
export type AnswersOptions = {
  readonly membership: Membership;
  readonly sender: Sender;
  readonly counters: Counters;
  readonly log: Logger;
  readonly onCommitted?: () => void;
  readonly onTip?: (tip: MeterTip) => Adopted;
};

/** The ledger's answers to what was sent. What is malformed, forged or of others is counted. */
export class Answers {
  readonly #options: AnswersOptions;

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  /** Takes a message of the receipts topic; undefined for one that answers nothing of ours. */
  take(payload: Uint8Array): "receipt" | "refusal" | undefined {
    const { counters, log } = this.#options;
    const decoded = decodeAnswer(payload);
    if (!decoded.ok) {
      counters.count(decoded.code);
      log.warn({ code: decoded.code }, "answer not understood");
      return undefined;
    }
    const { answer } = decoded;
    if (answer.kind === "receipt") return this.#receipt(answer.receipt) ? "receipt" : undefined;
    if (answer.kind === "refused") return this.#refusal(answer.refused) ? "refusal" : undefined;
    this.#tip(answer.tip);
    return undefined;
  }

  #receipt(receipt: Receipt): boolean {
    const { membership, sender, counters, log, onCommitted } = this.#options;
    const checked = verifyReceipt(receipt, membership, verify);
    if (!checked.ok) {
      counters.count(checked.code);
      log.error({ code: checked.code, message: checked.message }, "receipt refused");
      return false;
    }
    const ref = hexOf(sha256(receipt.frame));
    if (!sender.committed(ref, encodeReceipt(receipt))) {
      counters.count("receipt.not-awaited");
      return false;
    }
    counters.count("receipt.verified");
    onCommitted?.();
    return true;
  }

  #tip(proof: StateProof): void {
    const { membership, sender, counters, log, onTip } = this.#options;
    const checked = verifyMeterTip(proof, membership, verify);
    if (!checked.ok) {
      counters.count(checked.code);
      log.error({ code: checked.code, message: checked.message }, "proof of the chain refused");
      return;
    }
    if (checked.tip === undefined || onTip === undefined) return;
    const { meter, state } = checked.tip;
    const adopted = onTip(checked.tip);
    if (adopted === "own") return;
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

  #refusal(refused: Refused): boolean {
    const { sender, counters, log } = this.#options;
    const known = sender.refused(hexOf(refused.ref), refused);
    counters.count(known ? refused.code : "refusal.not-ours");
    const { code, message, expected } = refused;
    if (known) log.warn({ code, message, expected }, "frame refused");
    return known;
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
