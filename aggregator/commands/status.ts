import { loadConfig } from "../config/load.ts";
import { accountSums } from "../ledger/accounts.ts";
import { contracts } from "../ledger/rules/market/tables.ts";
import { meterStates } from "../ledger/rules/meter-state.ts";
import { openLedger } from "./ledger.ts";

/** `busbar-aggregator status`: what the ledger on disk holds; works while the aggregator runs. */
export function status(
  options: { readonly config: string; readonly json: boolean },
  print: (value: object) => void,
): void {
  const config = loadConfig(options.config);
  const { store, application, genesis } = openLedger(config, { snapshot: true });
  try {
    const { height, time, appHash } = application.info();
    const readings = [...meterStates.scan(store.state)].map(([meter, { next }]) => ({
      meter,
      readings: next - 1,
    }));
    const trades = [...contracts.scan(store.state)].map(([, contract]) => contract);
    const { money, energyWh } = accountSums(store.state);
    const result = {
      chain: genesis.chain,
      member: config.member,
      engine: config.engine,
      height,
      time: new Date(time).toISOString(),
      appHash: Buffer.from(appHash).toString("hex"),
      waiting: store.pending().length,
      meters: readings,
      contracts: trades.length,
      settledContracts: trades.filter(({ settled }) => settled === 1).length,
      moneySum: Number(money),
      energySum: Number(energyWh),
    };
    if (options.json) return print(result);
    for (const [name, value] of Object.entries(result)) {
      if (name !== "meters") console.log(`${name.padEnd(17)} ${String(value)}`);
    }
    for (const { meter, readings: count } of readings) {
      console.log(`meter ${meter.padEnd(11)} ${count} readings`);
    }
  } finally {
    store.close();
  }
}
