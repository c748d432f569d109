import { parseArgs } from "node:util";
import { Failure, nearest } from "@busbar/protocol";
import { type Architecture, architectures } from "./control.ts";

/** What `npm run package` is asked for. */
export type Options = {
  readonly arch: Architecture;
  readonly out: string;
  readonly revision: number;
  readonly dryRun: boolean;
  readonly json: boolean;
};

export const help = `npm run package -- --arch arm64|amd64 [options]

Makes the edge unit as a Debian package and as a tarball, with its own Node: the same sources
give the same bytes.

  --arch <name>      the unit's processor: arm64 (Raspberry Pi 3, 4, 5, Zero 2 W) or amd64
  --out <folder>     where the files go (default: dist)
  --revision <n>     of the package, where the program's version is the same (default: 1)
  --dry-run          say what would be made and what is missing, and make nothing
  --json             print the result as JSON
  --help             this

Exit codes: 0 done, 1 something failed or is missing, 2 wrong use.`;

const known = ["arch", "out", "revision", "dry-run", "json", "help"] as const;

/** Undefined: help was asked for. Throws: `Failure` `usage.package`. */
export function optionsOf(args: readonly string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    options: {
      arch: { type: "string" },
      out: { type: "string", default: "dist" },
      revision: { type: "string", default: "1" },
      "dry-run": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  for (const name of Object.keys(values)) {
    if (known.some((other) => other === name)) continue;
    const near = nearest(name, known);
    throw usage(
      `there is no option --${name}${near === undefined ? "" : `; did you mean --${near}?`}`,
    );
  }
  if (positionals.length > 0) throw usage(`expected options only, got ${positionals.join(" ")}`);
  if (values.help === true) return undefined;
  const { arch, out, revision, json } = values;
  const architecture = architectures.find((name) => name === arch);
  if (architecture === undefined) {
    throw usage(`expected --arch ${architectures.join(" or ")}, got ${arch ?? "none"}`);
  }
  if (typeof revision !== "string" || !/^[1-9]\d{0,5}$/.test(revision)) {
    throw usage(`expected --revision with a whole number from 1 on, got ${revision}`);
  }
  if (typeof out !== "string" || out === "") throw usage("expected --out with a folder");
  return {
    arch: architecture,
    out,
    revision: Number(revision),
    dryRun: values["dry-run"] === true,
    json: json === true,
  };
}

const usage = (message: string): Failure =>
  new Failure("usage.package", `${message}\n(npm run package -- --help)`, { retry: "never" });
