import { loadConfig } from "../config/load.ts";
import type { ConsensusStatus, PeerState } from "../consensus/status.ts";
import { faultsTolerated, toleranceText } from "../consensus/tolerance.ts";
import { accountSums } from "../ledger/accounts.ts";
import { contracts } from "../ledger/rules/market/tables.ts";
import { meterStates } from "../ledger/rules/meter-state.ts";
import { paymentOf } from "../ledger/settlements.ts";
import { contractStatus, contractText } from "./contract.ts";
import { gridLines, gridStatus } from "./grid-status.ts";
import { openLedger } from "./ledger.ts";
import { liveStatus } from "./live-status.ts";

/**
 * `busbar-aggregator status`: what the ledger on disk holds, and what the aggregator says of the other
 * members, if it runs.
 */
export async function status(
  options: { readonly config: string; readonly json: boolean },
  print: (value: object) => void,
): Promise<void> {
  const config = loadConfig(options.config);
  const live = (await liveStatus(config))?.consensus;
  const { store, application, genesis } = openLedger(config, { snapshot: true });
  try {
    const { height, time, appHash } = application.info();
    const readings = [...meterStates.scan(store.state)].map(([meter, { next }]) => ({
      meter,
      readings: next - 1,
    }));
    const trades = [...contracts.scan(store.state)];
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
      settledContracts: trades.filter((one) => paymentOf(store.state, ...one) !== undefined).length,
      moneySum: Number(money),
      energySum: Number(energyWh),
    };
    const { voters } = application.council();
    const tolerance = { voters: voters.length, faultsTolerated: faultsTolerated(voters.length) };
    const contract = contractStatus(store.state);
    const grid = gridStatus(store.state);
    if (options.json) {
      return print({ ...result, ...tolerance, contract, grid, consensus: live ?? null });
    }
    for (const [name, value] of Object.entries(result)) {
      if (name !== "meters") console.log(`${name.padEnd(17)} ${String(value)}`);
    }
    console.log(`contract          ${contractText(contract.current)}`);
    for (const one of contract.coming) console.log(`decided contract  ${contractText(one)}`);
    for (const line of gridLines(grid)) console.log(line);
    for (const { meter, readings: count } of readings) {
      console.log(`meter ${meter.padEnd(11)} ${count} readings`);
    }
    console.log(`consensus         ${toleranceText(voters.length)}`);
    for (const line of liveLines(live)) console.log(line);
  } finally {
    store.close();
  }
}

function liveLines(live: ConsensusStatus | undefined): readonly string[] {
  if (live === undefined) return ["aggregator        does not answer at its portal"];
  if (live.view === null) return [];
  const liars = live.liars.length === 0 ? [] : [`said two things   ${live.liars.join(", ")}`];
  const deviating = live.deviating.map(
    ({ member, height }) => `other result      ${member}, from block ${height} on`,
  );
  return [
    `view              ${live.view}, led by ${live.leader}`,
    ...live.peers.map(peerLine),
    ...liars,
    ...deviating,
  ];
}

function peerLine({ id, address, reached, heard, problem }: PeerState): string {
  const oneWay = heard ? "connected (it dials us)" : `not connected (${problem})`;
  const state = reached ? "connected" : oneWay;
  return `peer ${id.padEnd(12)} ${state}   ${address ?? ""}`.trimEnd();
}
