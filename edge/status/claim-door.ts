import type { IncomingMessage } from "node:http";
import { Failure } from "@busbar/protocol";
import type { ClaimOutcome } from "./claim-page.ts";

/** Takes the code that somebody at the unit entered; what it opened is in place when it resolves. */
export type TakeCode = (code: string) => Promise<{
  readonly files: readonly string[];
  /** Called once whoever entered it was answered. */
  readonly answered?: () => void;
}>;

/** A code and its field's name; more is none. */
const bodyBytesMax = 1_024;
/** Each try costs 32 MiB and seconds of the processor; guessing is hopeless, but must not stop the meters. */
const pauseMs = 3_000;

/** The one door of the status page through which something comes in: one at a time, and not in a hurry. */
export class ClaimDoor {
  readonly #take: TakeCode;
  readonly #now: () => number;
  #busy = false;
  #next = 0;

  constructor(take: TakeCode, now: () => number = () => performance.now()) {
    this.#take = take;
    this.#now = now;
  }

  async enter(
    request: IncomingMessage,
  ): Promise<ClaimOutcome & { readonly answered?: () => void }> {
    if (isForeign(request)) {
      return { ok: false, message: "A code is entered on the unit's own page: open /claim there." };
    }
    if (this.#busy || this.#now() < this.#next) {
      return { ok: false, message: "A code was entered just now; wait a few seconds." };
    }
    this.#busy = true;
    try {
      const { files, answered } = await this.#take(await codeOf(request));
      const opened = files.length === 0 ? "" : ` Opened: ${files.join(", ")}.`;
      const message = `The code is taken.${opened} The unit asks the ledger now.`;
      return { ok: true, message, ...(answered === undefined ? {} : { answered }) };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return { ok: false, message: error.message };
    } finally {
      this.#busy = false;
      this.#next = this.#now() + pauseMs;
    }
  }
}

/** Whether another site's page sent the form (Fetch Metadata, and Origin for older browsers). */
function isForeign({ headers }: IncomingMessage): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin" && site !== "none") return true;
  const { origin, host } = headers;
  return origin !== undefined && origin !== `http://${host}`;
}

/** Throws: `Failure` `claim.form`. */
async function codeOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) break;
    chunks.push(chunk);
  }
  const code =
    bytes > bodyBytesMax
      ? null
      : new URLSearchParams(Buffer.concat(chunks).toString("utf8")).get("code");
  if (code !== null) return code;
  throw new Failure("claim.form", "expected a code, as the form on /claim sends it", {
    retry: "never",
  });
}
