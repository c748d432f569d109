import { Hosts } from "./hosts.ts";
import { type LinkProblem, problem } from "./problem.ts";

/** What the watch needs from outside; times are wall ms. */
export type HostWatchOptions = {
  readonly members: readonly { readonly id: string }[];
  /** Nobody has said for so long that he is ready. */
  readonly hostMsMax: number;
  /** Frames went out, and for so long none was answered, neither with a receipt nor a refusal. */
  readonly answerMsMax: number;
  readonly onNobody: (problem: LinkProblem) => void;
};

const noHost = problem("link.no-host", "no aggregator behind this broker is ready to store");
const noAnswer = problem(
  "link.no-answer",
  "an aggregator behind this broker says that it is ready, and answers nothing",
);

/**
 * Whether somebody behind the broker stores what is sent. An aggregator's word alone is not enough: a
 * broker that comes back from a power cut still says what one said that is gone.
 */
export class HostWatch {
  readonly #options: HostWatchOptions;
  readonly #hosts: Hosts;
  #hostTimer: NodeJS.Timeout | undefined;
  #answerTimer: NodeJS.Timeout | undefined;
  #unanswered = false;

  constructor(options: HostWatchOptions) {
    this.#options = options;
    this.#hosts = new Hosts(options.members);
  }

  /** Others have become members, whose word counts too. */
  heed(members: readonly { readonly id: string }[]): void {
    this.#hosts.heed(members);
  }

  get ready(): boolean {
    return this.#hosts.anyReady;
  }

  get problem(): LinkProblem | undefined {
    if (!this.ready) return noHost;
    return this.#unanswered ? noAnswer : undefined;
  }

  /** A connection stands: somebody has to say that he is ready. */
  up(): void {
    this.#awaitHost();
  }

  /** The connection is over: what was known is known no more. */
  down(): void {
    clearTimeout(this.#hostTimer);
    this.answered(0);
    this.#hosts.forget();
  }

  /** Takes a host's state; false when it is none of a member's. */
  take(member: string, payload: Uint8Array): boolean {
    const known = this.#hosts.take(member, payload);
    this.#awaitHost();
    return known;
  }

  sent(): void {
    this.#answerTimer ??= setTimeout(() => {
      this.#unanswered = true;
      this.#options.onNobody(noAnswer);
    }, this.#options.answerMsMax);
  }

  /** An answer came, and so many frames still wait for theirs. */
  answered(inFlight: number): void {
    clearTimeout(this.#answerTimer);
    this.#answerTimer = undefined;
    this.#unanswered = false;
    if (inFlight > 0) this.sent();
  }

  #awaitHost(): void {
    clearTimeout(this.#hostTimer);
    if (this.ready) return;
    const { hostMsMax, onNobody } = this.#options;
    this.#hostTimer = setTimeout(() => onNobody(noHost), hostMsMax);
  }
}
