import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  chainStart,
  decodeAnswer,
  type Kind,
  type Message,
  type ReadingEntry,
  sealFrame,
  topicsOf,
} from "@busbar/protocol";
import mqtt from "mqtt";
import { parseDocument } from "yaml";
import { Portal } from "../../aggregator/commands/quote-portal.ts";
import { genesisOf } from "../../aggregator/ledger/rules/feeders/test-feeders.ts";
import type { StateReader } from "../../aggregator/ledger/state/state.ts";
import { Store } from "../../aggregator/ledger/store.ts";
import { entry, MeterChain, signerOfName } from "../../aggregator/ledger/test-site.ts";
import { placeOf, writeRequests } from "../cluster/layout.ts";
import { MemberProcess } from "../cluster/member-process.ts";
import { loginToken } from "../support/login-token.ts";
import { finish, freePortBase, programs, until } from "../support/virtual-site.ts";

export type Chain = "north" | "south";

/** Members of each consortium. */
const membersCount = 4;
/** Of one consortium, in a row. */
const portsOfOne = 24;
/** Far above what a busy machine needs. */
export const patienceMs = 300_000;
/** Without an answer for so long another broker is tried. */
const answerMsMax = 5_000;

/** Slots of a quarter of an hour, open for almost three hours before. */
const quarters = {
  slotMinutes: 15,
  gates: [
    {
      ...{ scale: "real-time", periodMinutes: 15, openMinutesBefore: 170 },
      ...{ gateMinutesBefore: 20, clearMinutesBefore: 10, rounds: 1, everyMinutes: 0 },
    },
  ],
} as const;

const nameOf = { north: "seller", south: "buyer" } as const;
/** The owner who trades on a chain. */
export const traderOf = (chain: Chain): string => nameOf[chain];
/** The owner that stands for the other one. */
export const lineOf = (chain: Chain): string => `line-${chain}`;
const otherOf = (chain: Chain): Chain => (chain === "north" ? "south" : "north");

/** One consortium of real processes, whose members bring the other's proofs to their ledger. */
export class Consortium {
  readonly chain: Chain;
  readonly members: readonly MemberProcess[];
  readonly #home: string;
  readonly #meters = new Map<string, MeterChain>();
  readonly #down = new Set<MemberProcess>();

  private constructor(chain: Chain, home: string, base: number) {
    this.chain = chain;
    this.#home = home;
    this.members = Array.from(
      { length: membersCount },
      (_, index) => new MemberProcess(home, index, placeOf(base, index)),
    );
  }

  /** Both, made as `init --members 4` does, each told where the other's portals are, and started. */
  static async startBoth(
    home: string,
    clock: string,
  ): Promise<{ readonly north: Consortium; readonly south: Consortium }> {
    const bases = { north: await freePortBase(), south: await freePortBase() };
    while (Math.abs(bases.north - bases.south) < portsOfOne) bases.south = await freePortBase();
    const north = await Consortium.#make("north", { home, clock, base: bases.north });
    const south = await Consortium.#make("south", { home, clock, base: bases.south });
    for (const [one, base] of [
      [north, bases.south],
      [south, bases.north],
    ] as const) {
      one.#introduce(base);
    }
    await Promise.all([north, south].map((one) => one.start()));
    return { north, south };
  }

  static async #make(
    chain: Chain,
    at: { readonly home: string; readonly clock: string; readonly base: number },
  ): Promise<Consortium> {
    const home = join(at.home, chain);
    mkdirSync(home);
    const { broker, portal, link } = placeOf(at.base, 0);
    await finish(programs.aggregator, [
      ...["init", "--home", home, "--site", chain, "--members", String(membersCount)],
      ...["--broker-port", broker, "--portal-port", portal, "--link-port", link].map(String),
      ...["--clock", at.clock, "--time", new Date(siteTime(at.clock)).toISOString()],
      ...["--admit", ...writeRequests(home, genesisOf(chain))],
    ]);
    const genesis = join(home, "genesis.json");
    const made = JSON.parse(readFileSync(genesis, "utf8"));
    made.parameters = { ...made.parameters, ...quarters };
    writeFileSync(genesis, JSON.stringify(made));
    return new Consortium(chain, home, at.base);
  }

  #introduce(otherBase: number): void {
    const others = Array.from({ length: membersCount }, (_, index) => {
      return `http://127.0.0.1:${placeOf(otherBase, index).portal}`;
    });
    for (const [i, { config: file }] of this.members.entries()) {
      const config = parseDocument(readFileSync(file, "utf8"));
      // Each asks another one first.
      const portals = [...others.slice(i), ...others.slice(0, i)];
      config.set("feeders", { everyMs: 500, others: [{ chain: otherOf(this.chain), portals }] });
      config.setIn(["portal", "open"], true);
      config.set("notices", { send: false });
      writeFileSync(file, config.toString());
    }
  }

  async start(): Promise<void> {
    await Promise.all(this.members.map((member) => member.start()));
  }

  get up(): readonly MemberProcess[] {
    return this.members.filter((member) => !this.#down.has(member));
  }

  get membership(): string {
    return join(this.#home, "membership.json");
  }

  portalOf(member = this.up[0]): string {
    return `http://127.0.0.1:${member?.place.portal}`;
  }

  async kill(member: MemberProcess): Promise<void> {
    this.#down.add(member);
    await member.stop("SIGKILL");
  }

  /** Starts it again; resolves when it has the others' blocks. */
  async revive(member: MemberProcess): Promise<void> {
    await member.start();
    const others = await Promise.all(this.up.map((other) => other.status()));
    const goal = Math.max(...others.map((status) => status?.height ?? 0));
    await until(
      `${member.id} of ${this.chain} comes to height ${goal}`,
      async () => ((await member.status())?.height ?? 0) >= goal || undefined,
      patienceMs,
    );
    this.#down.delete(member);
  }

  /** Nobody of it computes any more, until `goOn`. */
  standStill(): void {
    for (const member of this.up) member.pause();
  }

  goOn(): void {
    for (const member of this.up) member.resume();
  }

  /** Kills all of them at once, and starts them again. */
  async killAll(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop("SIGKILL")));
    this.#down.clear();
    await this.start();
  }

  /** Looks at the ledger on a member's disk. */
  look<T>(read: (state: StateReader) => T, member = this.up[0]): T {
    assert.ok(member !== undefined);
    const store = new Store(member.ledger, [], { snapshot: true });
    try {
      return read(store.state);
    } finally {
      store.close();
    }
  }

  /** The first thing that is found in the state; undefined is waited for. */
  seen<T>(what: string, read: (state: StateReader) => T | undefined): Promise<T> {
    return until(`${this.chain}: ${what}`, () => this.look(read), patienceMs);
  }

  frame<K extends Kind>(signer: string, kind: K, message: Message<K>): Uint8Array {
    return sealFrame(kind, message, { chain: this.chain, signer: signerOfName(signer) });
  }

  /** Hands an owner's frame in at whichever portal answers. Throws: `Failure` where it is refused. */
  async say<K extends Kind>(signer: string, kind: K, message: Message<K>): Promise<void> {
    const frame = this.frame(signer, kind, message);
    await until(
      `${kind} of ${signer} is handed in`,
      async () => {
        for (const member of this.up) {
          const away = await new Portal(this.portalOf(member))
            .sendOr(frame, "pool.full")
            .catch((error: { code?: string }) => {
              if (error.code === "quote.portal") return error;
              throw error;
            });
          if (away === undefined) return true;
        }
        return undefined;
      },
      patienceMs,
    );
  }

  /** The code that an owner's frame is refused with. */
  async refused<K extends Kind>(signer: string, kind: K, message: Message<K>): Promise<string> {
    const failed = await new Portal(this.portalOf())
      .send(this.frame(signer, kind, message))
      .then(() => ({ code: "taken" }))
      .catch((error: { code: string }) => error);
    return failed.code;
  }

  /** Runs a command of the aggregator's, as a member's. */
  async run(member: MemberProcess, ...args: readonly string[]): Promise<string> {
    return finish(programs.aggregator, [...args, "--config", member.config]);
  }

  /** A reading of an owner's connection meter, until the ledger has it. */
  async read(owner: string, time: number, importWh: number, exportWh: number): Promise<void> {
    const meter = this.#meterOf(owner);
    const reading: ReadingEntry = entry(time, importWh, exportWh);
    const frame = this.frame(meter.device, "readings", meter.batch(reading));
    let turn = 0;
    await until(
      `${meter.meter} is heard`,
      () => this.#publish(meter.device, frame, this.up[turn++ % this.up.length]),
      patienceMs,
    );
  }

  #meterOf(owner: string): MeterChain {
    const known = this.#meters.get(owner);
    if (known !== undefined) return known;
    const meter = new MeterChain(owner);
    meter.head = chainStart(this.chain, meter.meter);
    this.#meters.set(owner, meter);
    return meter;
  }

  /** Whether a member's broker answered that the ledger has the frame. */
  async #publish(
    device: string,
    frame: Uint8Array,
    member: MemberProcess | undefined,
  ): Promise<true | undefined> {
    const { chain } = this;
    const token = loginToken({ identity: device, signer: signerOfName(device), chain });
    const client = mqtt.connect(`mqtt://127.0.0.1:${member?.place.broker}`, {
      ...{ clientId: device, username: device, password: Buffer.from(token) },
      ...{ reconnectPeriod: 0, connectTimeout: answerMsMax },
    });
    client.on("error", () => {});
    const answered = new Promise<true | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), answerMsMax);
      client.once("close", () => resolve(undefined));
      client.on("message", (_, payload) => {
        const decoded = decodeAnswer(new Uint8Array(payload));
        if (!decoded.ok || (decoded.answer.kind !== "receipt" && decoded.answer.kind !== "refused"))
          return;
        clearTimeout(timer);
        const { answer } = decoded;
        const code = answer.kind === "refused" ? answer.refused.code : "tx.exists";
        assert.equal(code, "tx.exists", `${device} is taken`);
        resolve(true);
      });
    });
    client.once("connect", () => {
      const topics = topicsOf(chain);
      client.subscribe(topics.receipts(device), { qos: 1 }, () => {
        client.publish(topics.readings(device), Buffer.from(frame), { qos: 1 });
      });
    });
    const result = await answered;
    client.end(true);
    return result;
  }

  async end(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.up.map((member) => member.stop("SIGTERM")));
  }
}

/** The site's time by its clock file. */
export function siteTime(clock: string): number {
  const { originWallMs, originSiteMs, speed } = JSON.parse(readFileSync(clock, "utf8")) as {
    readonly originWallMs: number;
    readonly originSiteMs: number;
    readonly speed: number;
  };
  return originSiteMs + Math.floor((Date.now() - originWallMs) * speed);
}
