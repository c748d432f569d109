import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startMeter, type TestMeter } from "../../edge/test-support/modbus-meter.ts";
import { type BrokerKind, ExternalBroker } from "./external-brokers.ts";
import { testSigner } from "./memory-registry.ts";
import { storedFrames } from "./stand-in-ledger.ts";
import { type Entries, entriesOf, journalEntries } from "./stores.ts";
import { finish, programs, until } from "./virtual-site.ts";

const chain = "demo";
/** 720 times faster: the meter is read every 83 ms, and a batch of four is signed each 0.3 s. */
const speed = 720;

/** One of the brokers, by its place in the unit's list, or one of the others. */
export type Victim = number | "unit" | "aggregator";

/**
 * An edge unit with a simulated meter, brokers that are none of ours, and an aggregator's stand-in
 * behind them: processes with a disk each, and each may be killed.
 */
export class BrokerScene {
  readonly #folder: string;
  readonly #brokers: readonly ExternalBroker[];
  readonly #meter: TestMeter;
  readonly #running = new Map<"unit" | "aggregator", Program>();

  private constructor(folder: string, meter: TestMeter, brokers: readonly ExternalBroker[]) {
    this.#folder = folder;
    this.#meter = meter;
    this.#brokers = brokers;
  }

  /** Brokers of these kinds, the unit's nearest first. */
  static async open(...kinds: readonly BrokerKind[]): Promise<BrokerScene> {
    const folder = mkdtempSync(join(tmpdir(), "busbar-brokers-"));
    const brokers: ExternalBroker[] = [];
    for (const kind of kinds) brokers.push(await ExternalBroker.start(kind, join(folder, kind)));
    const scene = new BrokerScene(folder, await startMeter(), brokers);
    await scene.#configure();
    await Promise.all([scene.start("aggregator"), scene.start("unit")]);
    return scene;
  }

  /** Starts a process that does not run; resolves when it says that it is up. */
  async start(victim: Victim): Promise<void> {
    if (typeof victim === "number") return this.#brokers[victim]?.start();
    const started = new Program(
      victim === "unit"
        ? [programs.edge, "run", "--config", this.#file("edge.yaml")]
        : [
            join(import.meta.dirname, "stand-in-aggregator.ts"),
            chain,
            this.#file("ledger"),
            ...this.#urls,
          ],
    );
    this.#running.set(victim, started);
    await started.ready();
  }

  /** Ends a process by SIGKILL. */
  async kill(victim: Victim): Promise<void> {
    if (typeof victim === "number") return this.#brokers[victim]?.kill();
    await this.#running.get(victim)?.end("SIGKILL");
  }

  /** Ends the unit as a service manager does, again until every batch has its receipt. */
  async settle(): Promise<void> {
    await until("every batch has its receipt", async () => {
      await until("the unit has an aggregator", () => this.#hostReady());
      await this.#running.get("unit")?.end("SIGTERM");
      const list = JSON.parse(await this.edge("journal", "list", "--json"));
      if (list.waitingBatches === 0) return true;
      await this.start("unit");
      return undefined;
    });
  }

  edge(...args: readonly string[]): Promise<string> {
    return finish(programs.edge, [...args, "--config", this.#file("edge.yaml")]);
  }

  /** Readings as they lie in the unit's journal. */
  taken(): Entries {
    return journalEntries([this.#file("data", "journal.db")]);
  }

  /** Readings as they were committed, in that order. Throws where one stands there twice. */
  committed(): Entries {
    return entriesOf(storedFrames(this.#file("ledger")));
  }

  /** What the unit and the stand-in wrote on standard error. */
  get log(): string {
    return [...this.#running].map(([name, { errors }]) => `${name}: ${errors}`).join("\n");
  }

  async end(): Promise<void> {
    const all = ["unit", "aggregator", ...this.#brokers.keys()] as const;
    await Promise.all(all.map((name) => this.kill(name)));
    await this.#meter.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #urls(): string[] {
    return this.#brokers.map(({ url }) => url);
  }

  #file(...names: readonly string[]): string {
    return join(this.#folder, ...names);
  }

  async #configure(): Promise<void> {
    const originSiteMs = Date.UTC(2026, 5, 1);
    writeFileSync(
      this.#file("clock.json"),
      JSON.stringify({ originWallMs: Date.now(), originSiteMs, speed }),
    );
    const { publicKey } = testSigner(1);
    const key = Buffer.from(publicKey).toString("base64url");
    const members = [{ id: "m1", key, voting: true }];
    writeFileSync(
      this.#file("membership.json"),
      JSON.stringify({ chain, site: chain, members, brokers: this.#urls }),
    );
    writeFileSync(
      this.#file("edge.yaml"),
      `site: ${chain}
device: { id: unit-1 }
owner: { id: sunny, key: owner.key }
status: { port: 0 }
clock: { kind: file, path: clock.json }
sampling: { everySeconds: 60 }
batch: { entries: 4 }
meters:
  - { id: anna-grid, profile: eastron-sdm630, connection: { kind: tcp, host: 127.0.0.1, port: ${this.#meter.port} } }
`,
    );
    await this.edge("enrol");
  }

  async #hostReady(): Promise<true | undefined> {
    const port = this.#running.get("unit")?.said("statusPort");
    const response = await fetch(`http://127.0.0.1:${port}/status`);
    const { link } = (await response.json()) as { link?: { hostReady: boolean } };
    return link?.hostReady === true ? true : undefined;
  }
}

/** A Node program that prints a line {"event":"ready", …} when it is up. */
class Program {
  readonly #child: ChildProcess;
  #out = "";
  errors = "";

  constructor(args: readonly string[]) {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.errors += text;
    });
    this.#child = child;
  }

  async ready(): Promise<void> {
    await until("the program says that it is up", () => {
      if (this.#child.exitCode !== null) throw new Error(`it ended: ${this.errors}`);
      return this.#out.includes('"event":"ready"') ? true : undefined;
    });
  }

  /** A field of its first line. */
  said(field: string): unknown {
    return (JSON.parse(this.#out.split("\n")[0] ?? "{}") as Record<string, unknown>)[field];
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill(signal);
    await ended;
  }
}
