import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Membership, quorum } from "@busbar/protocol";
import { openKeyFile, publicKeysOf, readKeyFile } from "@busbar/protocol/node";
import { chain, testGenesis } from "../../aggregator/ledger/test-site.ts";
import type { LinkProxy } from "../support/link-proxy.ts";
import { blockHashesByHeight } from "../support/stores.ts";
import { finish, freePortBase, programs, until } from "../support/virtual-site.ts";
import {
  foundersCount,
  joinCometbft,
  laterConfig,
  layWires,
  placeOf,
  setIn,
  writeRequests,
} from "./layout.ts";
import { MemberProcess } from "./member-process.ts";
import { agree, requestOf } from "./membership.ts";
import { PublishingUnit } from "./publishing-unit.ts";

/** What `busbar-aggregator verify --json` says. */
type Verified = {
  readonly ok: boolean;
  readonly readings: Readonly<Record<string, number>>;
  readonly countedTwice: number;
  readonly moneySum: number;
};

/** What `busbar-aggregator credit --json` says. */
type CreditAnswer = {
  readonly accounts: readonly {
    readonly id: string;
    readonly counts: readonly { readonly kind: string }[];
  }[];
};

/** Far above what a busy machine needs: for a cluster that stands still. */
const patienceMs = 300_000;

/**
 * A consortium of real processes, each with its own store, linked over TLS through wires that can be
 * cut, and units that publish to it.
 */
export class Cluster {
  readonly units: readonly PublishingUnit[];
  /** Everybody who ever was one. */
  readonly #all: MemberProcess[];
  readonly #left = new Set<MemberProcess>();
  readonly #outvoted = new Set<string>();
  readonly #home: string;
  readonly #portBase: number;
  readonly #wires: ReadonlyMap<string, LinkProxy>;
  /** The program that orders, where CometBFT does. */
  #cometbft: string | undefined;
  /** The units' lists, which grow with the consortium. */
  readonly #brokers: number[];
  readonly #memberships: Membership[];

  private constructor(made: {
    readonly home: string;
    readonly portBase: number;
    readonly wires: ReadonlyMap<string, LinkProxy>;
  }) {
    this.#home = made.home;
    this.#portBase = made.portBase;
    this.#wires = made.wires;
    this.#all = Array.from({ length: foundersCount }, (_, index) => this.#memberAt(index));
    this.#brokers = this.#all.map(({ place }) => place.broker);
    this.#memberships = [this.#membership(this.#all)];
    const [brokers, memberships] = [this.#brokers, this.#memberships];
    this.units = testGenesis().owners.map(
      ({ id }, i) => new PublishingUnit(id, { brokers, memberships, first: i }),
    );
  }

  /**
   * Makes it as `init --members 4` does, puts the wires between, and starts everybody. `cometbft`: the
   * program that orders instead of PBFT; its connections are its own.
   */
  static async start({ cometbft }: { readonly cometbft?: string } = {}): Promise<Cluster> {
    const home = mkdtempSync(join(tmpdir(), "busbar-cluster-"));
    const base = await freePortBase();
    const { broker, portal, link, rpc } = placeOf(base, 0);
    await finish(programs.aggregator, [
      ...["init", "--home", home, "--site", chain, "--members", String(foundersCount)],
      ...["--broker-port", broker, "--portal-port", portal, "--link-port", link].map(String),
      ...(cometbft === undefined ? [] : ["--engine", "cometbft", "--rpc-port", String(rpc)]),
      ...["--admit", ...writeRequests(home)],
    ]);
    const wires = cometbft === undefined ? await layWires(home, base) : new Map();
    const cluster = new Cluster({ home, portBase: base, wires });
    if (cometbft !== undefined) cluster.useCometbft(cometbft);
    try {
      await Promise.all(cluster.members.map((member) => member.start()));
      return cluster;
    } catch (error) {
      await cluster.end();
      throw error;
    }
  }

  /** CometBFT, this program, orders from their next start on; a snapshot is made all few blocks. */
  useCometbft(command: string): void {
    this.#cometbft = command;
    for (const member of this.members) this.#configure(member, command);
  }

  /** Who are members now. */
  get members(): readonly MemberProcess[] {
    return this.#all.filter((member) => !this.#left.has(member));
  }

  /** Whose turn it is, as a member sees it that answers. */
  leader(): Promise<MemberProcess> {
    return until("somebody knows who leads", async () => {
      for (const member of this.members) {
        const leader = (await member.status())?.consensus.leader;
        const found = this.members.find(({ id }) => id === leader);
        if (found !== undefined) return found;
      }
      return undefined;
    });
  }

  /** The newest view that a member is in, for people. */
  async view(): Promise<string> {
    const all = await Promise.all(this.members.map((member) => member.status()));
    const views = all.map((status) => status?.consensus.view ?? -1);
    return `view ${Math.max(...views)} of ${views.join(", ")}`;
  }

  /** Whether another member says that this one came to another result; that is on the ledger then. */
  async isNamed(member: MemberProcess): Promise<boolean> {
    const others = this.members.filter((other) => other !== member);
    const all = await Promise.all(others.map((other) => other.status()));
    const deviating = all.flatMap((status) => status?.consensus.deviating ?? []);
    const isNamed = deviating.some((one) => one.member === member.id);
    if (isNamed) this.#outvoted.add(member.id);
    return isNamed;
  }

  /** All wires of a founder, both ways. */
  wiresOf({ index }: MemberProcess): readonly LinkProxy[] {
    return [...this.#wires].flatMap(([name, wire]) =>
      name.split(" ").includes(String(index)) ? [wire] : [],
    );
  }

  /** Resolves when each unit has got so many more receipts. */
  async progress(batches = 5): Promise<void> {
    const goals = this.units.map((unit) => unit.receipts + batches);
    await until(
      `${batches} more receipts for each unit`,
      () => this.units.every(({ receipts }, i) => receipts >= (goals[i] ?? 0)) || undefined,
      patienceMs,
    );
  }

  /** Resolves when every batch has its receipt and all members stand at one height. */
  async quiet(): Promise<void> {
    await until(
      "every batch has its receipt",
      () => this.units.every(({ waiting }) => waiting === 0) || undefined,
      patienceMs,
    );
    await until(
      "all members stand at one height",
      async () => {
        const all = await Promise.all(this.members.map((member) => member.status()));
        const heights = new Set(all.map((status) => status?.height));
        return (heights.size === 1 && !heights.has(undefined)) || undefined;
      },
      patienceMs,
    );
  }

  /** Resolves when a member has come as far as the highest one was at this moment. */
  async caughtUp(member: MemberProcess): Promise<void> {
    const all = await Promise.all(this.members.map((other) => other.status()));
    const goal = Math.max(...all.map((status) => status?.height ?? 0));
    await until(
      `${member.id} comes to height ${goal}`,
      async () => ((await member.status())?.height ?? 0) >= goal || undefined,
      patienceMs,
    );
  }

  /**
   * Lets one more member in: its request is moved and voted for, then its process starts and gets the
   * chain from the others. It names no address, as one behind a router: it dials, and nobody dials it.
   * `stateSync`: behind CometBFT it begins with a snapshot. `start`: instead of starting it and waiting until
   * it knows all voters.
   */
  async addMember({
    stateSync = false,
    start,
  }: {
    readonly stateSync?: boolean;
    readonly start?: (member: MemberProcess) => Promise<void>;
  } = {}): Promise<MemberProcess> {
    const member = this.#memberAt(this.#all.length);
    const { index, id, place, config } = member;
    if (this.#cometbft === undefined) {
      mkdirSync(dirname(config));
      const others = this.members.map((other) => other.index);
      writeFileSync(config, laterConfig(this.#portBase, index, others));
    } else {
      const rpc = this.members.map((other) => other.rpc);
      await joinCometbft(this.#home, { index, place, rpc, stateSync });
      this.#configure(member, this.#cometbft);
    }
    const keys = openKeyFile(member.key);
    const { key } = publicKeysOf(keys);
    const terms = { id, key, voting: true, role: "company" } as const;
    // Receipts may name it from the moment on at which it is decided.
    this.#memberships.push(this.#membership([...this.members, member]));
    await agree(this.#quorum(this.members), {
      action: "admit",
      subject: id,
      request: requestOf(terms, keys),
    });
    this.#all.push(member);
    this.#brokers.push(place.broker);
    if (start !== undefined) {
      await start(member);
      return member;
    }
    await member.start();
    await this.#allKnowVoters();
    return member;
  }

  /** Votes a member out, and ends its process. */
  async removeMember(member: MemberProcess): Promise<void> {
    const others = this.members.filter((other) => other !== member);
    this.#memberships.push(this.#membership(others));
    await agree(this.#quorum(others), { action: "remove", subject: member.id });
    this.#left.add(member);
    await this.#allKnowVoters();
    await member.stop("SIGTERM");
  }

  /** Everything that was signed has its receipt, all members stand at one height; then all end. */
  async settle(): Promise<void> {
    for (const unit of this.units) unit.endPublishing();
    await this.quiet();
    await Promise.all(this.units.map((unit) => unit.stop()));
    await Promise.all(this.members.map((member) => member.stop("SIGTERM")));
  }

  /** Compares the stores of ended members, block by block, and replays each of them. */
  async audit(): Promise<{ readonly height: number }> {
    const chain = new Map<number, string>();
    for (const { id, ledger } of this.#all) {
      for (const [height, hash] of blockHashesByHeight(ledger)) {
        assert.equal(hash, chain.get(height) ?? hash, `block ${height} of ${id}`);
        chain.set(height, hash);
      }
    }
    for (const { id, config } of this.members) {
      const out = await finish(programs.aggregator, ["verify", "--config", config, "--json"]);
      const verified = JSON.parse(out) as Verified;
      assert.deepEqual([verified.ok, verified.countedTwice, verified.moneySum], [true, 0, 0], id);
      for (const { owner, taken } of this.units) {
        assert.equal(verified.readings[`${owner}-meter`], taken, `${owner} on ${id}`);
      }
    }
    // Their chains are equal, so one ledger's credit reports are all's.
    const [first] = this.members;
    assert.ok(first !== undefined);
    assert.deepEqual(await this.#deviatingOn(first.config), [...this.#outvoted].sort());
    return { height: Math.max(...chain.keys()) };
  }

  /** Ends all that runs and deletes the folder. */
  async end(): Promise<void> {
    await Promise.all(this.units.map((unit) => unit.stop()));
    await Promise.all(this.#all.map((member) => member.stop()));
    await Promise.all([...this.#wires.values()].map((wire) => wire.close()));
    rmSync(this.#home, { recursive: true, force: true });
  }

  /** Who came to another result, by the credit reports of a member's ledger. */
  async #deviatingOn(config: string): Promise<readonly string[]> {
    const out = await finish(programs.aggregator, ["credit", "--config", config, "--json"]);
    const { accounts } = JSON.parse(out) as CreditAnswer;
    return accounts
      .filter(({ counts }) => counts.some(({ kind }) => kind === "deviation"))
      .map(({ id }) => id)
      .sort();
  }

  #configure({ config }: MemberProcess, command: string): void {
    setIn(config, ["cometbft", "command"], command);
    setIn(config, ["snapshots", "everyBlocks"], 20);
  }

  #memberAt(index: number): MemberProcess {
    return new MemberProcess(this.#home, index, placeOf(this.#portBase, index));
  }

  /** Configurations of as many of them as decide. */
  #quorum(of: readonly MemberProcess[]): string[] {
    return of.slice(0, quorum(this.members.length)).map(({ config }) => config);
  }

  #membership(of: readonly MemberProcess[]): Membership {
    const members = of.map(({ id, key }) => {
      return { id, key: publicKeysOf(readKeyFile(key)).key, voting: true };
    });
    return { chain, members };
  }

  async #allKnowVoters(): Promise<void> {
    const { length } = this.members;
    for (const member of this.members) {
      await until(
        `${member.id} knows ${length} voters`,
        async () => (await member.status())?.consensus.voters === length || undefined,
        patienceMs,
      );
    }
  }
}
