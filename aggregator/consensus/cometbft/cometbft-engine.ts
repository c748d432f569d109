import { rmSync } from "node:fs";
import { join } from "node:path";
import { Failure, utcMs } from "@busbar/protocol";
import { signerOf } from "@busbar/protocol/node";
import type { CommittedBlock, RefusedFrame } from "../../ledger/block.ts";
import { councilAt } from "../../ledger/council.ts";
import { hashOf } from "../../ledger/opened-frame.ts";
import { nameOf } from "../frame-name.ts";
import type { EngineParts, RunningEngine } from "../running-engine.ts";
import { SnapshotKeeping, usualSnapshotEvery } from "../snapshot-keeping.ts";
import { systemTimers } from "../timers.ts";
import { faultsTolerated } from "../tolerance.ts";
import { AbciApplication } from "./abci.ts";
import { readBeginning } from "./beginning.ts";
import { Broadcasting } from "./broadcasting.ts";
import { Certifying } from "./certifying.ts";
import { Misbehavior } from "./misbehavior.ts";
import { CometbftProcess } from "./process.ts";
import { CometbftRpc } from "./rpc.ts";
import { AbciServer } from "./server.ts";

/** Where this member's CometBFT is, as the configuration says it. */
export type CometbftConfig = {
  /** Its home folder; the socket between the two lies in it. */
  readonly home: string;
  /** The program. */
  readonly command: string;
  /** Its RPC, on the loopback. */
  readonly rpc: string;
};

/** Rules of the ledger's own become due on whole minutes of site time. */
const dueEveryMs = 60_000;
/** While a rule is due, or a block with frames lacks its certificate, CometBFT is woken this often. */
const wakeEveryMs = 2_000;
/** A path of a Unix socket, with the 0 at its end (`sun_path`, unix(7)). */
const socketPathMax = 107;

/**
 * CometBFT orders, this process runs the ledger. Frames go from our durable pool into its mempool until
 * they stand in a block; blocks come over ABCI's socket; our certificates over its votes.
 */
export function cometbftEngine(
  parts: EngineParts & { readonly genesis: string },
  config: CometbftConfig,
): RunningEngine {
  const { application, store, pool, clock, chain, keys, verify, log } = parts;
  const timers = systemTimers;
  const onCommit: ((block: CommittedBlock) => void)[] = [];
  const onRefused: ((refused: RefusedFrame) => void)[] = [];
  const rpc = new CometbftRpc(config.rpc);
  const broadcasting = new Broadcasting({
    broadcast: (frames) => rpc.broadcast(frames),
    stillGood: (frames) => dropRefused(frames),
    onFailed: ({ message }) => log.warn({ event: "cometbft-broadcast", message }),
    timers,
  });
  const forget = (hashes: readonly Uint8Array[]) => {
    for (const hash of hashes) broadcasting.drop(nameOf(hash));
  };
  const every = parts.snapshotEvery ?? usualSnapshotEvery;
  const keeping = new SnapshotKeeping({ store, timers, every });
  const certifying = new Certifying({
    store,
    application,
    signer: signerOf(keys),
    chain,
    verify,
    onCertified: (block) => {
      keeping.committed(block.header.height);
      for (const listener of onCommit) listener(block);
    },
  });
  const beginning = { ...readBeginning(config.home), genesis: parts.genesis };
  const misbehavior = new Misbehavior({
    fetch: (height) => rpc.block(height),
    councilAt: (height) => councilAt(store.state, height + beginning.height),
    pool,
    member: { id: parts.member, chain, signer: signerOf(keys) },
  });
  const abci = new AbciApplication({
    application,
    chain,
    beginning,
    certifying,
    onCommitted: ({ hashes }) => {
      pool.committed(hashes);
      forget(hashes);
    },
    onMisbehavior: (height) => {
      log.error({ event: "cometbft-misbehavior", height });
      misbehavior.found(height);
    },
    // A frame of another member's pool is that one's to answer.
    onRefused: (refused) => {
      if (pool.waiting.get(nameOf(refused.hash)) !== undefined) tellRefused(refused);
    },
  });
  const tellRefused = (refused: RefusedFrame) => {
    pool.refused([refused.hash]);
    forget([refused.hash]);
    for (const listener of onRefused) listener(refused);
  };
  /** Whoever proposed may have refused a frame that came in here: its sender hears it from this member. */
  const dropRefused = (frames: readonly Uint8Array[]) => {
    const time = utcMs(Math.max(clock.now(), application.info().time));
    const tried = { time, proposer: parts.member, view: 0, frames };
    for (const refused of application.prepareProposal(tried).refused) tellRefused(refused);
  };
  const server = new AbciServer({ handle: (request) => abci.handle(request), log });
  const socket = join(config.home, "abci.sock");
  const args = ["start", "--home", config.home, "--proxy_app", `unix://${socket}`];
  const process = new CometbftProcess({ command: config.command, args, log, timers });
  let cancelWake: (() => void) | undefined;
  let lastTick = 0;

  /** Wakes CometBFT for what only time brings about, and for votes that a block still lacks. */
  const wake = () => {
    const now = clock.now();
    // Not answered: the next time.
    misbehavior.report().catch(() => {});
    if (application.due(now) || certifying.isWaiting) {
      lastTick = Math.max(lastTick + 1, now);
      // Not there: the next time.
      rpc.broadcast([AbciApplication.tick(lastTick)]).catch(() => {});
      cancelWake = timers.after(wakeEveryMs, wake);
      return;
    }
    const left = clock.delay(dueEveryMs - (now % dueEveryMs));
    cancelWake = timers.after(Math.min(Math.max(left, 100), wakeEveryMs), wake);
  };

  return {
    engine: {
      onCommit: (listener) => void onCommit.push(listener),
      onRefused: (listener) => void onRefused.push(listener),
    },
    async start() {
      if (socket.length > socketPathMax) {
        const message = `cometbft.home: ${socket} is longer than the ${socketPathMax} bytes that a socket's path may have; choose a shorter folder`;
        throw new Failure("cometbft.listen", message, { retry: "never" });
      }
      // Left by a process that was killed; the store's lock keeps a second one from being here.
      rmSync(socket, { force: true });
      await server.start({ path: socket });
      process.start();
      for (const { name, frame } of pool.waiting.values()) broadcasting.add(name, frame);
      pool.onArrived((frame) => broadcasting.add(nameOf(hashOf(frame)), frame));
      broadcasting.start();
      wake();
    },
    async stop() {
      cancelWake?.();
      keeping.stop();
      broadcasting.stop();
      await process.stop();
      await server.stop();
    },
    status: () => ({
      engine: "cometbft",
      voters: application.council().voters.length,
      faultsTolerated: faultsTolerated(application.council().voters.length),
      view: null,
      leader: null,
      waiting: pool.size,
      peers: [],
      counts: { uncertified: certifying.size },
      liars: [],
      deviating: [],
    }),
  };
}
