import { verify } from "@busbar/protocol/node";
import { loadConfig } from "../config/load.ts";
import { SignatureThreads, usualThreads } from "../ingest/signature-threads.ts";
import { accountSums } from "../ledger/accounts.ts";
import { Archives, bothOf } from "../ledger/archive/archive.ts";
import type { Signed } from "../ledger/opened-frame.ts";
import { meterStates } from "../ledger/rules/meter-state.ts";
import { StateTree } from "../ledger/state/tree.ts";
import { verifyLedgerAhead } from "../ledger/verify-ahead.ts";
import { openStore } from "./ledger.ts";

/** `busbar-aggregator verify`: exit code 1 where anything differs. */
export async function verifyCommand(
  options: { readonly config: string; readonly json: boolean; readonly archive?: string },
  print: (value: object) => void,
): Promise<void> {
  const config = loadConfig(options.config);
  const { store, genesis } = openStore(config);
  const archives = new Archives(options.archive ?? config.archive.folder);
  const threads = new SignatureThreads({
    count: config.signatureThreads ?? usualThreads(),
    verify,
    failed: (error) => console.error(`checking goes on in one thread: ${error.message}`),
  });
  try {
    const blocks = bothOf(store, archives);
    const progress = progressBar(store.height);
    const certifiedLater = config.engine === "cometbft";
    const check = (signed: Signed) => threads.check(signed);
    const ledger = { store, blocks, genesis, verify, certifiedLater };
    const result = await verifyLedgerAhead({ ...ledger, progress, check });
    if (!result.ok) {
      process.exitCode = 1;
      if (options.json) {
        // Sums and counts of a file that is not sound would say nothing.
        const countedTwice = result.code === "verify.readings" ? 1 : 0;
        const unknown = { appHash: "", readings: {}, moneySum: null, energySum: null };
        return print({ ...result, ...unknown, countedTwice });
      }
      return console.error(
        `differs at height ${result.height}: ${result.message} (${result.code})`,
      );
    }
    const { money, energyWh } = accountSums(store.state);
    const readings: Record<string, number> = {};
    let distinct = 0;
    for (const [meter, { next }] of meterStates.scan(store.state)) {
      readings[meter] = next - 1;
      distinct += next - 1;
    }
    const appHash = Buffer.from(StateTree.of(store.state.scan("")).root).toString("hex");
    if (options.json) {
      return print({
        ...result,
        appHash,
        readings,
        // Entries in the blocks' frames less the sequence numbers that the state has come to.
        countedTwice: result.readings + result.readingsBefore - distinct,
        moneySum: Number(money),
        energySum: Number(energyWh),
      });
    }
    const { from, height, certified, transactions } = result;
    if (from > 0) console.log(`from the snapshot of block ${from} on:`);
    console.log(
      `${height - from} blocks, ${transactions} transactions, ${result.readings} readings: all as it should be`,
    );
    if (certified < height) {
      console.log(
        `blocks ${certified + 1} to ${height} lack their certificate still: it comes with later ones`,
      );
    }
    console.log(`app hash ${appHash}; accounts sum to ${money} and ${energyWh} Wh`);
  } finally {
    await threads.stop();
    archives.close();
    store.close();
  }
}

/** Writes how far a long replay is: often on a terminal, else a line for each 10 000 blocks. */
function progressBar(last: number): (height: number) => void {
  return (height) => {
    if (!process.stderr.isTTY) {
      if (height % 10_000 === 0) console.error(`block ${height} of ${last}`);
      return;
    }
    if (height % 100 !== 0 && height !== last) return;
    process.stderr.write(`\rblock ${height} of ${last}${height === last ? "\n" : ""}`);
  };
}
