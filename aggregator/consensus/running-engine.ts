import type { Verify } from "@busbar/protocol";
import { type KeyFile, type SiteClock, signerOf } from "@busbar/protocol/node";
import type { Logger } from "pino";
import type { Application } from "../ledger/application.ts";
import type { StateReader } from "../ledger/state/state.ts";
import type { Store } from "../ledger/store.ts";
import { members } from "../ledger/tables.ts";
import type { DurablePool } from "./durable-pool.ts";
import type { Engine } from "./engine.ts";
import type { Address } from "./links/address.ts";
import type { Peer } from "./links/links.ts";
import { TlsLinks } from "./links/tls-links.ts";
import { PbftEngine } from "./pbft-engine.ts";
import { Recorder } from "./recorder.ts";
import { type ConsensusStatus, recorderStatus } from "./status.ts";
import { faultsTolerated } from "./tolerance.ts";

/** An engine with all that it runs on. */
export type RunningEngine = {
  readonly engine: Pick<Engine, "onCommit" | "onRefused">;
  /** Throws: `Failure` `links.*`, `store.corrupt`. */
  start(): Promise<void>;
  /** Resolves when the block at work, if any, is on disk. */
  stop(): Promise<void>;
  status(): ConsensusStatus;
};

/** What both engines are made of. */
export type EngineParts = {
  readonly application: Application;
  readonly store: Store;
  readonly pool: DurablePool;
  readonly clock: SiteClock;
  readonly member: string;
  readonly chain: string;
  readonly keys: KeyFile;
  /** Remembers, for a block vote is checked twice: when it comes, and in the certificate. */
  readonly verify: Verify;
  /** Blocks between two snapshots of several members; absent: as usual. */
  readonly snapshotEvery?: number;
  /** What each engine takes it for stands in `aggregator.yaml`'s description; absent: as usual. */
  readonly blockIntervalMs?: number;
  readonly log: Logger;
};

/** Where members reach each other, as the configuration says it. */
export type LinkConfig = {
  readonly listen: Address;
  readonly peers: readonly { readonly id: string; readonly address: string }[];
  /** PBFT makes no block above this one. */
  readonly until?: number | undefined;
};

/** One member that orders alone. */
export function recorderEngine(parts: EngineParts): RunningEngine {
  const { pool, chain, keys } = parts;
  const member = { id: parts.member, chain, signer: signerOf(keys) };
  const engine = new Recorder({ ...parts, member });
  return {
    engine,
    start: async () => engine.start(),
    stop: () => engine.stop(),
    status: () => recorderStatus(pool.size),
  };
}

/** One of several that agree. */
export function pbftEngine(
  parts: EngineParts,
  { listen, peers, until }: LinkConfig,
): RunningEngine {
  const { application, store, chain, keys, log } = parts;
  const links = new TlsLinks({ listen, keys, chain, log });
  const member = { id: parts.member, chain, signer: signerOf(keys) };
  const engine = new PbftEngine({ ...parts, links, member, until });
  const follow = () => links.setPeers(peersOf(store.state, parts.member, peers));
  engine.onCommit(follow);
  engine.onEvidence(({ member: liar, first, second }) => {
    const { phase, height, view } = first;
    log.error({ event: "two-words", member: liar, phase, height, view, other: second.view });
  });
  engine.onDeviation(({ vote, certified }) => {
    const { from: member, height } = vote;
    const signers = certified.certificate.length;
    log.error({ event: "other-result", member, height, signers });
  });
  return {
    engine,
    async start() {
      follow();
      await links.start();
      engine.start();
    },
    async stop() {
      await engine.stop();
      await links.stop();
    },
    status: () => statusOf(engine, links, application.council().voters.length),
  };
}

/** All other members of the ledger: who may not vote yet has to catch up before it may. */
function peersOf(state: StateReader, self: string, configured: LinkConfig["peers"]): Peer[] {
  const addressOf = new Map(configured.map(({ id, address }) => [id, address]));
  return [...members.scan(state)]
    .filter(([id, { state: standing }]) => id !== self && standing === "active")
    .map(([id, { key, address }]) => ({ id, key, address: addressOf.get(id) ?? address }));
}

function statusOf(engine: PbftEngine, links: TlsLinks, voters: number): ConsensusStatus {
  const status = engine.status();
  const ended = Object.fromEntries(links.counts());
  return {
    engine: "pbft",
    voters,
    faultsTolerated: faultsTolerated(voters),
    view: status?.view ?? null,
    leader: status?.leader ?? null,
    waiting: status?.waiting ?? 0,
    peers: links.peers().map(({ id, address = null, reached, heard, problem = null }) => ({
      id,
      address,
      reached,
      heard,
      problem,
    })),
    counts: { ...status?.counts, ...ended },
    liars: [...new Set(status?.evidence.map(({ member }) => member))].sort(),
    deviating: status?.deviating ?? [],
  };
}
