/**
 * What a block costs beside so many accounts, in a process of its own: a ledger whose state holds them,
 * as if it had grown so far, and blocks of signed batches upon it.
 */
import { join } from "node:path";
import { encodeHeader, micro, toBeSigned } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { accountId, accounts } from "../../../aggregator/ledger/accounts.ts";
import { Application } from "../../../aggregator/ledger/application.ts";
import { genesisHash } from "../../../aggregator/ledger/genesis.ts";
import { genesisState } from "../../../aggregator/ledger/genesis-state.ts";
import { emptyState } from "../../../aggregator/ledger/state/overlay.ts";
import type { State } from "../../../aggregator/ledger/state/state.ts";
import { Store } from "../../../aggregator/ledger/store.ts";
import { chain, signerOfName } from "../../../aggregator/ledger/test-site.ts";
import { rememberingVerify } from "../../../aggregator/ledger/verified.ts";
import {
  batchesOf,
  framesPerBlock,
  genesisOf,
  memberId,
  type StateReport,
  type StateTask,
} from "./site.ts";

const blocks = 60;
/** Blocks whose time does not count: code is compiled, caches fill. */
const warmUp = 20;

const task = JSON.parse(process.argv[2] ?? "") as StateTask;
const site = { members: 1, units: framesPerBlock, from: Date.now() - 3_600_000 };
const genesis = genesisOf(site);
const store = new Store(join(task.folder, `state-${task.accounts}.sqlite`));
fill();
const opened = performance.now();
const application = new Application({ genesis, store, verify: rememberingVerify(verify) });
const openMs = performance.now() - opened;

const lists = Array.from({ length: framesPerBlock }, (_, unit) =>
  batchesOf(unit, blocks, site.from),
);
const times: number[] = [];
const cpuTimes: number[] = [];
for (let block = 0; block < blocks; block += 1) {
  const frames = lists.flatMap((list) => list[block] ?? []);
  const start = performance.now();
  const cpu = process.cpuUsage();
  commit(frames);
  const { user, system } = process.cpuUsage(cpu);
  times.push(performance.now() - start);
  cpuTimes.push((user + system) / 1000);
}
const result: StateReport = {
  openMs,
  blockMs: median(times.slice(warmUp)),
  cpuMs: median(cpuTimes.slice(warmUp)),
  rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
};
process.send?.({ result });
store.close();

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

function fill(): void {
  const changes = new Map(genesisState(genesis));
  const state: State = {
    ...emptyState,
    set: (key, value) => void changes.set(key, value),
    delete: (key) => void changes.delete(key),
  };
  for (let n = 0; n < task.accounts / 2; n += 1) {
    for (const side of ["sales", "purchase"] as const) {
      accounts.set(state, accountId(`owner-${n}`, side), { money: micro(0), energyWh: 0 });
    }
  }
  store.begin(Buffer.from(genesisHash(genesis)).toString("hex"), changes);
}

function commit(frames: readonly Uint8Array[]): void {
  const signer = signerOfName(memberId(0));
  const time = Date.now() as ReturnType<Application["info"]>["time"];
  const { proposal, refused } = application.prepareProposal({
    time,
    proposer: memberId(0),
    view: 0,
    frames,
  });
  const [first] = refused;
  if (first !== undefined) throw new Error(`refused: ${first.refusal.message}`);
  const { header } = application.finalizeBlock(proposal);
  const message = toBeSigned(encodeHeader(header), signer.kid, { chain, kind: "block" });
  application.commit([{ kid: signer.kid, signature: signer.sign(message) }]);
}
