import {
  type Claim,
  compareBytes,
  decodeAnswer,
  keyId,
  labelIdOf,
  type Receipt,
  type Refused,
  type Signer,
  sealFrame,
  topicsOf,
  verifyReceipt,
} from "@busbar/protocol";
import { privateKeyFromSeed, publicKeyFromSeed, sign, verify } from "@busbar/protocol/node";
import type { Logger } from "pino";
import type { MembershipFile } from "../config/membership-file.ts";
import type { BrokerConfig } from "../config/schema.ts";
import { sha256 } from "../journal/hash.ts";
import type { BackOffBounds } from "../link/back-off.ts";
import { Connection, usualBackOff } from "../link/connection.ts";
import { Councils } from "../link/councils.ts";
import type { LinkProblem } from "../link/problem.ts";
import { loginToken } from "../link/token.ts";
import type { Counters } from "../status/counters.ts";
import type { ClaimStatus } from "./claim-status.ts";
import type { PendingClaim } from "./pending.ts";

/** Brokers count sign-ins of strangers; a label that none knows is asked about now and then. */
const strangerBackOff: BackOffBounds = { msMin: 30_000, msMax: 300_000 };
/** After a refusal: a member may give the label once more. Wall ms. */
const againMs = 5 * 60_000;
/** Without an answer: the aggregator behind the broker may have been away. Wall ms. */
const answerMs = 20_000;

export type ClaimingOptions = {
  readonly chain: string;
  readonly membership: MembershipFile;
  readonly brokers: readonly BrokerConfig[];
  readonly pending: PendingClaim;
  /** What is asked for, all but the label's version. */
  readonly claim: Omit<Claim, "version">;
  readonly counters: Counters;
  readonly log: Logger;
  /** The ledger has taken it, as a verified receipt says. */
  readonly onTaken: (height: number) => void;
  readonly backOff?: BackOffBounds;
};

/**
 * Asks the ledger to take the unit in by its label: signs in under the label's id, sends the claim, and asks
 * again until a receipt verifies or it is stopped. Only a receipt ends it: what brokers say nobody signed.
 */
export class Claiming {
  readonly #options: ClaimingOptions;
  readonly #signer: Signer;
  readonly #label: string;
  readonly #councils: Councils;
  readonly #connection: Connection;
  readonly #topics;
  #version = 1;
  #frame: Uint8Array;
  #timer: NodeJS.Timeout | undefined;
  #isStranger = false;
  #status: ClaimStatus;

  constructor(options: ClaimingOptions) {
    const { chain, brokers, membership, pending, backOff = usualBackOff } = options;
    this.#options = options;
    this.#signer = signerOfSeed(pending.seed);
    this.#label = labelIdOf(this.#signer.publicKey);
    this.#topics = topicsOf(chain);
    this.#councils = new Councils(membership);
    this.#frame = this.#sealed();
    this.#status = this.#asking("no broker was reached yet");
    this.#connection = new Connection({
      brokers,
      client: this.#label,
      username: this.#label,
      password: ({ id = chain }) =>
        loginToken({
          ...{ chain, identity: this.#label, client: this.#label, broker: id },
          ...{ signer: this.#signer, now: Date.now() },
        }),
      will: () => undefined,
      subscriptions: [this.#topics.claimReceipts(this.#label)],
      onUp: () => this.#ask(),
      onDown: (problem) => this.#failed(problem),
      onFailed: (_, problem) => this.#failed(problem),
      onMessage: (_, payload) => this.#take(payload),
      backOff: () => (this.#isStranger ? strangerBackOff : backOff),
    });
  }

  get status(): ClaimStatus {
    return this.#status;
  }

  start(): void {
    this.#connection.start();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#connection.stop();
  }

  #ask(): void {
    this.#isStranger = false;
    if (this.#status.state === "asking") this.#status = this.#asking("no answer came yet");
    const topic = this.#topics.claims(this.#label);
    this.#connection.publish({ topic, payload: this.#frame, qos: 1, retain: false });
    this.#askAgain(answerMs);
  }

  #askAgain(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#connection.up) this.#ask();
    }, ms);
  }

  #take(payload: Uint8Array): void {
    const { counters } = this.#options;
    const decoded = decodeAnswer(payload);
    if (!decoded.ok) return counters.count(decoded.code);
    const { answer } = decoded;
    if (answer.kind === "council") {
      const taken = this.#councils.take(answer.step);
      if (typeof taken === "object") counters.count(taken.code);
    } else if (answer.kind === "receipt") this.#receipt(answer.receipt);
    else if (answer.kind === "refused") this.#refused(answer.refused);
  }

  #receipt(receipt: Receipt): void {
    const { counters, log, onTaken } = this.#options;
    if (compareBytes(receipt.frame, this.#frame) !== 0)
      return counters.count("receipt.not-awaited");
    const { height } = receipt.header;
    const checked = verifyReceipt(receipt, this.#councils.membershipAt(height), verify);
    if (!checked.ok) {
      counters.count(checked.code);
      log.error({ code: checked.code, message: checked.message }, "receipt refused");
      return;
    }
    this.#status = { state: "admitted", label: this.#label, height };
    log.info({ label: this.#label, height }, "taken in by the label");
    clearTimeout(this.#timer);
    onTaken(height);
  }

  #refused({ ref, code, message, expected }: Refused): void {
    const { counters, log } = this.#options;
    if (compareBytes(ref, sha256(this.#frame)) !== 0) return counters.count("refusal.not-ours");
    counters.count(code);
    if (code === "claim.version" && expected !== undefined && expected !== this.#version) {
      this.#version = expected;
      this.#frame = this.#sealed();
      return this.#ask();
    }
    // It was taken before: now the unit's own sign-in works, and its receipts say the rest.
    if (code === "tx.exists" || code === "pool.full") {
      this.#status = this.#asking(message);
    } else {
      const { until } = this.#options.pending;
      this.#status = { state: "refused", label: this.#label, until, code, message };
      log.warn({ label: this.#label, code, message }, "the label is refused");
    }
    this.#askAgain(code === "pool.full" ? answerMs : againMs);
  }

  #failed({ code, message }: LinkProblem): void {
    clearTimeout(this.#timer);
    if (code !== "link.login") {
      if (this.#status.state !== "refused") this.#status = this.#asking(message);
      return;
    }
    this.#isStranger = true;
    const { until } = this.#options.pending;
    const unknown = `no broker of ${this.#options.chain} knows label ${this.#label}: it is another site's, was forgotten a month after its end, its sheet was never handed in, or the unit's clock is off (a sign-in counts for a minute)`;
    this.#status = {
      ...{ state: "refused", label: this.#label, until },
      ...{ code: "tx.key-unknown", message: unknown },
    };
  }

  #asking(problem: string): ClaimStatus {
    return { state: "asking", label: this.#label, until: this.#options.pending.until, problem };
  }

  #sealed(): Uint8Array {
    const { chain, claim } = this.#options;
    const message = { version: this.#version, ...claim };
    return sealFrame("claim", message, { chain, signer: this.#signer });
  }
}

function signerOfSeed(seed: Uint8Array): Signer {
  const key = privateKeyFromSeed(seed);
  const publicKey = publicKeyFromSeed(seed);
  return { kid: keyId(publicKey), publicKey, sign: (message) => sign(message, key) };
}
