import { usualTiming } from "../../aggregator/consensus/pbft/limits.ts";
import { greenSlots } from "../../aggregator/ledger/certificates.ts";
import { slotKey, slots as slotTable } from "../../aggregator/ledger/rules/market/tables.ts";
import { sha256 } from "../../aggregator/ledger/sha256.ts";
import type { StateReader } from "../../aggregator/ledger/state/state.ts";
import { hurriedTiming, type Outcome, type Plan, problemIn } from "./life.ts";
import { MarketAuditor } from "./market-auditor.ts";
import { marketGenesis, slotAt } from "./market-site.ts";
import { MarketTraffic } from "./market-traffic.ts";
import { Random } from "./random.ts";
import { RealAuditor } from "./real-auditor.ts";
import { RealCluster } from "./real-cluster.ts";
import { Trouble, toldBy } from "./trouble.ts";

/** An hour in six seconds: a gate's half an hour bears several views. */
const speed = 600;
const hourInLife = 3_600_000 / speed;

/** After the last slot has ended, and the faults have healed, all must be settled within so much virtual time. */
const healMsMax = 120_000;

/**
 * One life of a consortium with its market under a seed: owners quote, trade, deliver, pay and order changes
 * of demand, some units keep their readings back, while links, clocks and processes of the members fail. All
 * but the network is real. Nobody lies in it.
 */
export class MarketSimulation {
  readonly plan: Plan;
  readonly #cluster: RealCluster;
  readonly #chain: RealAuditor;
  readonly #market: MarketAuditor;
  readonly #traffic: MarketTraffic;
  readonly #trouble: Trouble;
  readonly #hours: number;

  constructor(seed: number, options: { readonly trace?: (line: string) => void } = {}) {
    const random = new Random(seed);
    const members = random.int(4, 7);
    this.#hours = random.int(4, 7);
    const troubleMs = Math.round((1 + (this.#hours * random.next()) / 2) * hourInLife);
    this.plan = { seed, members, faulty: [], frames: 0, troubleMs };
    const hurried = random.chance(0.5);
    this.#cluster = new RealCluster({
      random,
      genesis: marketGenesis(members),
      speed,
      timing: hurried ? hurriedTiming : usualTiming,
      blockIntervalMs: random.pick([5, 50]),
      clockOffsetMs: () => random.int(-120_000, 120_000),
    });
    const weathers = hurried ? random.int(5, 20) : random.int(1, 5);
    this.#trouble = new Trouble(this.#cluster, random, { weathers, troubleMs });
    this.#chain = new RealAuditor(this.#cluster.genesis);
    this.#market = new MarketAuditor(this.#cluster.genesis);
    this.#traffic = new MarketTraffic(this.#cluster, random, this.#hours);
    this.#cluster.onCommit = (member, block) => {
      this.#chain.look(member, block);
      this.#market.look(block, member.life.store.state);
    };
    const { trace } = options;
    if (trace !== undefined) {
      this.#cluster.onSend = (from, message) =>
        trace(
          `${this.#cluster.agenda.now.toFixed(2)} ${from} ${Buffer.from(message).toString("base64")}`,
        );
    }
    this.#traffic.schedule();
    this.#trouble.schedule();
  }

  /** What the life had of everything. */
  get seen(): MarketAuditor["seen"] {
    return this.#market.seen;
  }

  /** Can be called once: its files are gone afterwards. */
  run(): Outcome {
    const problem = problemIn(() => this.#live());
    const { agenda, network } = this.#cluster;
    const told = toldBy(this.#cluster);
    this.#cluster.end();
    const { views } = this.#trouble;
    return {
      plan: this.plan,
      ok: problem === undefined,
      problem,
      blocks: this.#chain.height,
      virtualMs: Math.round(agenda.now),
      messages: network.sent,
      views: { troubled: views, healing: this.#cluster.said.views - views, after: 0 },
      ...told,
    };
  }

  #live(): string | undefined {
    const cluster = this.#cluster;
    const { agenda, members } = cluster;
    // The last readings are signed a minute behind the last slot.
    const end = ((this.#hours + 1) * 60 + 2) * (60_000 / speed);
    const well = cluster.until(
      () => agenda.now > end && this.#trouble.isOver && cluster.isQuiet && this.#isSettled,
      Math.max(end, this.plan.troubleMs) + healMsMax,
    );
    if (!well) return `after ${Math.round(agenda.now)} ms: not all is settled; ${cluster.standing}`;
    const lasting = new Set(this.#traffic.lasting.map((frame) => hex(sha256(frame))));
    this.#chain.settle(members, this.#chain.frames, (hash) => !lasting.has(hash));
    if (!this.#traffic.lasting.every((frame) => this.#chain.has(frame))) {
      return "a frame that comes at any time is in no block";
    }
    for (const { life } of members)
      this.#market.settle(life.store.state, this.#slots(life.store.state));
    const accused = members.flatMap(({ life }) => life.engine.status()?.evidence ?? []);
    return accused[0] && `${accused[0].member} is accused and honest`;
  }

  /** The life's slots that came to the market: where the first block comes late, the first ones did not. */
  #slots(state: StateReader): number[] {
    const all = Array.from({ length: this.#hours }, (_, n) => slotAt(n));
    const first = all.findIndex((slot) => slotTable.get(state, slotKey(slot)) !== undefined);
    return first < 0 ? [] : all.slice(first);
  }

  /** Whether all members have settled and certified all of them. */
  get #isSettled(): boolean {
    return this.#cluster.members.every(({ life }) => {
      const { state } = life.store;
      const slots = this.#slots(state);
      return slots.length > 0 && slots.every((slot) => isOver(state, slot));
    });
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function isOver(state: StateReader, slot: number): boolean {
  const key = slotKey(slot);
  return slotTable.get(state, key)?.stage === "settled" && greenSlots.get(state, key) !== undefined;
}
