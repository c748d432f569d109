import { appendFileSync, existsSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";

/** One line of the log of sessions: what was asked by whom, what was answered. Times are ISO 8601. */
export type SessionEntry = {
  readonly at: string;
  /** `ask`: a question and its answer. `refused`: nobody was answered. `end`: by the owner. */
  readonly what: "ask" | "refused" | "end";
  /** Hexadecimal digits; absent where nothing could be read. */
  readonly session?: string;
  readonly name?: string;
  readonly number?: number;
  readonly command?: string;
  readonly args?: readonly string[];
  /** `ok`, or why there was no answer. */
  readonly code: string;
  /** The answer as it was sent. */
  readonly answer?: string;
};

/** An entry without its answer, for those who look at many. */
export type SessionLine = Omit<SessionEntry, "answer">;

/** What the unit's page and its status tell of sessions. */
export type SupportStatus = {
  readonly open: readonly {
    readonly session: string;
    readonly until: number;
    readonly taken: number;
  }[];
  readonly newest: readonly SessionLine[];
};

const fileName = "support.log";
/** Two files of this size: some hundred answers. */
const fileBytesMax = 2 * 1024 * 1024;
const recentMax = 10;

/** The unit's own record of every session, for its owner. It outlives restarts and is bounded. */
export class SessionLog {
  readonly #path: string;
  #recent: readonly SessionLine[] | undefined;

  constructor(folder: string) {
    this.#path = join(folder, fileName);
  }

  /** On the disk before it comes back: what is not noted is not answered. Throws what the disk throws. */
  add(entry: SessionEntry): void {
    const size = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    if (size > fileBytesMax) renameSync(this.#path, `${this.#path}.1`);
    const before = this.recent;
    appendFileSync(this.#path, `${JSON.stringify(entry)}\n`, { mode: 0o600, flush: true });
    this.#recent = [...before, lineOf(entry)].slice(-recentMax);
  }

  /** The newest lines, the oldest of them first. */
  get recent(): readonly SessionLine[] {
    this.#recent ??= this.newest(recentMax).map(lineOf);
    return this.#recent;
  }

  /** The newest entries, the oldest of them first. Lines that a power cut left half are passed over. */
  newest(count: number): readonly SessionEntry[] {
    const texts = [`${this.#path}.1`, this.#path]
      .filter((path) => existsSync(path))
      .map((path) => readFileSync(path, "utf8"));
    return texts
      .flatMap((text) => text.split("\n"))
      .flatMap((line) => entryIn(line) ?? [])
      .slice(-count);
  }
}

const lineOf = ({ answer: _, ...line }: SessionEntry): SessionLine => line;

function entryIn(line: string): SessionEntry | undefined {
  try {
    const entry = JSON.parse(line) as SessionEntry;
    return typeof entry?.at === "string" && typeof entry.code === "string" ? entry : undefined;
  } catch {
    // The last line of a power cut.
    return undefined;
  }
}
