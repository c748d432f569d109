import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Failure } from "@busbar/protocol";
import { takeCode } from "../claim/take.ts";
import { loadConfig } from "../config/load.ts";
import { askUnit } from "../status/ask.ts";
import { print } from "./output.ts";

/** Options of `busbar-edge claim`. */
export type ClaimOptions = { readonly config: string; readonly json?: boolean };

/**
 * Takes the code of the unit's label, as its page does: from the argument, from standard input (`-`), or asked
 * for. The running unit asks the ledger then, or one that is started later.
 * Throws: `Failure` `usage.claim`, and what `takeCode` does.
 */
export async function claimCommand(
  given: string | undefined,
  { config: file, json = false }: ClaimOptions,
): Promise<void> {
  const config = loadConfig(file);
  const code = await codeOf(given);
  const taken = await takeCode(code, config);
  const status = await askUnit(config).catch(() => undefined);
  const until = taken.until === undefined ? undefined : new Date(taken.until).toISOString();
  print(json, { ok: true, ...taken, until, runs: status !== undefined }, () =>
    [
      `The code is taken (${taken.label}).`,
      ...(taken.files.length === 0
        ? []
        : [`Opened into ${config.home}: ${taken.files.join(", ")}.`]),
      ...(until === undefined ? [] : [`The label counts until ${until}, by the ledger's clock.`]),
      nextOf({ isRunning: status !== undefined, hasFiles: taken.files.length > 0 }),
    ].join("\n"),
  );
}

function nextOf({ isRunning, hasFiles }: { isRunning: boolean; hasFiles: boolean }): string {
  if (!isRunning)
    return "Next: busbar-edge run, or sudo systemctl start busbar-edge; it asks the ledger.";
  if (hasFiles) return "Next: sudo systemctl reload busbar-edge, for the files that were opened.";
  return "The running unit asks the ledger now; busbar-edge status shows what comes of it.";
}

async function codeOf(given: string | undefined): Promise<string> {
  if (given === "-") return readFileSync(0, "utf8");
  if (given !== undefined) return given;
  if (process.stdin.isTTY !== true) {
    const message = "expected the code: busbar-edge claim XXXX-XXXX-XXXX-XXXX, or - to read it";
    throw new Failure("usage.claim", message, { retry: "never" });
  }
  process.stderr.write("Code on the unit's label: ");
  const reader = createInterface({ input: process.stdin, terminal: false });
  try {
    for await (const line of reader) return line;
    return "";
  } finally {
    reader.close();
  }
}
