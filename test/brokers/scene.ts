import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { type Entries, journalEntries, ledgerEntries } from "../support/stores.ts";
import {
  finish,
  kill,
  programs,
  type Running,
  ready,
  Scene,
  start,
  until,
} from "../support/virtual-site.ts";
import { type BrokerKind, BrokerServer, filesOf } from "./servers.ts";

/** 360 times faster: each meter is read every 170 ms, and a batch is signed every 0.8 s. */
const [siteMs, speed] = [Date.UTC(2026, 5, 21, 2), 360];
const site = "outside";
export const unitNames = ["house-1", "house-2", "house-3"] as const;
export type UnitName = (typeof unitNames)[number];

/** What `doctor --broker --json` says, as far as it is used here. */
export type Doctor = {
  readonly ok: boolean;
  readonly rows: readonly {
    readonly check: string;
    readonly state: string;
    readonly saw: string;
  }[];
  readonly facts: { readonly killed?: { readonly retained: boolean; readonly queued: number } };
  readonly choice: { readonly mode: string; readonly session?: string; readonly why: string[] };
};

/**
 * A member's aggregator with its workers, three units with a meter each, and a broker of Debian's
 * between them: real processes with a disk each, and each may be killed.
 */
export class OutsideScene {
  readonly scene: Scene;
  readonly broker: BrokerServer;
  readonly #running = new Map<string, Running>();
  #aggregatorLogs = "";

  private constructor(scene: Scene, broker: BrokerServer) {
    this.scene = scene;
    this.broker = broker;
  }

  /** Makes the site and its files, and starts the broker; no aggregator and no unit yet. */
  static async open(kind: BrokerKind): Promise<OutsideScene> {
    const scene = await Scene.open();
    const at = scene.portBase + 8;
    writeMeters(scene);
    for (const name of unitNames) writeUnit(scene, name, at, kind);
    for (const name of unitNames) {
      await finish(programs.edge, ["enrol", "--config", scene.file(name, "edge.yaml")]);
    }
    await finish(programs.aggregator, [
      "init",
      ...["--home", scene.file("home"), "--site", site, "--clock", scene.file("clock.json")],
      ...["--time", new Date(siteMs).toISOString()],
      ...["--broker-port", `${scene.portBase}`, "--portal-port", `${scene.portBase + 1}`],
      ...unitNames.flatMap((name) => ["--admit", scene.file(name, "request.json")]),
    ]);
    const [files, data] = [scene.file("files"), scene.file("data")];
    mkdirSync(data);
    await finish(programs.aggregator, [
      "broker-files",
      filesOf(kind),
      ...["--config", scene.file("home", "aggregator.yaml"), "--out", files],
      ...["--listen", `127.0.0.1:${at}`, "--data", data],
    ]);
    const broker = new BrokerServer(kind, { files, data, port: at });
    const opened = new OutsideScene(scene, broker);
    try {
      await broker.startAll();
    } catch (error) {
      await opened.end();
      throw error;
    }
    return opened;
  }

  get member(): string {
    const { member } = parse(readFileSync(this.#config, "utf8")) as { member: string };
    return member;
  }

  password(id: string): string {
    return this.scene.file("files", "secrets", `${id}.password`);
  }

  /** Asks the doctor, who has the broker killed under its hands. */
  async doctor(): Promise<Doctor> {
    this.broker.revives = true;
    const { out, errors } = await start(programs.aggregator, [
      "doctor",
      ...["--config", this.#config, "--broker", this.broker.urls[0] ?? "", "--json"],
      ...["--password-file", this.password(this.member)],
      ...["--restart", `kill -s KILL -- -${this.broker.pid(0)}`],
    ]).ended;
    this.broker.revives = false;
    if (!out.startsWith("{")) throw new Error(`the doctor said nothing: ${errors}`);
    return JSON.parse(out) as Doctor;
  }

  /** Lets the aggregator use the broker as the doctor says. */
  configure({ mode, session }: Doctor["choice"], workers: number): void {
    const config = parse(readFileSync(this.#config, "utf8"));
    config.broker.external = {
      urls: this.broker.urls,
      ...{ ingestion: mode, session, workers, leaseSeconds: 2 },
      passwordFile: this.password(this.member),
    };
    writeFileSync(this.#config, stringify(config));
  }

  async startAggregator(): Promise<void> {
    this.#aggregatorLogs += this.#running.get("aggregator")?.errors() ?? "";
    const running = start(programs.aggregator, ["run", "--config", this.#config]);
    this.#running.set("aggregator", running);
    await ready(running);
  }

  async startUnit(name: UnitName): Promise<void> {
    const running = start(programs.edge, ["run", "--config", this.scene.file(name, "edge.yaml")]);
    this.#running.set(name, running);
    await ready(running);
  }

  async killProcess(name: "aggregator" | UnitName): Promise<void> {
    const running = this.#running.get(name);
    running?.process.kill("SIGKILL");
    await running?.ended;
  }

  /** What the aggregator and its workers wrote, of all their lives. */
  get log(): string {
    return `${this.#aggregatorLogs}${this.#running.get("aggregator")?.errors() ?? ""}`;
  }

  /** Lines of an event in the present life of the aggregator, oldest first. */
  events(event: string): readonly Record<string, unknown>[] {
    const lines = (this.#running.get("aggregator")?.errors() ?? "").split("\n");
    return lines.flatMap((line) => {
      if (!line.includes(`"event":"${event}"`)) return [];
      return [JSON.parse(line) as Record<string, unknown>];
    });
  }

  /** Process number of a worker that the aggregator started last under a name. */
  workerPid(name: string): number {
    return Number(this.events("worker-started").findLast(({ worker }) => worker === name)?.pid);
  }

  /** Resolves when each of these workers shares with all of them, as it said last. */
  async shared(workers: readonly string[]): Promise<void> {
    const all = workers.map((name) => `${this.member}/${name}`).join(" ");
    await until(
      `${workers.join(" and ")} share`,
      () => {
        const settled = this.events("worker-settled");
        const last = workers.map((name) => settled.findLast(({ worker }) => worker === name)?.live);
        return last.every((live) => Array.isArray(live) && live.join(" ") === all) || undefined;
      },
      120_000,
    );
  }

  /** Wall ms from the end of a worker until the other one has taken over all that it had. */
  async takeover(victim: string, other: string): Promise<number> {
    const alone = `${this.member}/${other}`;
    const before = this.events("worker-settled").length;
    const began = performance.now();
    kill(this.workerPid(victim));
    await until(
      "the other worker is alone",
      () =>
        this.events("worker-settled")
          .slice(before)
          .some(({ worker, live }) => worker === other && String(live) === alone) || undefined,
    );
    return Math.round(performance.now() - began);
  }

  committed(): Entries {
    return ledgerEntries(this.scene.file("home", "ledger.sqlite"));
  }

  /** Readings of a unit's meter that are on the ledger. */
  committedOf(name: UnitName): number {
    return [...this.committed().keys()].filter((key) => key.startsWith(`${name}-net `)).length;
  }

  /** Resolves when the ledger has more readings of each unit than now. */
  async moreOfEach(msMax = 120_000): Promise<void> {
    const before = unitNames.map((name) => this.committedOf(name));
    await until(
      "the ledger has new readings of each unit",
      () => unitNames.every((name, i) => this.committedOf(name) > (before[i] ?? 0)) || undefined,
      msMax,
    );
  }

  /** Ends each unit as a service manager does, again until every batch has its receipt. */
  async settle(): Promise<void> {
    for (const name of unitNames) {
      const config = this.scene.file(name, "edge.yaml");
      await until(
        `every batch of ${name} has its receipt`,
        async () => {
          const running = this.#running.get(name);
          running?.process.kill("SIGTERM");
          await running?.ended;
          const list = JSON.parse(
            await finish(programs.edge, ["journal", "list", "--json", "--config", config]),
          );
          if (list.waitingBatches === 0) return true;
          await this.startUnit(name);
          await this.#connected(name);
          return undefined;
        },
        240_000,
      );
    }
  }

  /** Readings of all units as they lie in their journals. */
  taken(): Entries {
    return journalEntries(unitNames.map((name) => this.scene.file(name, "data", "journal.db")));
  }

  async end(): Promise<void> {
    await this.broker.end();
    await this.scene.end();
  }

  get #config(): string {
    return this.scene.file("home", "aggregator.yaml");
  }

  /** What waits needs a moment to go. */
  async #connected(name: UnitName): Promise<void> {
    const port = statusPort(this.scene, name);
    await until(
      `${name} has nothing that waits for a receipt`,
      async () => {
        const status = (await (await fetch(`http://127.0.0.1:${port}/status`)).json()) as {
          link?: { hostReady: boolean; lastReceiptAt?: number };
        };
        return (status.link?.hostReady === true && status.link.lastReceiptAt) || undefined;
      },
      120_000,
    );
  }
}

const statusPort = (scene: Scene, name: UnitName) => scene.portBase + 3 + unitNames.indexOf(name);

function writeMeters(scene: Scene): void {
  const clock = { kind: "file", path: scene.file("clock.json") };
  const now = { originWallMs: Date.now(), originSiteMs: siteMs, speed };
  writeFileSync(clock.path, JSON.stringify(now));
  const device = { unit: 1, profile: "eastron-sdm630", serialNumber: 7, source: "user.1" };
  const bus = { kind: "tcp", port: scene.portBase + 2, devices: [device] };
  const meters = { clock, commissionedMs: siteMs - 3_600_000, buses: [bus] };
  writeFileSync(scene.file("meters.json"), JSON.stringify(meters));
}

function writeUnit(scene: Scene, name: UnitName, brokerPort: number, kind: BrokerKind): void {
  mkdirSync(scene.file(name));
  const nodes = kind === "nats-cluster" ? [0, 1, 2] : [0];
  const passwordFile = scene.file("files", "secrets", `${name}-unit.password`);
  const unit = {
    site,
    membership: join(scene.file("home"), "membership.json"),
    device: { id: `${name}-unit` },
    owner: { id: name, party: "user", name, key: "owner.key" },
    clock: { kind: "file", path: scene.file("clock.json") },
    brokers: nodes.map((n) => ({ url: `mqtt://127.0.0.1:${brokerPort + n}`, passwordFile })),
    status: { host: "127.0.0.1", port: statusPort(scene, name) },
    meters: [
      {
        id: `${name}-net`,
        profile: "eastron-sdm630",
        connection: { kind: "tcp", host: "127.0.0.1", port: scene.portBase + 2 },
        unit: 1,
      },
    ],
    sampling: { everySeconds: 60 },
    batch: { minutes: 5 },
  };
  writeFileSync(scene.file(name, "edge.yaml"), stringify(unit));
}

/** The meters that all units of a scene read. */
export async function startMeters({ scene }: OutsideScene): Promise<void> {
  await ready(start(programs.meters, ["--config", scene.file("meters.json")]));
}
