import { verify } from "@busbar/protocol/node";
import { loadConfig } from "../config/load.ts";
import { accountSums } from "../ledger/accounts.ts";
import { meterStates } from "../ledger/rules/meter-state.ts";
import { verifyLedger } from "../ledger/verify.ts";
import { openLedger } from "./ledger.ts";

/** `busbar-aggregator verify`: exit code 1 where anything differs. */
export function verifyCommand(
  options: { readonly config: string; readonly json: boolean },
  print: (value: object) => void,
): void {
  const { store, genesis, application } = openLedger(loadConfig(options.config));
  try {
    const progress = options.json ? {} : { progress: progressBar(store.height) };
    const result = verifyLedger({ store, genesis, verify, ...progress });
    if (!result.ok) process.exitCode = 1;
    const { money, energyWh } = accountSums(store.state);
    const readings: Record<string, number> = {};
    for (const [meter, { next }] of meterStates.scan(store.state)) readings[meter] = next - 1;
    const appHash = Buffer.from(application.info().appHash).toString("hex");
    if (options.json) {
      return print({
        ...result,
        appHash,
        readings,
        // The replay counts each meter's readings from the frames alone and stops at a repeated one.
        countedTwice: result.ok || result.code !== "verify.readings" ? 0 : 1,
        moneySum: Number(money),
        energySum: Number(energyWh),
      });
    }
    if (!result.ok) return console.error(`differs at height ${result.height}: ${result.message}`);
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
