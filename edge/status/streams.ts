import type { ServerResponse } from "node:http";
import { mainHtml } from "./page-main.ts";
import { type Language, wordsOf } from "./page-words.ts";
import type { Status } from "./status.ts";

/** Open pages at once; each costs a page a second. */
const streamsMax = 8;
const everyMs = 1_000;
/** A page that reads nothing for so many bytes is closed: memory filled by a phone out of reach. */
const unsentBytesMax = 512 * 1024;

/** The open pages, each told once a second (Server-Sent Events); nothing is done while there is none. */
export class Streams {
  readonly #status: () => Status;
  readonly #open = new Map<ServerResponse, Language>();
  #timer: NodeJS.Timeout | undefined;

  constructor(status: () => Status) {
    this.#status = status;
  }

  /** False when there are too many already. */
  add(
    response: ServerResponse,
    language: Language,
    headers: Readonly<Record<string, string>>,
  ): boolean {
    if (this.#open.size >= streamsMax) return false;
    response.writeHead(200, { ...headers, "content-type": "text/event-stream" });
    response.write("retry: 2000\n\n");
    this.#open.set(response, language);
    response.once("close", () => this.#remove(response));
    this.#timer ??= setInterval(() => this.#tell(), everyMs);
    return true;
  }

  close(): void {
    for (const response of this.#open.keys()) response.destroy();
  }

  #remove(response: ServerResponse): void {
    this.#open.delete(response);
    if (this.#open.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tell(): void {
    let status: Status;
    try {
      status = this.#status();
    } catch {
      // A disk that cannot be read now: the pages say that the connection is lost, and come again.
      return this.close();
    }
    const rendered = new Map<Language, string>();
    for (const [response, language] of this.#open) {
      const html = rendered.get(language) ?? mainHtml(status, wordsOf[language], Date.now());
      rendered.set(language, html);
      response.write(`data: ${JSON.stringify(html)}\n\n`);
      if (response.writableLength > unsentBytesMax) response.destroy();
    }
  }
}
