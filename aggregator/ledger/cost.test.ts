import assert from "node:assert/strict";
import { test } from "node:test";
import { utcMs, wh } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { execute } from "./execution.ts";
import type { Genesis } from "./genesis.ts";
import { genesisState } from "./genesis-state.ts";
import { rules } from "./rules/index.ts";
import { mandate, quote, slot } from "./rules/market/test-chain.ts";
import { sha256 } from "./sha256.ts";
import type { StateReader } from "./state/state.ts";
import { chain, entry, frameOf, MeterChain, startTime, testGenesis } from "./test-site.ts";

const hour = 3_600_000;

/** Counts what a block reads: each key that is asked for, and each entry that a walk gives. */
class Counted implements StateReader {
  reads = 0;
  readonly #base: StateReader;

  constructor(base: StateReader) {
    this.#base = base;
  }

  get(key: string): Uint8Array | undefined {
    this.reads += 1;
    return this.#base.get(key);
  }

  *scan(prefix: string): Iterable<readonly [string, Uint8Array]> {
    this.reads += 1;
    for (const entry of this.#base.scan(prefix)) {
      this.reads += 1;
      yield entry;
    }
  }
}

/** A sorted state, so that a walk costs its entries as it does on disk, whatever else there is. */
class Sorted implements StateReader {
  readonly #values = new Map<string, Uint8Array>();
  #keys: string[] = [];

  apply(changes: Iterable<readonly [string, Uint8Array | undefined]>): void {
    const added: string[] = [];
    for (const [key, value] of changes) {
      if (value === undefined) this.#values.delete(key);
      else {
        if (!this.#values.has(key)) added.push(key);
        this.#values.set(key, value);
      }
    }
    added.sort();
    const merged: string[] = [];
    for (const key of this.#keys) {
      while ((added.at(0) ?? key) < key) merged.push(added.shift() ?? "");
      if (this.#values.has(key)) merged.push(key);
    }
    this.#keys = [...merged, ...added];
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }

  *scan(prefix: string): Iterable<readonly [string, Uint8Array]> {
    let [low, high] = [0, this.#keys.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#keys[middle] ?? "") < prefix) low = middle + 1;
      else high = middle;
    }
    for (; this.#keys[low]?.startsWith(prefix); low++) {
      const key = this.#keys[low] ?? "";
      const value = this.#values.get(key);
      if (value !== undefined) yield [key, value];
    }
  }
}

/** A site with this many owners more, each with two accounts; every tenth has a unit and a meter. */
function siteOf(others: number) {
  const small = testGenesis();
  const owners: Genesis["owners"] = [];
  const devices: Genesis["devices"] = [];
  for (let n = 0; n < others; n++) {
    const id = `z-${n}`;
    const keyOf = (what: string) => sha256(Buffer.from(`${what} ${n}`));
    owners.push({ id, party: "user", name: id, key: keyOf("owner"), boxKey: keyOf("box") });
    if (n % 10 !== 0) continue;
    devices.push({
      id: `${id}-unit`,
      owner: id,
      key: keyOf("unit"),
      meters: [{ id: `${id}-meter`, role: "connection", feeder: "feeder-1" }],
    });
  }
  const state = new Sorted();
  state.apply(
    genesisState(
      testGenesis({
        owners: [...small.owners, ...owners],
        devices: [...small.devices, ...devices],
      }),
    ),
  );
  let height = 0;
  /** Runs a block; what it read, and how many keys it changed. */
  const block = (minutes: number, ...frames: Uint8Array[]) => {
    const counted = new Counted(state);
    const time = utcMs(startTime + minutes * 60_000);
    const previous = new Uint8Array(32).fill(++height);
    const input = { height, time, previous, frames };
    const { refused, changes } = execute(counted, input, { chain, rules, verify });
    assert.deepEqual(refused, []);
    state.apply(changes);
    return { reads: counted.reads, writes: changes.size };
  };
  return { block };
}

/** The blocks of a slot's life in which few take part. */
function story(others: number) {
  const { block } = siteOf(others);
  const [company, user] = [new MeterChain("company-a"), new MeterChain("user-a")];
  const ask = quote("company-a", 1, { side: "ask", quantity: wh(50_000) });
  const bid = quote("user-a", 2, { quantity: wh(50_000) });
  const guest = { id: "guest", party: "user", name: "G" } as const;
  const key = (name: string) => sha256(Buffer.from(name));
  block(11);
  const costs = {
    mandates: block(20, mandate("company-a"), mandate("user-a")),
    seals: block(25, ask.seal, bid.seal),
    admission: block(
      30,
      frameOf("member-a", "admission", {
        nonce: new Uint8Array(16),
        member: "member-a",
        owners: [{ ...guest, key: key("guest"), boxKey: key("guest box") }],
        devices: [],
      }),
    ),
    openings: block(41, ask.open, bid.open),
  };
  // Clearing and the next opening look at every party: once a slot, not once a block.
  block(51);
  block(131);
  return {
    ...costs,
    idle: block(132),
    readings: block(133, company.frame(entry(slot, 0, 0), entry(slot + hour / 2, 0, 20_000))),
    settlement: block(
      134,
      company.frame(entry(slot + hour, 0, 50_000)),
      user.frame(entry(slot, 0), entry(slot + hour, 60_000)),
    ),
    late: block(135, user.frame(entry(slot + hour + 1, 60_001))),
  };
}

test("what a block reads and writes depends on what it changes, not on how many accounts there are", () => {
  const [few, many] = [story(500), story(50_000)];
  assert.deepEqual(many, few);
  for (const [name, { reads, writes }] of Object.entries(many)) {
    assert.ok(reads <= 200 && writes <= 60, `${name}: ${reads} reads, ${writes} writes`);
  }
});
