import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { releaseOf } from "../build.ts";
import type { Architecture } from "../control.ts";
import { gzip } from "../deb.ts";
import { programOf, sealed } from "../layout.ts";
import { modulesOf } from "../modules.ts";
import { tarOf } from "../tar.ts";
import { type Entry, file, under } from "../tree.ts";

/** A change of one file's text. */
export type Change = { readonly path: string; readonly change: (text: string) => string };

/** Makes and signs bundles of this tree's unit as an operator does, changed where a proof wants it. */
export class Bundles {
  readonly #root: string;
  readonly #scratch: string;
  readonly #arch: Architecture;
  readonly #modules: Promise<[string, Entry][]>;
  readonly #key: string;

  constructor(root: string, { arch, scratch }: { arch: Architecture; scratch: string }) {
    this.#root = root;
    this.#scratch = scratch;
    this.#arch = arch;
    this.#modules = modulesOf(root, { arch, say: () => {} });
    this.#key = join(scratch, "update.key");
  }

  /** What stands in `update-keys`. */
  publicKey(): string {
    return (this.#edge("update", "key", this.#key, "--json") as { key: string }).key;
  }

  /** A signed bundle of a revision; its path. */
  async make(revision: number, ...changes: readonly Change[]): Promise<string> {
    const release = releaseOf(this.#root, { arch: this.#arch, revision });
    const program = new Map(programOf(this.#root, release, await this.#modules));
    for (const { path, change } of changes) {
      const entry = program.get(path);
      const text = entry?.kind === "file" ? new TextDecoder().decode(entry.content) : "";
      const changed = change(text);
      if (changed === text) throw new Error(`${path} is not what was to be changed`);
      program.set(path, file(changed));
    }
    const tarball = join(this.#scratch, `${revision}.tar.gz`);
    writeFileSync(tarball, gzip(tarOf(new Map(under("opt/busbar", sealed(program))), 1), 1));
    const bundle = join(this.#scratch, `${revision}.bundle`);
    this.#edge("update", "make", tarball, "--output", bundle, "--json");
    this.#edge("update", "sign", bundle, "--key", this.#key, "--json");
    return bundle;
  }

  #edge(...args: readonly string[]): unknown {
    const cli = join(this.#root, "edge/cli.ts");
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
      encoding: "utf8",
    });
    if (status === 0) return JSON.parse(stdout);
    throw new Failure("package.bundle", `${args.join(" ")}: ${stdout}${stderr}`, {
      retry: "never",
    });
  }
}
