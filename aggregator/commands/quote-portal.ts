import { Failure } from "@busbar/protocol";

/** A gate that takes quotes, as `/api/gates` tells it; site ms. */
export type OpenGate = {
  readonly slot: number;
  readonly horizon: string;
  readonly gate: number;
  readonly revealUntil: number;
  readonly gatesLeft: number;
};

const answerMsMax = 10_000;

/** A member's portal, as far as whoever quotes by hand needs it. */
export class Portal {
  readonly #base: string;

  /** Throws: `Failure` `quote.usage` for what is no address of a portal. */
  constructor(url: string) {
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
      const message = `--portal: expected an address like http://127.0.0.1:8080, got "${url}"`;
      throw new Failure("quote.usage", message, { retry: "never" });
    }
    this.#base = parsed.href.replace(/\/+$/, "");
  }

  async gates(): Promise<readonly OpenGate[]> {
    const { gates } = (await this.#json("gates")) as { gates?: readonly OpenGate[] };
    if (Array.isArray(gates)) return gates as readonly OpenGate[];
    throw this.#odd("a list of gates");
  }

  async status(): Promise<{
    readonly chain: string;
    readonly time: number;
    readonly speed: number;
  }> {
    const status = (await this.#json("status")) as {
      chain?: unknown;
      time?: unknown;
      speed?: unknown;
    };
    const { chain, time, speed } = status;
    if (
      typeof chain === "string" &&
      typeof time === "number" &&
      typeof speed === "number" &&
      speed > 0
    ) {
      return { chain, time, speed };
    }
    throw this.#odd("chain, time and speed");
  }

  /** Hands in a frame. Throws: `Failure` with the code that it is refused with, or `quote.portal`. */
  async send(frame: Uint8Array): Promise<void> {
    const refusal = await this.sendOr(frame);
    if (refusal !== undefined) throw refusal;
  }

  /** The same; refusals with one of these codes are handed back, since they pass. */
  async sendOr(frame: Uint8Array, ...codes: readonly string[]): Promise<Failure | undefined> {
    const response = await this.#ask("quotes", {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: frame as Uint8Array<ArrayBuffer>,
    });
    if (response.status === 202) return undefined;
    const body = await response.json().catch(() => ({}));
    const { code, message } = body as { code?: unknown; message?: unknown };
    if (typeof code !== "string" || typeof message !== "string") throw this.#odd("an answer");
    const retry = response.status === 429 || response.status >= 500 ? "later" : "never";
    const refusal = new Failure(code, `refused: ${message}`, { retry });
    if (codes.includes(code)) return refusal;
    throw refusal;
  }

  async #json(path: string): Promise<object> {
    const response = await this.#ask(path, {});
    const body = await response.json().catch(() => undefined);
    if (response.ok && typeof body === "object" && body !== null) return body;
    throw this.#odd(`JSON of /api/${path}`);
  }

  async #ask(path: string, init: RequestInit): Promise<Response> {
    try {
      const signal = AbortSignal.timeout(answerMsMax);
      return await fetch(`${this.#base}/api/${path}`, { ...init, signal, redirect: "error" });
    } catch (cause) {
      const reason = cause instanceof Error ? (cause.cause ?? cause) : cause;
      const message = `no portal answers at ${this.#base} (${reason}); start the aggregator, or name another --portal`;
      throw new Failure("quote.portal", message, { retry: "later", cause });
    }
  }

  #odd(expected: string): Failure {
    const message = `${this.#base}: expected ${expected} of a member's portal, got something else`;
    return new Failure("quote.portal", message, { retry: "never" });
  }
}
