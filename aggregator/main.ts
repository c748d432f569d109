import assert from "node:assert/strict";
import { topicsOf, type Verify } from "@busbar/protocol";
import {
  type KeyFile,
  openSiteClock,
  readKeyFile,
  type SiteClock,
  signerOf,
  verify,
} from "@busbar/protocol/node";
import type { Logger } from "pino";
import { type Broker, startBroker } from "./broker/broker.ts";
import { Counters } from "./broker/counters.ts";
import { contractStatus } from "./commands/contract.ts";
import { type Ledger, openLedger } from "./commands/ledger.ts";
import { checkEngine, checkRunner } from "./commands/member.ts";
import { missingText } from "./commands/missing-blocks.ts";
import type { AggregatorConfig } from "./config/schema.ts";
import { cometbftEngine } from "./consensus/cometbft/cometbft-engine.ts";
import { DurablePool } from "./consensus/durable-pool.ts";
import {
  type EngineParts,
  pbftEngine,
  type RunningEngine,
  recorderEngine,
} from "./consensus/running-engine.ts";
import { Relayer } from "./feeders/relayer.ts";
import { type Answers, createAnswers } from "./ingest/answers.ts";
import { createIngest } from "./ingest/ingest.ts";
import { SignatureThreads, usualThreads } from "./ingest/signature-threads.ts";
import { genesisHash } from "./ledger/genesis.ts";
import { proveMeter, proveState } from "./ledger/prove.ts";
import { receiptsOf } from "./ledger/receipts.ts";
import type { Identity } from "./ledger/registry.ts";
import { beginVoting, insistFirst, looksOnText, restoredOf } from "./ledger/restored.ts";
import { rules } from "./ledger/rules/index.ts";
import { Keeper } from "./ledger/snapshots/keeper.ts";
import { tryOut } from "./ledger/try-out.ts";
import { rememberingVerify } from "./ledger/verified.ts";
import { countDeliveries } from "./notices/delivery-table.ts";
import { outbox } from "./notices/outbox.ts";
import { openTelling, type TellingOwners } from "./notices/telling-owners.ts";
import { addressOf } from "./portal/address.ts";
import { LedgerSource } from "./portal/ledger-source.ts";
import { openReadModel, portalProjections } from "./portal/model/open.ts";
import { openDesk, openPortal } from "./portal/open.ts";
import type { Portal } from "./portal/server.ts";
import { DemandProofs } from "./publish/demand-proofs.ts";
import { MemberProofs } from "./publish/member-proofs.ts";
import { MembershipFile } from "./publish/membership-file.ts";
import { Publisher } from "./publish/publisher.ts";
import { ReleaseProofs } from "./publish/release-proofs.ts";

/** A running aggregator. */
export type Aggregator = {
  readonly brokerPort: number;
  readonly portal: string;
  readonly height: number;
  /** Ends in order: nothing new is taken, the block at work is finished, files are closed. */
  stop(): Promise<void>;
};

/** `neverVoted`: its member says that it has not voted on this chain, though its ledger's file is new. */
export type StartOptions = { readonly neverVoted?: boolean };

/** Starts all that one member runs. Throws: `Failure` of whatever could not be opened. */
export async function startAggregator(
  config: AggregatorConfig,
  log: Logger,
  { neverVoted = false }: StartOptions = {},
): Promise<Aggregator> {
  const keys = readKeyFile(config.key);
  // Ingest, pool and block see the same frame: its signature is checked once.
  const remembering = rememberingVerify(verify);
  const ledger = openLedger(config, {
    verify: remembering,
    projections: ({ currency }) => [
      ...portalProjections(config),
      outbox({
        currency,
        member: config.member,
        send: config.notices.send,
        keepMs: config.notices.keepDays * 86_400_000,
        webhooks: new Set(config.notices.webhooks.map(({ owner }) => owner)),
      }),
    ],
  });
  try {
    if (checkRunner(config, ledger, signerOf(keys)) === "newcomer") {
      log.warn({ event: "newcomer", member: config.member, height: ledger.store.height });
    }
    checkEngine(config, ledger);
    for (const lack of ledger.store.lacks) {
      log.warn({ event: "blocks-missing", ...lack }, missingText(lack, config.archive.folder));
    }
    if (neverVoted) beginVoting(ledger.store);
    if (config.engine === "recorder") insistFirst(ledger.store);
    for (const coming of contractStatus(ledger.store.state).coming) {
      if (!coming.known) log.warn({ event: "contract-unknown", ...coming });
    }
    const clock = await openSiteClock(config.clock);
    return await startAll(config, { ledger, verify: remembering, keys, clock, log });
  } catch (error) {
    ledger.store.close();
    throw error;
  }
}

type Parts = {
  readonly ledger: Ledger;
  readonly verify: Verify;
  readonly keys: KeyFile;
  readonly clock: SiteClock;
  readonly log: Logger;
};

async function startAll(config: AggregatorConfig, parts: Parts): Promise<Aggregator> {
  const { ledger, log } = parts;
  const { application, store } = ledger;
  const pool = new DurablePool(store);
  const threads = new SignatureThreads({
    count: config.signatureThreads ?? usualThreads(),
    verify,
    failed: (error) => log.error({ event: "signature-thread-ended", err: error }),
  });
  const running = runningEngine(config, parts, pool);
  const { engine } = running;
  const forgotten = restoredOf(store);
  if (forgotten !== undefined) log.warn({ event: "looks-on", ...forgotten }, looksOnText);
  // The broker takes frames in through ingest, and ingest answers through the broker.
  let broker: Broker | undefined;
  const publish: Broker["publish"] = async (...message) => broker?.publish(...message);
  const memberProofs = new MemberProofs({ application, store });
  const orders = new DemandProofs({
    site: config.site,
    state: store.state,
    prove: (key) => proveState(application, store, key),
    publish,
    log,
  });
  const releases = new ReleaseProofs({
    site: config.site,
    prove: (key) => proveState(application, store, key),
    publish,
    log,
  });
  const answers = createAnswers({
    site: config.site,
    registry: application.registry,
    publish,
    tipOf: (meter) => proveMeter(application, store, meter),
    councils: {
      epoch: () => application.council().epoch,
      stepsAfter: (epoch) => store.councilSteps.after(epoch),
    },
    members: memberProofs,
    log,
  });
  let telling: TellingOwners | undefined;
  broker = await openBroker(config, parts, {
    pool,
    threads,
    answers,
    onSubscribed({ id }, topic) {
      if (topic === topicsOf(config.site).notices(id)) telling?.heard(id);
      answers.subscribed(topic);
      orders.subscribed(topic);
    },
  });

  const model = await openReadModel(config, parts);
  const source = new LedgerSource({
    store,
    model: model.reader,
    member: config.member,
    clock: parts.clock,
    notices: () => countDeliveries(store.db),
    consensus: () => running.status(),
  });
  const relayer = openRelayer(config, parts, pool);
  const desk = openDesk(config, parts, {
    broker,
    others: relayer,
    source,
    model: model.reader,
    consensus: () => running.status(),
  });
  const publisher = new Publisher({
    site: config.site,
    member: config.member,
    state: store.state,
    publish,
    now: Date.now,
    log,
  });
  let portal: Portal;
  try {
    portal = await openPortal(config, parts, { pool, source, desk });
  } catch (error) {
    await broker.stop();
    throw error;
  }

  telling = openNotices(config, parts, { broker, pool, source, portal: portal.url });
  const keeper = openKeeper(config, parts);
  const membership = new MembershipFile({
    path: config.membershipFile,
    state: store.state,
    log,
  });
  engine.onCommit((block) => {
    // Before anything else runs: a snapshot is of the state as this block left it.
    keeper.committed(block);
    memberProofs.committed(block);
    membership.committed(block);
    void answers.committed(block);
    publisher.committed(block);
    orders.committed(block);
    releases.committed(block);
    model.committed(block);
    telling?.committed(block);
    if (block.events.some(({ type }) => type === "device-admitted" || type === "owner-admitted")) {
      broker?.closeReplaced();
    }
  });
  engine.onRefused((refused) => void answers.refused(refused));
  const { height, time } = application.info();
  publisher.start(height, time);
  releases.start(time);
  membership.start();
  try {
    await model.start((block) => Promise.all([source.committed(block), desk.committed(block)]));
    await running.start();
  } catch (error) {
    await model.stop();
    await portal.stop();
    await broker.stop();
    throw error;
  }
  telling?.start();
  relayer.start();
  return {
    brokerPort: broker.port,
    portal: portal.url,
    height,
    async stop() {
      const last = application.info();
      await relayer.stop();
      // While blocks are made: the other members hear how far the notices have come.
      await telling?.stop();
      await publisher.stop(last.height, last.time);
      await broker?.stop();
      await telling?.ended();
      await threads.stop();
      await running.stop();
      keeper.stop();
      await model.stop();
      await portal.stop();
      store.close();
    },
  };
}

function runningEngine(config: AggregatorConfig, parts: Parts, pool: DurablePool): RunningEngine {
  const { application, store, genesis } = parts.ledger;
  const { member, consensus, engine } = config;
  const { keys, verify, clock, log } = parts;
  const { blockIntervalMs } = config;
  const all: EngineParts = {
    application,
    store,
    pool,
    clock,
    member,
    chain: genesis.chain,
    keys,
    verify,
    snapshotEvery: config.snapshots.everyBlocks,
    log,
    ...(blockIntervalMs === undefined ? {} : { blockIntervalMs }),
  };
  if (engine === "recorder") return recorderEngine(all);
  if (engine === "cometbft") {
    assert(config.cometbft !== undefined, "the configuration was checked");
    const ledgerGenesis = Buffer.from(genesisHash(genesis)).toString("hex");
    return cometbftEngine({ ...all, genesis: ledgerGenesis }, config.cometbft);
  }
  assert(consensus !== undefined, "the configuration was checked");
  return pbftEngine(all, consensus);
}

type BrokerParts = {
  readonly pool: DurablePool;
  readonly threads: SignatureThreads;
  readonly answers: Answers;
  readonly onSubscribed: (identity: Identity, filter: string) => void;
};

function openBroker(
  config: AggregatorConfig,
  { ledger, verify, log }: Parts,
  { pool, threads, answers, onSubscribed }: BrokerParts,
): Promise<Broker> {
  const { store, genesis, application } = ledger;
  const counters = new Counters();
  const shared = {
    chain: genesis.chain,
    registry: application.registry,
    verify,
    now: Date.now,
    counters,
    log,
  };
  const { ingest } = createIngest({
    ...shared,
    threads,
    pool,
    answers,
    receiptOf: receiptsOf(store),
  });
  const { host, port, tls, viewers, connections } = config.broker;
  return startBroker({
    ...shared,
    viewers,
    host,
    port,
    ...(tls === undefined ? {} : { tls }),
    ...(connections === undefined ? {} : { limits: { connectionsMax: connections } }),
    id: config.member,
    site: config.site,
    ingest,
    onSubscribed,
  });
}

function openRelayer(
  { member, feeders }: AggregatorConfig,
  { ledger, verify, keys, log }: Parts,
  pool: DurablePool,
): Relayer {
  const { application, store, genesis } = ledger;
  const { chain } = genesis;
  const on = { application, state: store.state, chain, rules, verify };
  return new Relayer({
    ...{ chain, pool, log },
    places: feeders.others,
    everyMs: feeders.everyMs,
    state: store.state,
    signer: signerOf(keys),
    tryOut(message) {
      const signer = application.registry.byId(member);
      if (signer !== undefined) return tryOut(on, "feeder-proof", message, signer);
      return { ok: false, code: "feeder.rights", message: `${member} is not active` };
    },
    fetch: (url, signal) => fetch(url, { signal, redirect: "error" }),
  });
}

function openKeeper(config: AggregatorConfig, { ledger, log }: Parts): Keeper {
  const { everyHours } = config.snapshots;
  return new Keeper({
    store: ledger.store,
    everyMs: everyHours * 3_600_000,
    archive: config.archive,
    soon: (work) => void setImmediate(work),
    failed: (error) => log.error({ event: "snapshot-failed", err: error }),
  });
}

/** Undefined where this member leaves it to the others to tell the owners. */
function openNotices(
  config: AggregatorConfig,
  { ledger, keys, clock, log }: Parts,
  parts: {
    readonly broker: Broker;
    readonly pool: DurablePool;
    readonly source: LedgerSource;
    readonly portal: string;
  },
): TellingOwners | undefined {
  if (!config.notices.send) return undefined;
  const { store, genesis } = ledger;
  const { broker, pool, source, portal } = parts;
  return openTelling({
    config,
    chain: genesis.chain,
    db: store.db,
    state: store.state,
    keys,
    broker,
    pool,
    clock,
    portal: addressOf(config, portal),
    changed: () => source.noticesChanged(),
    log,
  });
}
