import { randomBytes } from "node:crypto";
import {
  type Refusal,
  type Signer,
  type SupportApproval,
  type SupportRequest,
  sealSupport,
  supportBytesMax,
  supportKindOf,
  type Verify,
} from "@busbar/protocol";
import type { Logger } from "pino";
import { isDiskFault } from "../journal/database.ts";
import type { Counters } from "../status/counters.ts";
import { type Answerers, answerOf } from "./answers.ts";
import {
  type Granted,
  idText,
  type JudgeGrounds,
  judgeEnd,
  judgeRequest,
  type OwnerKeys,
  type SessionNote,
  sessionsIn,
  withTaken,
} from "./judge.ts";
import { partsOf } from "./parts.ts";
import type { SessionEntry, SessionLog, SupportStatus } from "./session-log.ts";

export type SupportDeskOptions = {
  readonly chain: string;
  readonly device: string;
  readonly signer: Signer;
  readonly verify: Verify;
  readonly owner: () => OwnerKeys | undefined;
  /** Site time; undefined while it is not known. */
  readonly now: () => number | undefined;
  /** Kept over restarts. */
  readonly notes: { read(): string | undefined; write(text: string): void };
  readonly log: SessionLog;
  readonly answerers: Answerers;
  /** Sends a part of an answer. */
  readonly publish: (payload: Uint8Array) => boolean;
  readonly counters: Counters;
  readonly unitLog: Logger;
};

/** Questions that wait while one is answered. */
const waitingMax = 4;
/** Lines of nonsense that are noted in a row; more are counted only, so that nobody fills a card with them. */
const nonsenseNoted = 20;

/**
 * Answers questions from afar that the owner approved, and notes each on the unit's own disk before it
 * sends anything. Whatever else comes is counted and left alone.
 */
export class SupportDesk {
  readonly #options: SupportDeskOptions;
  #tail: Promise<void> = Promise.resolve();
  #waiting = 0;
  #nonsense = 0;

  constructor(options: SupportDeskOptions) {
    this.#options = options;
  }

  /** Takes what came on the unit's `support-ask` topic. */
  take(payload: Uint8Array): void {
    const kind = payload.length > supportBytesMax ? undefined : supportKindOf(payload);
    if (kind === "end") return this.#end(payload);
    if (kind !== "request") return this.#refused({ ok: false, code: "support.form", message: "" });
    const sessions = this.#sessions();
    if (sessions === undefined) {
      return this.#refused({ ok: false, code: "support.notes", message: "the note is damaged" });
    }
    const judged = judgeRequest(payload, this.#grounds(sessions));
    if (!judged.ok) return this.#refused(judged);
    if (this.#waiting >= waitingMax) {
      const message = `${waitingMax} questions wait already`;
      return this.#refused({ ...judged, ok: false, code: "support.busy", message });
    }
    // Noted first: a unit that dies over a question does not answer it twice.
    const now = this.#options.now() ?? 0;
    if (!this.#write(() => this.#note(withTaken(sessions, judged, now)))) return;
    this.#waiting += 1;
    this.#tail = this.#tail
      .then(() => this.#answer(judged))
      .catch((error: unknown) =>
        this.#options.unitLog.error({ err: error }, "a support answer failed"),
      )
      .finally(() => {
        this.#waiting -= 1;
      });
  }

  /** All that was asked is answered. */
  async settled(): Promise<void> {
    await this.#tail;
  }

  status(): SupportStatus {
    const now = this.#options.now() ?? 0;
    const open = (this.#sessions() ?? [])
      .filter(({ until, ended }) => !ended && until > now)
      .map(({ id: session, until, taken }) => ({ session, until, taken }));
    return { open, newest: this.#options.log.recent };
  }

  #grounds(sessions: readonly SessionNote[]): JudgeGrounds {
    const { chain, device, owner, now, verify } = this.#options;
    return { chain, device, owner: owner(), now: now(), sessions, verify };
  }

  async #answer({ request, approval, session }: Granted): Promise<void> {
    const { answerers, unitLog, counters } = this.#options;
    const { command, args, number } = request;
    let code = "ok";
    let text: string;
    try {
      const answered = await answerOf(command, args, answerers);
      text = answered.text;
      if (!answered.ok) code = answered.code;
    } catch (error) {
      code = "support.failed";
      text = error instanceof Error ? error.message : String(error);
    }
    const parts = partsOf(text);
    const answer = Buffer.concat(parts).toString("utf8");
    const about = { session, name: approval.name, number, command, args, code };
    counters.count("support.answered");
    unitLog.info(about, "support session");
    if (this.#record({ what: "ask", ...about, answer }))
      await this.#send(request, approval, code, parts);
  }

  async #send(
    { session, number }: SupportRequest,
    { box, ownerBox }: SupportApproval,
    code: string,
    parts: readonly Uint8Array[],
  ): Promise<void> {
    const { chain, signer, publish } = this.#options;
    // Loaded when it is needed: most units never are asked.
    const { boxNotice } = await import("@busbar/protocol/notice");
    const random = (count: number) => new Uint8Array(randomBytes(count));
    for (const [i, part] of parts.entries()) {
      const answer = {
        ...{ session, number, part: i + 1, parts: parts.length, code },
        body: boxNotice(part, box, random),
        copy: boxNotice(part, ownerBox, random),
      };
      publish(sealSupport("answer", answer, { chain, signer }));
    }
  }

  /** Who was truly approved is told why; of all others nobody is. */
  #refused(
    refusal: Refusal & { readonly request?: SupportRequest; readonly approval?: SupportApproval },
  ): void {
    const { code, message, request, approval } = refusal;
    const { counters, unitLog } = this.#options;
    counters.count(code);
    if (request === undefined || approval === undefined) {
      this.#nonsense += 1;
      if (this.#nonsense > nonsenseNoted) return;
      unitLog.warn({ code, message }, "support question refused");
      this.#record({ what: "refused", code });
      return;
    }
    const session = idText(approval.id);
    const { number, command, args } = request;
    const about = { session, name: approval.name, number, command, args, code };
    unitLog.warn({ ...about, message }, "support question refused");
    // A replayed question has its answer; another one would tell whoever replays it that somebody listens.
    if (!this.#record({ what: "refused", ...about }) || code === "support.replay") return;
    void this.#send(request, approval, code, partsOf(message));
  }

  #end(payload: Uint8Array): void {
    const sessions = this.#sessions() ?? [];
    const judged = judgeEnd(payload, this.#grounds(sessions));
    if (!judged.ok) return this.#refused(judged);
    this.#options.counters.count("support.ended-by-owner");
    if (!this.#write(() => this.#note(judged.sessions))) return;
    this.#record({ what: "end", session: judged.session, code: "ok" });
  }

  #record(entry: Omit<SessionEntry, "at">): boolean {
    const at = new Date().toISOString();
    return this.#write(() => this.#options.log.add({ at, ...entry }));
  }

  /** What cannot be noted is not answered. */
  #write(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      const isDisk = isDiskFault(error) || (error instanceof Error && "syscall" in error);
      if (!isDisk) throw error;
      this.#options.counters.count("support.not-noted");
      this.#options.unitLog.error({ err: error }, "a support question could not be noted");
      return false;
    }
  }

  #sessions(): readonly SessionNote[] | undefined {
    return sessionsIn(this.#options.notes.read());
  }

  #note(sessions: readonly SessionNote[]): void {
    this.#options.notes.write(JSON.stringify(sessions));
  }
}
