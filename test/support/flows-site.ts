import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { topicsOf } from "@busbar/protocol";
import { openKeyFile, readKeyFile, signerOf } from "@busbar/protocol/node";
import { boxKeyOf, boxNotice } from "@busbar/protocol/notice";
import { pino } from "pino";
import { startPortal } from "../../aggregator/portal/server.ts";
import { openBus } from "../../hardware/virtual-site/meters/bus.ts";
import { makeDevice } from "../../hardware/virtual-site/meters/device.ts";
import { listen } from "../../hardware/virtual-site/meters/listen.ts";
import { serveModbusTcp } from "../../hardware/virtual-site/meters/modbus-tcp.ts";
import { loadProfile } from "../../hardware/virtual-site/meters/profile.ts";
import type { Source } from "../../hardware/virtual-site/physics/site.ts";
import { orderedOwner, orderedUnit, orderLife } from "./demand-orders.ts";
import { FakeAggregator } from "./fake-aggregator.ts";
import { MemoryPool } from "./memory-pool.ts";
import { keyFileOf, PortalSite, portalSiteStart } from "./portal-site.ts";
import { program } from "./programs.ts";

const hour = 3_600_000;

/** What a phone was told. */
export type Pushed = { readonly topic: string; readonly title: string; readonly message: string };

/**
 * A site for flows, on loopback: a broker that checks signatures and gives receipts, a portal over
 * the ledger's own rules, a Modbus meter, and a phone's push service.
 */
export class FlowsSite {
  readonly owner = "user-1";
  readonly folder = mkdtempSync(join(tmpdir(), "busbar-flows-site-"));
  readonly ledger = new PortalSite();
  readonly aggregator: FakeAggregator;
  readonly pushed: Pushed[] = [];
  readonly environment: Record<string, string> = {};
  /** Of a unit at another site, where an order was made; see `orderLife`. */
  readonly orders = orderLife();
  readonly orderer: FakeAggregator;
  readonly orderedEnvironment: Record<string, string> = {};
  /** A serial line with meters 1, 2 and 3; undefined where this machine cannot make one. */
  serialLine: string | undefined;
  readonly #pool = new MemoryPool();
  readonly #ends: (() => unknown)[] = [];
  #onPush: () => void = () => {};

  private constructor() {
    this.ledger.runUntil(portalSiteStart + 3 * hour);
    while (this.ledger.source.gates().gates.length === 0) this.ledger.step();
    const member = signerOf(openKeyFile(this.file("member.json")));
    this.aggregator = new FakeAggregator(this.ledger.source.status().chain, member);
    this.orderer = new FakeAggregator(this.orders.chain, member);
  }

  static async start(): Promise<FlowsSite> {
    const site = new FlowsSite();
    await site.#startAggregator();
    await site.#startOrderer();
    await site.#startPortal();
    await site.#startMeter();
    await site.#startSerialLine();
    await site.#startPhone();
    return site;
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  get topics(): ReturnType<typeof topicsOf> {
    return topicsOf(this.aggregator.chain);
  }

  /**
   * Says JSON to whoever listens now. Not retained unless asked: plain aedes numbers a retained message
   * before it stores it, and one that is published meanwhile makes subscribers drop it.
   */
  say(topic: string, body: object, retain = false): void {
    this.aggregator.publish(topic, JSON.stringify(body), retain);
  }

  /** Tells which gates are open, as the ledger has them now. */
  sayGates(retain = false): void {
    this.say(this.topics.gates, this.ledger.source.gates(), retain);
  }

  /** What was handed in goes into a block. */
  block() {
    return this.ledger.commit(this.#pool.frames.splice(0).map(({ bytes }) => bytes));
  }

  /** Frames that wait for a block. */
  get waiting(): readonly { readonly kind: string }[] {
    return this.#pool.frames;
  }

  /** A notice, boxed to the owner. */
  notify(notice: object): void {
    const { box } = readKeyFile(this.file("owner.json"));
    const plain = new TextEncoder().encode(JSON.stringify(notice));
    const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
    const boxed = boxNotice(plain, boxKeyOf(box), random);
    this.aggregator.publish(this.topics.notices(this.owner), boxed);
  }

  /** The next notice that comes to the phone. */
  async nextPush(): Promise<Pushed> {
    while (this.pushed.length === 0) {
      await new Promise<void>((resolve) => {
        this.#onPush = resolve;
      });
    }
    const [next] = this.pushed.splice(0, 1);
    return next as Pushed;
  }

  async stop(): Promise<void> {
    for (const end of this.#ends.reverse()) await end();
    rmSync(this.folder, { recursive: true });
  }

  async #startAggregator(): Promise<void> {
    const { aggregator, folder } = this;
    writeFileSync(this.file("owner.json"), keyFileOf(this.owner));
    for (const id of ["unit-1", "unit-2", "unit-3"]) {
      aggregator.devices.set(id, signerOf(openKeyFile(this.file(`${id}.json`))).publicKey);
    }
    aggregator.devices.set(this.owner, signerOf(readKeyFile(this.file("owner.json"))).publicKey);
    await aggregator.start();
    this.#ends.push(() => aggregator.stop());
    const key = Buffer.from(aggregator.member.publicKey).toString("base64url");
    const members = aggregator.membership.members.map(({ id, voting }) => ({ id, key, voting }));
    const { chain } = aggregator;
    writeFileSync(join(folder, "membership.json"), JSON.stringify({ chain, site: chain, members }));
    Object.assign(this.environment, {
      BUSBAR_BROKER: aggregator.url,
      BUSBAR_SITE: chain,
      BUSBAR_IDENTITY: this.owner,
      BUSBAR_KEY_FILE: this.file("owner.json"),
      BUSBAR_DEVICE: "unit-1",
      BUSBAR_DEVICE_KEY: this.file("unit-1.json"),
      BUSBAR_MEMBERSHIP: this.file("membership.json"),
      BUSBAR_METER: "m-1",
    });
  }

  async #startOrderer(): Promise<void> {
    const { orderer, orders } = this;
    for (const id of [orderedOwner, orderedUnit]) {
      orderer.devices.set(id, signerOf(openKeyFile(this.file(`${id}.json`))).publicKey);
    }
    await orderer.start();
    this.#ends.push(() => orderer.stop());
    const members = orders.membership.members.map(({ key, ...member }) => ({
      ...member,
      key: Buffer.from(key).toString("base64url"),
    }));
    const file = { ...orders.membership, site: orders.chain, members };
    writeFileSync(this.file("ordered-membership.json"), JSON.stringify(file));
    Object.assign(this.orderedEnvironment, {
      BUSBAR_BROKER: orderer.url,
      BUSBAR_SITE: orders.chain,
      BUSBAR_IDENTITY: orderedOwner,
      BUSBAR_KEY_FILE: this.file(`${orderedOwner}.json`),
      BUSBAR_DEVICE: orderedUnit,
      BUSBAR_DEVICE_KEY: this.file(`${orderedUnit}.json`),
      BUSBAR_MEMBERSHIP: this.file("ordered-membership.json"),
    });
  }

  async #startPortal(): Promise<void> {
    const page = this.file("page");
    mkdirSync(page);
    writeFileSync(join(page, "index.html"), "<!doctype html>");
    const portal = await startPortal({
      host: "127.0.0.1",
      port: 0,
      source: this.ledger.source,
      quotes: this.ledger.quoteDoor(this.#pool),
      access: this.ledger.access(this.#pool),
      log: pino({ level: "silent" }),
      page,
    });
    this.#ends.push(() => portal.stop());
    const members = this.ledger.source.membership();
    writeFileSync(this.file("portal-membership.json"), JSON.stringify(members));
    this.environment.BUSBAR_PORTAL = portal.url.replace(/\/$/, "");
  }

  async #startMeter(): Promise<void> {
    const profile = await loadProfile("eastron-sdm630");
    const config = { unit: 1, profile: profile.id, serialNumber: 4711, source: "user.1" } as const;
    const view = {
      seed: 1,
      now: () => Date.now(),
      read: () => ({ powerWatts: 1_234, importJoules: 3_600_000 + Date.now(), exportJoules: 0 }),
    };
    const devices = new Map([[1, makeDevice(config, profile, view)]]);
    const onConnection = (socket: Parameters<typeof serveModbusTcp>[0]) =>
      serveModbusTcp(socket, devices);
    const bus = await listen({ host: "127.0.0.1", port: 0, onConnection });
    this.#ends.push(() => bus.close());
    this.environment.BUSBAR_METER_PLACE = `tcp://127.0.0.1:${bus.at}`;
    this.environment.BUSBAR_METER_PROFILE = profile.id;
  }

  async #startSerialLine(): Promise<void> {
    if ("skip" in program("socat", "socat")) return;
    const points: readonly Source[] = ["company.net", "company.pv", "user.2"];
    const devices = points.map((source, i) => {
      return { unit: i + 1, profile: "eastron-sdm630", serialNumber: 4_701 + i, source };
    });
    const link = this.file("serial-line");
    // At a speed at which a test does not wait for the line.
    const config = {
      kind: "rtu",
      link,
      baud: 115_200,
      turnaroundMs: 1,
      devices,
      faults: {},
    } as const;
    const view: Parameters<typeof openBus>[1] = {
      seed: 1,
      now: () => Date.now(),
      read: (source) => ({
        powerWatts: 1_001 + points.indexOf(source),
        importJoules: 3_600_000,
        exportJoules: 0,
      }),
    };
    const bus = await openBus(config, view, (failure) => {
      throw failure;
    });
    this.#ends.push(() => bus.close());
    this.serialLine = link;
  }

  async #startPhone(): Promise<void> {
    const server = createServer(async (request, response) => {
      this.pushed.push((await json(request)) as Pushed);
      response.end();
      this.#onPush();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    this.#ends.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    this.environment.BUSBAR_PUSH = `http://127.0.0.1:${port}/house`;
  }
}
