import { Child, type Program } from "./child.ts";
import type { SiteState } from "./state.ts";

const rememberMs = 1_000;

/** All processes of a site. `remember` is told which run, at each change and every second. */
export class Children {
  readonly #all: Child[] = [];
  readonly #remember: () => void;
  readonly #timer: NodeJS.Timeout;

  constructor(remember: (alive: SiteState["children"]) => void) {
    this.#remember = () => {
      const alive = this.#all.flatMap(({ name, pid }) =>
        pid === undefined ? [] : [{ name, pid }],
      );
      remember(alive);
    };
    this.#timer = setInterval(this.#remember, rememberMs);
    // A supervisor that ends by a fault or a second Ctrl-C leaves nothing running.
    process.once("exit", this.#kill);
  }

  get restarts(): number {
    return this.#all.reduce((sum, { restarts }) => sum + restarts, 0);
  }

  async launch(program: Program, progress: (line: string) => void): Promise<Child> {
    const child = new Child(program, this.#remember);
    this.#all.push(child);
    await child.start();
    progress(`${program.name} is up`);
    return child;
  }

  /** Ends them, the last one first. */
  async stop(): Promise<void> {
    for (const child of [...this.#all].reverse()) await child.stop();
    clearInterval(this.#timer);
    this.#remember();
    process.off("exit", this.#kill);
  }

  readonly #kill = () => {
    for (const child of this.#all) child.kill();
  };
}
