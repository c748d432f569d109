import { Failure, type Signer, sealSignIn } from "@busbar/protocol";
import { flowError } from "./errors.ts";

const answerMsMax = 10_000;

/** Who signs in where the portal asks for it. */
export type SignInAs = { readonly chain: string; readonly signer: Signer };

/** A member's portal, as far as flows ask it. Where it asks who is there, it signs in with the key. */
export class Portal {
  readonly #base: string;
  readonly #as: SignInAs | undefined;
  #session: string | undefined;

  /** Throws: `Failure` `flows.portal-unset`, `flows.portal` for what is no address. */
  constructor(url: string | undefined, as?: SignInAs) {
    this.#as = as;
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

  /** A proof's bytes. Throws: as `get`. */
  async proof(path: string, signal?: AbortSignal): Promise<Uint8Array> {
    const response = await this.#asked(path, {}, signal);
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    throw await this.#refusal(path, response);
  }

  async #answer(path: string, init: RequestInit, signal?: AbortSignal): Promise<unknown> {
    const response = await this.#asked(path, init, signal);
    if (!response.ok) throw await this.#refusal(path, response);
    const body: unknown = await response.json().catch(() => undefined);
    if (body !== undefined) return body;
    throw flowError("flows.portal", `${this.#base}/api/${path}: expected JSON of a portal`);
  }

  /** Asks, and where the portal wants to know who, signs in and asks once more. */
  async #asked(path: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
    const first = await this.#ask(path, init, signal);
    if (first.status !== 401 || this.#as === undefined) return first;
    await first.body?.cancel();
    this.#session = await this.#signIn(this.#as, signal);
    return await this.#ask(path, init, signal);
  }

  async #signIn({ chain, signer }: SignInAs, signal?: AbortSignal): Promise<string> {
    const asked = await this.#ask("challenges", { method: "POST" }, signal);
    if (!asked.ok) throw await this.#refusal("challenges", asked);
    const { challenge } = (await asked.json()) as { challenge?: unknown };
    const bytes = new Uint8Array(Buffer.from(String(challenge), "base64url"));
    if (bytes.length !== 32) {
      throw flowError("flows.portal", `${this.#base}: expected a challenge of 32 bytes`);
    }
    // Our own site's chain, whatever the portal says: a signature for another chain is worth nothing here.
    const origin = new URL(this.#base).origin;
    const answer = sealSignIn({ challenge: bytes, origin }, { chain, signer });
    const body = JSON.stringify({ answer: Buffer.from(answer).toString("base64url") });
    const headers = { "content-type": "application/json" };
    const begun = await this.#ask("sessions", { method: "POST", headers, body }, signal);
    if (!begun.ok) throw await this.#refusal("sessions", begun);
    await begun.body?.cancel();
    const cookies = begun.headers.getSetCookie().map((cookie) => cookie.split(";")[0] ?? "");
    return cookies.join("; ");
  }

  async #refusal(path: string, response: Response): Promise<Failure> {
    const body: unknown = await response.json().catch(() => undefined);
    const { code, message } = (body ?? {}) as { code?: unknown; message?: unknown };
    if (typeof code === "string" && typeof message === "string") {
      const retry = response.status === 429 || response.status >= 500 ? "later" : "never";
      return new Failure(code, message, { retry });
    }
    const got = `HTTP ${response.status}`;
    return flowError("flows.portal", `${this.#base}/api/${path}: expected a portal, got ${got}`);
  }

  async #ask(path: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
    const patience = AbortSignal.timeout(answerMsMax);
    const both = signal === undefined ? patience : AbortSignal.any([signal, patience]);
    const cookie = this.#session === undefined ? {} : { cookie: this.#session };
    const headers = { ...(init.headers as Record<string, string> | undefined), ...cookie };
    try {
      const whole = { ...init, headers, signal: both, redirect: "error" } as const;
      return await fetch(`${this.#base}/api/${path}`, whole);
    } catch (cause) {
      const message = `no portal answers at ${this.#base}; see that the aggregator runs`;
      throw flowError("flows.portal", message, { retry: "later", cause });
    }
  }
}
