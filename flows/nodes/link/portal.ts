import { Failure } from "@busbar/protocol";
import { flowError } from "./errors.ts";

const answerMsMax = 10_000;

/** A member's portal, as far as flows ask it. */
export class Portal {
  readonly #base: string;

  /** Throws: `Failure` `flows.portal-unset`, `flows.portal` for what is no address. */
  constructor(url: string | undefined) {
    if (url === undefined) {
      const message = "enter the portal's address in the site node, like http://127.0.0.1:8080";
      throw flowError("flows.portal-unset", message);
    }
    if (!URL.canParse(url) || !/^https?:/.test(url)) {
      throw flowError("flows.portal", `portal: expected http://… or https://…, got ${url}`);
    }
    this.#base = url.replace(/\/+$/, "");
  }

  /** The JSON of a path below `/api/`. Throws: `Failure` `flows.portal`, or with the portal's code. */
  async get(path: string, signal?: AbortSignal): Promise<unknown> {
    return await this.#answer(path, {}, signal);
  }

  /** Hands in a signed quote. Throws: `Failure` with the code that it is refused with. */
  async quote(frame: Uint8Array, signal?: AbortSignal): Promise<void> {
    const headers = { "content-type": "application/octet-stream" };
    const body = frame as Uint8Array<ArrayBuffer>;
    await this.#answer("quotes", { method: "POST", headers, body }, signal);
  }

  async #answer(path: string, init: RequestInit, signal?: AbortSignal): Promise<unknown> {
    const response = await this.#ask(path, init, signal);
    const body: unknown = await response.json().catch(() => undefined);
    if (response.ok && body !== undefined) return body;
    const { code, message } = (body ?? {}) as { code?: unknown; message?: unknown };
    if (typeof code === "string" && typeof message === "string") {
      const retry = response.status === 429 || response.status >= 500 ? "later" : "never";
      throw new Failure(code, message, { retry });
    }
    const got = `HTTP ${response.status}`;
    throw flowError("flows.portal", `${this.#base}/api/${path}: expected a portal, got ${got}`);
  }

  async #ask(path: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
    const patience = AbortSignal.timeout(answerMsMax);
    const both = signal === undefined ? patience : AbortSignal.any([signal, patience]);
    try {
      return await fetch(`${this.#base}/api/${path}`, { ...init, signal: both, redirect: "error" });
    } catch (cause) {
      const message = `no portal answers at ${this.#base}; see that the aggregator runs`;
      throw flowError("flows.portal", message, { retry: "later", cause });
    }
  }
}
