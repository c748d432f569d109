import { AssertionError } from "node:assert";

/** What became of one part. */
export type Result = {
  readonly name: string;
  readonly outcome: "ok" | "failed" | "not tried";
  /** What was seen, or what was expected and what came. */
  readonly said: string;
  readonly seconds: number;
};

/**
 * Says what is looked at, and whether it is so, as it comes; a part that fails leaves the others to be tried,
 * unless each needs what the one before it left.
 */
export class Report {
  readonly #stopsAtFault: boolean;
  readonly #results: Result[] = [];
  /** What is under way, on a terminal: one line that is written over. */
  readonly #line: ((text: string) => void) | undefined;
  #now = "";

  constructor({ stopsAtFault = false }: { readonly stopsAtFault?: boolean } = {}) {
    this.#stopsAtFault = stopsAtFault;
    const { stderr } = process;
    if (stderr.isTTY !== true) return;
    this.#line = (text) => stderr.write(`\r\x1b[K${text.slice(0, (stderr.columns ?? 80) - 1)}`);
  }

  get results(): readonly Result[] {
    return this.#results;
  }

  /** How the part that is under way goes on. */
  readonly progress = (text: string): void => this.#line?.(`..    ${this.#now}: ${text}`);

  async part(name: string, work: () => unknown): Promise<void> {
    if (this.#stopsAtFault && this.#count("failed") > 0) {
      this.#results.push({ name, outcome: "not tried", said: "", seconds: 0 });
      return console.log(`--    ${name}: not tried`);
    }
    this.#now = name;
    this.#line?.(`..    ${name}`);
    const begun = performance.now();
    const end = (outcome: Result["outcome"], said: string): string => {
      const seconds = (performance.now() - begun) / 1000;
      this.#results.push({ name, outcome, said, seconds });
      this.#line?.("");
      return `${seconds.toFixed(1)} s`;
    };
    try {
      const result = await work();
      const said = typeof result === "string" ? result : "";
      const took = end("ok", said);
      console.log(`ok    ${name}${said === "" ? "" : `: ${said}`} (${took})`);
    } catch (error) {
      const said = error instanceof AssertionError ? error.message : String(error);
      const took = end("failed", said);
      console.log(`FAIL  ${name} (${took})\n${said.replaceAll(/^/gm, "        ")}`);
    }
  }

  /** The last line; exit code 1 where something failed. */
  end(): void {
    const [passed, failed, left] = [
      this.#count("ok"),
      this.#count("failed"),
      this.#count("not tried"),
    ];
    console.log(`\n${passed} passed, ${failed} failed${left === 0 ? "" : `, ${left} not tried`}`);
    if (failed > 0 || passed === 0) process.exitCode = 1;
  }

  #count(outcome: Result["outcome"]): number {
    return this.#results.filter((one) => one.outcome === outcome).length;
  }
}
