import { verify } from "@busbar/protocol/node";
import { loadConfig } from "../config/load.ts";
import { accountSums } from "../ledger/accounts.ts";
import { meterStates } from "../ledger/rules/meter-state.ts";
import { StateTree } from "../ledger/state/tree.ts";
import { verifyLedger } from "../ledger/verify.ts";
import { openStore } from "./ledger.ts";

/** `busbar-aggregator verify`: exit code 1 where anything differs. */
export function verifyCommand(
  options: { readonly config: string; readonly json: boolean },
  print: (value: object) => void,
): void {
  const { store, genesis } = openStore(loadConfig(options.config));
  try {
    const progress = options.json ? {} : { progress: progressBar(store.height) };
    const result = verifyLedger({ store, genesis, verify, ...progress });
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
        countedTwice: result.readings - distinct,
        moneySum: Number(money),
        energySum: Number(energyWh),
      });
    }
    const { height, transactions } = result;
    console.log(
      `${height} blocks, ${transactions} transactions, ${result.readings} readings: all as it should be`,
    );
    console.log(`app hash ${appHash}; accounts sum to ${money} and ${energyWh} Wh`);
  } finally {
    store.close();
  }
}

/** Writes how far a long replay is, on a terminal only. */
function progressBar(last: number): (height: number) => void {
  return (height) => {
    if (!process.stderr.isTTY || (height % 100 !== 0 && height !== last)) return;
    process.stderr.write(`\rblock ${height} of ${last}${height === last ? "\n" : ""}`);
  };
}
