import { AssertionError } from "node:assert";

/**
 * Says what is looked at, and whether it is so, as it comes; a part that fails leaves the others to be tried,
 * unless each needs what the one before it left.
 */
export class Report {
  readonly #stopsAtFault: boolean;
  #failed = 0;
  #passed = 0;
  #left = 0;

  constructor({ stopsAtFault = false }: { readonly stopsAtFault?: boolean } = {}) {
    this.#stopsAtFault = stopsAtFault;
  }

  async part(name: string, work: () => unknown): Promise<void> {
    if (this.#stopsAtFault && this.#failed > 0) {
      this.#left += 1;
      return console.log(`--    ${name}: not tried`);
    }
    const begun = performance.now();
    try {
      const said = await work();
      this.#passed += 1;
      const seconds = ((performance.now() - begun) / 1000).toFixed(1);
      console.log(`ok    ${name}${typeof said === "string" ? `: ${said}` : ""} (${seconds} s)`);
    } catch (error) {
      this.#failed += 1;
      const text = error instanceof AssertionError ? error.message : String(error);
      console.log(`FAIL  ${name}\n${text.replaceAll(/^/gm, "        ")}`);
    }
  }

  /** The last line; exit code 1 where something failed. */
  end(): void {
    const left = this.#left === 0 ? "" : `, ${this.#left} not tried`;
    console.log(`\n${this.#passed} passed, ${this.#failed} failed${left}`);
    if (this.#failed > 0 || this.#passed === 0) process.exitCode = 1;
  }
}
