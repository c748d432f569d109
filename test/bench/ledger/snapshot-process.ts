/**
 * One side of a snapshot in a process of its own, so that its memory is its own: the member that makes
 * it while blocks go on, or the newcomer that takes it chunk by chunk and puts it in force.
 */
import { join } from "node:path";
import { encodeHeader, toBeSigned } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import {
  decodeLinkMessage,
  encodeLinkMessage,
} from "../../../aggregator/consensus/link-messages.ts";
import { Application } from "../../../aggregator/ledger/application.ts";
import { SnapshotMaking } from "../../../aggregator/ledger/snapshots/making.ts";
import { Store } from "../../../aggregator/ledger/store.ts";
import { chain, signerOfName } from "../../../aggregator/ledger/test-site.ts";
import { rememberingVerify } from "../../../aggregator/ledger/verified.ts";
import { beginGrown } from "./grown-state.ts";
import { genesisOf, memberId } from "./site.ts";

/** What this process does. */
export type SnapshotTask = {
  readonly folder: string;
  readonly accounts: number;
  readonly side: "make" | "take";
  readonly from: number;
};

/** Slices of work between which the event loop does others' work: what they came to, ms. */
export type Slices = {
  readonly count: number;
  readonly totalMs: number;
  /** Of the processor's time. */
  readonly cpuMs: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly mostMs: number;
};

export type MakeReport = {
  readonly chunks: number;
  readonly megabytes: number;
  readonly make: Slices;
  /** A block of nothing, from proposal to disk: before, and between the slices. Medians and most, ms. */
  readonly blockMs: { readonly before: number; readonly between: number; readonly most: number };
  readonly memory: Memory;
};

export type TakeReport = {
  /** Chunks over the form they have on a link, each checked and on disk. */
  readonly chunks: Slices;
  /** State and tree are built, and at the end all of it is in force. */
  readonly adopt: Slices;
  readonly memory: Memory;
};

/** Resident, MB: before, and the most until the end. */
type Memory = { readonly beforeMb: number; readonly mostMb: number };

const task = JSON.parse(process.argv[2] ?? "") as SnapshotTask;
const genesis = genesisOf({ members: 1, units: 1, from: task.from });
const file = (name: string) => join(task.folder, `${name}-${task.accounts}.sqlite`);
const verifyOnce = rememberingVerify(verify);
const open = (store: Store) => new Application({ genesis, store, verify: verifyOnce });
process.send?.({ result: task.side === "make" ? await make() : take() });

async function make(): Promise<MakeReport> {
  const store = new Store(file("whole"));
  beginGrown(store, genesis, task.accounts);
  const application = open(store);
  for (let n = 0; n < 5; n += 1) block(application);
  const before = Array.from({ length: 20 }, () => timed(() => block(application)).ms);
  const beforeMb = residentMb();
  const slices: Slice[] = [];
  const between: number[] = [];
  let mostMb = beforeMb;
  let making: SnapshotMaking | undefined;
  slices.push(timed(() => (making = new SnapshotMaking(store))));
  for (;;) {
    let made: unknown;
    slices.push(timed(() => (made = making?.step())));
    mostMb = Math.max(mostMb, residentMb());
    if (made !== undefined) break;
    // Blocks go on as they would between two turns of the event loop.
    if (slices.length % 16 === 0) between.push(timed(() => block(application)).ms);
    await new Promise((soon) => setImmediate(soon));
  }
  const [snapshot] = store.snapshots.list();
  let bytes = 0;
  for (let index = 0; index < (snapshot?.chunks ?? 0); index += 1) {
    bytes += store.snapshots.chunk(snapshot?.height ?? 0, index)?.length ?? 0;
  }
  store.close();
  return {
    chunks: snapshot?.chunks ?? 0,
    megabytes: bytes / 2 ** 20,
    make: slicesOf(slices),
    blockMs: {
      before: median(before),
      between: median(between),
      most: Math.max(0, ...between),
    },
    memory: { beforeMb, mostMb },
  };
}

function take(): TakeReport {
  const whole = new Store(file("whole"), [], { snapshot: true });
  const [snapshot] = whole.snapshots.list();
  if (snapshot === undefined) throw new Error("the other side has made no snapshot");
  const store = new Store(file("late"));
  const application = open(store);
  application.initChain();
  const beforeMb = residentMb();
  const trusted = application.trustedAppHash(snapshot);
  if ("code" in trusted) throw new Error(trusted.message);
  application.offerSnapshot(snapshot, trusted);
  const slices: Slice[] = [];
  let mostMb = beforeMb;
  for (let index = 0; index < snapshot.chunks; index += 1) {
    const chunk = whole.snapshots.chunk(snapshot.height, index) ?? new Uint8Array();
    const sent = encodeLinkMessage({
      name: "chunk",
      body: { height: snapshot.height, index, chunk },
    });
    slices.push(
      timed(() => {
        const decoded = decodeLinkMessage(sent);
        if (!decoded.ok || decoded.message.name !== "chunk") throw new Error("no chunk");
        const { body } = decoded.message;
        const answer = application.takeSnapshotChunk({ ...body, sender: "a" });
        if (answer.result !== "accept") throw new Error(answer.refusal.message);
      }),
    );
    mostMb = Math.max(mostMb, residentMb());
  }
  const adopting: Slice[] = [];
  while (application.isAdoptingSnapshot) {
    adopting.push(timed(() => application.adoptSnapshot()));
    mostMb = Math.max(mostMb, residentMb());
  }
  if (store.height !== snapshot.height) throw new Error("the snapshot is not in force");
  store.close();
  whole.close();
  const chunks = slicesOf(slices);
  return {
    chunks,
    adopt: slicesOf(adopting),
    memory: { beforeMb, mostMb: mostOf(mostMb) },
  };
}

function block(application: Application): void {
  const signer = signerOfName(memberId(0));
  const time = Date.now() as ReturnType<Application["info"]>["time"];
  const all = { time, proposer: memberId(0), view: 0, frames: [] };
  const { header } = application.finalizeBlock(application.prepareProposal(all).proposal);
  const message = toBeSigned(encodeHeader(header), signer.kid, { chain, kind: "block" });
  application.commit([{ kid: signer.kid, signature: signer.sign(message) }]);
}

type Slice = { readonly ms: number; readonly cpuMs: number };

function timed(work: () => unknown): Slice {
  const start = performance.now();
  const cpu = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(cpu);
  return { ms: performance.now() - start, cpuMs: (user + system) / 1000 };
}

function slicesOf(slices: readonly Slice[]): Slices {
  const times = slices.map(({ ms }) => ms).sort((a, b) => a - b);
  const sum = (values: readonly number[]) => values.reduce((all, ms) => all + ms, 0);
  return {
    count: times.length,
    totalMs: sum(times),
    cpuMs: sum(slices.map(({ cpuMs }) => cpuMs)),
    medianMs: median(times),
    p99Ms: times[Math.floor(times.length * 0.99)] ?? 0,
    mostMs: times.at(-1) ?? 0,
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

function residentMb(): number {
  return Math.round(process.memoryUsage.rss() / 2 ** 20);
}

/** What the kernel saw, which is more than what is looked at between slices. */
function mostOf(seenMb: number): number {
  return Math.max(seenMb, Math.round(process.resourceUsage().maxRSS / 1024));
}
