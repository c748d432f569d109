import {
  micro,
  microPerKwh,
  type QuoteTerms,
  type ReadingEntry,
  sealQuotes,
  utcMs,
  watt,
  wh,
} from "@busbar/protocol";
import { entry, frameOf, MeterChain, startTime } from "../../aggregator/ledger/test-site.ts";
import {
  bureau,
  connectionOf,
  historyFrom,
  historyWh,
  hourMs,
  minuteMs,
  slotAt,
  sunMeter,
  sunOwner,
  type Trader,
  traders,
} from "./market-site.ts";
import type { Random } from "./random.ts";
import type { RealCluster } from "./real-cluster.ts";

/** A meter with its registers and the readings that its unit has kept back. */
class Meter {
  readonly chain: MeterChain;
  readonly kept: ReadingEntry[] = [];
  importWh = 24 * 4 * historyWh;
  exportWh = 0;

  constructor(owner: string, meter: string) {
    this.chain = new MeterChain(owner, meter.slice(owner.length + 1));
  }
}

/** Whom nothing answers in time. */
const always = Number.POSITIVE_INFINITY;

/**
 * What owners, units and the bureau send in a life: quotes, readings of which some are kept back, orders of
 * demand response with their answers, payments. Drawn from the seed; all of it real messages, signed.
 */
export class MarketTraffic {
  readonly #cluster: RealCluster;
  readonly #random: Random;
  readonly #slots: number;
  readonly #meters = new Map<string, Meter>();
  #names = 0;
  #payments = 0;
  /** Frames that have to be in blocks at the end, whatever befell. */
  readonly lasting: Uint8Array[] = [];

  constructor(cluster: RealCluster, random: Random, slots: number) {
    this.#cluster = cluster;
    this.#random = random;
    this.#slots = slots;
    for (const owner of [...traders, bureau]) {
      this.#meters.set(connectionOf(owner), new Meter(owner, connectionOf(owner)));
    }
    this.#meters.set(sunMeter, new Meter(sunOwner, sunMeter));
  }

  schedule(): void {
    this.#at(startTime + minuteMs, () => this.#begin());
    for (let n = 0; n < this.#slots; n += 1) {
      const slot = slotAt(n);
      const planned = new Map(traders.map((owner) => [owner, this.#random.int(500, 4_000)]));
      for (const owner of traders) this.#quote(owner, slot, planned.get(owner) ?? 0);
      this.#at(slot - 58 * minuteMs, () => this.#pay());
      this.#at(slot - 55 * minuteMs, () => this.#order(slot + hourMs));
      // Behind the flows of the slot: what meters show then.
      this.#at(slot + hourMs + minuteMs, () => this.#read(slot, planned, n === this.#slots - 1));
    }
  }

  /** Virtual time of a site's instant. */
  #virtual(site: number): number {
    return (site - startTime) / this.#cluster.speed;
  }

  #at(site: number, run: () => void): void {
    this.#cluster.agenda.at(this.#virtual(site), run);
  }

  /** To some of those that are up; sent again until a site's instant. */
  #send(frame: Uint8Array, until = always): void {
    const to = this.#random.some(this.#cluster.up);
    this.#cluster.offer(frame, to, until === always ? always : this.#virtual(until));
    if (until === always) this.lasting.push(frame);
  }

  #id(): Uint8Array {
    this.#names += 1;
    const id = new Uint8Array(16);
    new DataView(id.buffer).setUint32(0, this.#names);
    return id;
  }

  /** The past that baselines need, and what a user lets others order from its unit. */
  #begin(): void {
    for (const meter of this.#meters.values()) {
      const { importWh } = meter;
      meter.kept.push(
        entry(historyFrom, 0),
        entry(startTime, importWh),
        entry(slotAt(0), importWh),
      );
      // The last of these is of the hour that has only begun: it comes with the first slot.
      this.#bring(meter, 2);
    }
    if (!this.#random.chance(0.5)) return;
    const mandate = {
      owner: "user-a",
      device: "user-a-unit",
      version: 1,
      energyMax: wh(400),
      limitWMin: watt(300),
      priceMin: microPerKwh(200_000),
      slotsMax: 4,
      until: utcMs(startTime + 1_000 * hourMs),
    };
    this.#send(frameOf("user-a", "demand-mandate", mandate));
  }

  /** Signs the first so many of the readings that are kept. */
  #bring({ chain, kept }: Meter, count: number): void {
    if (count > 0) this.#send(chain.frame(...kept.splice(0, count)));
  }

  #quote(owner: Trader, slot: number, plannedWh: number): void {
    const random = this.#random;
    if (random.chance(0.15)) return;
    const asks = owner.startsWith("company");
    const terms: QuoteTerms = {
      side: asks ? "ask" : "bid",
      form: owner === sunOwner && random.chance(0.8) ? "solar" : "any",
      quantity: wh(plannedWh),
      limit: microPerKwh(asks ? random.int(400, 600) * 1_000 : random.int(550, 700) * 1_000),
    };
    const [gate, clearing] = [slot - 20 * minuteMs, slot - 10 * minuteMs];
    const about = { id: this.#id(), owner, slot: utcMs(slot), gate: utcMs(gate) };
    const salt = new Uint8Array(32).fill(this.#names & 255);
    const hash = sealQuotes(about, [terms], salt);
    this.#at(slot - random.int(35, 49) * minuteMs, () =>
      this.#send(frameOf(owner, "quote-commit", { ...about, hash }), gate),
    );
    // Some never open theirs.
    if (random.chance(0.08)) return;
    this.#at(slot - random.int(15, 19) * minuteMs, () =>
      this.#send(frameOf(owner, "quote-reveal", { id: about.id, quotes: [terms], salt }), clearing),
    );
  }

  /** Meters show the end of a slot; some units keep theirs for later, none beyond the last one. */
  #read(slot: number, planned: ReadonlyMap<Trader, number>, isLast: boolean): void {
    const random = this.#random;
    const end = slot + hourMs;
    for (const owner of traders) {
      const flowed = this.#about(planned.get(owner) ?? 0);
      const own = this.#meters.get(connectionOf(owner));
      const gives = owner.startsWith("company");
      this.#show(connectionOf(owner), end, gives ? [random.int(0, 300), flowed] : [flowed, 0]);
      if (own !== undefined && owner === sunOwner) {
        this.#show(sunMeter, end, [0, flowed + random.int(0, 500)]);
      }
    }
    this.#show(connectionOf(bureau), end, [random.int(0, 500), random.int(0, 500)]);
    for (const meter of this.#meters.values()) {
      if (isLast || random.chance(0.75)) this.#bring(meter, meter.kept.length);
    }
  }

  /** Mostly near to what was planned; seldom something else altogether. */
  #about(plannedWh: number): number {
    const random = this.#random;
    if (random.chance(0.1)) return random.int(0, 8_000);
    return Math.round(plannedWh * (0.9 + 0.2 * random.next()));
  }

  #show(id: string, time: number, [importWh, exportWh]: readonly [number, number]): void {
    const meter = this.#meters.get(id);
    if (meter === undefined) return;
    meter.importWh += importWh;
    meter.exportWh += exportWh;
    meter.kept.push(entry(time, meter.importWh, meter.exportWh));
  }

  /** The bureau says that it got money, of a balance or to be kept. */
  #pay(): void {
    const random = this.#random;
    if (!random.chance(0.5)) return;
    this.#payments += 1;
    const message = {
      by: bureau,
      from: random.pick(traders),
      version: this.#payments,
      amount: micro(random.int(1_000, 8_000) * 1_000),
      purpose: random.chance(0.6) ? "balance" : "collateral",
    } as const;
    this.#send(frameOf(bureau, "payment", message));
  }

  /** Somebody asks a user to draw less in a slot, and is answered. */
  #order(slot: number): void {
    const random = this.#random;
    if (!random.chance(0.8)) return;
    const [by, owner] = [random.pick([bureau, "company-b"]), random.pick(["user-a", "user-b"])];
    const action = random.pick(["limit", "shift", "shed"] as const);
    const id = this.#id();
    const order = {
      ...{ id, by, device: `${owner}-unit`, action, slot: utcMs(slot), slots: random.int(1, 2) },
      energy: wh(random.int(100, 800)),
      price: microPerKwh(random.int(100, 600) * 1_000),
      answerBy: utcMs(slot),
      ...(action === "limit" ? { limitW: watt(random.int(300, 1_500)) } : {}),
      ...(action === "shift" ? { toSlot: utcMs(slot + 2 * hourMs) } : {}),
    };
    this.#send(frameOf(by, "demand-order", order), slot);
    if (random.chance(0.15)) return;
    const word = random.chance(0.8) ? "accept" : "refuse";
    const signer = random.chance(0.8) ? owner : `${owner}-unit`;
    this.#at(slot - random.int(5, 50) * minuteMs, () =>
      this.#send(frameOf(signer, "demand-answer", { id, owner, word }), slot),
    );
  }
}
