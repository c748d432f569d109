import { resolve } from "node:path";
import { Failure } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { loadConfig } from "../config/load.ts";
import { type BackupContent, backUp, examineBackup, restoreBackup } from "../ledger/backup.ts";
import { readGenesis } from "../ledger/genesis.ts";

type Options = { readonly config: string; readonly json: boolean };

/** Options of `busbar-aggregator restore`. */
export type RestoreOptions = Options & {
  readonly dryRun: boolean;
  /** That blocks after the backup exist nowhere else is known, where one member orders alone. */
  readonly acceptLoss: boolean;
};

/** `busbar-aggregator backup`: a checked copy of the ledger, also while the aggregator runs.
 * Throws: `Failure` `backup.*`, `store.*`, `genesis.*`. */
export function backupCommand(
  file: string,
  options: Options,
  print: (value: object) => void,
): void {
  const config = loadConfig(options.config);
  const genesis = readGenesis(config.genesis);
  const target = resolve(file);
  const content = backUp(config.store, target, { genesis, verify });
  if (options.json) return print({ ok: true, file: target, ...content });
  console.log(`${target}: ${textOf(content)}; checked`);
  console.log("keep genesis.json with it; the member's key is not in it");
}

/**
 * `busbar-aggregator restore`: puts a backup where no store is.
 * Throws: `Failure` `backup.*`, `restore.loss`, `store.*`, `genesis.*`.
 */
export function restoreCommand(
  file: string,
  options: RestoreOptions,
  print: (value: object) => void,
): void {
  const config = loadConfig(options.config);
  const genesis = readGenesis(config.genesis);
  const silent = config.engine === "pbft";
  const grounds = { genesis, verify };
  if (options.dryRun) {
    const content = examineBackup(resolve(file), grounds);
    if (options.json) return print({ ok: true, restored: false, silent, ...content });
    return console.log(`${file}: ${textOf(content)}; sound, would become ${config.store}`);
  }
  if (config.engine === "recorder" && !options.acceptLoss) {
    throw new Failure(
      "restore.loss",
      "one member orders this chain alone, so blocks made after the backup exist nowhere else, and receipts for them bind a chain that ends; where that is so, run this again with --accept-loss",
      { retry: "never" },
    );
  }
  const content = restoreBackup(resolve(file), config.store, { ...grounds, silent });
  if (options.json) return print({ ok: true, restored: true, silent, ...content });
  console.log(`${config.store}: ${textOf(content)}`);
  if (config.engine === "cometbft") console.log("CometBFT brings the blocks after it again.");
  if (!silent) return;
  console.log(
    "This member forgot what it voted on after the backup. It follows the others and says nothing that binds until it has passed every height on which it may have voted; then it votes again by itself.",
  );
}

function textOf({ height, base, waiting }: BackupContent): string {
  const from = base === 0 ? "" : ` (whole blocks from ${base + 1} on)`;
  return `a ledger up to block ${height}${from}, ${waiting} frames waiting`;
}
