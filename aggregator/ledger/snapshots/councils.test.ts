import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { decodeStateProof, encodeStateProof, type StateProof } from "@busbar/protocol";
import fc from "fast-check";
import { Application } from "../application.ts";
import { backUp, examineBackup, restoreBackup } from "../backup.ts";
import { Store } from "../store.ts";
import {
  CouncilStory,
  certificateOf,
  certifiedBy,
  councilGenesis,
  councilRules,
  four,
  verifyVotes,
} from "../test-councils.ts";
import { bring, snapshotOf, stateOf, type TestLedger } from "../test-ledger.ts";
import { verifyLedger } from "../verify.ts";
import { type Manifest, manifestOf, snapshotOf as named, type Snapshot } from "./format.ts";
import { SnapshotMaking } from "./making.ts";
import { stepsToShow } from "./trust.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-councils-"));
after(() => rmSync(folder, { recursive: true }));

/** Somebody with nothing but the genesis. */
function newcomer(store = new Store(":memory:")): TestLedger {
  const application = new Application({
    genesis: councilGenesis,
    store,
    verify: verifyVotes,
    rules: councilRules,
  });
  if (!application.info().begun) application.initChain();
  return { store, application };
}

const whole = CouncilStory.told();
const snapshot = snapshotOf(whole);
const manifest = manifestIn(snapshot);
const steps = (manifest.steps ?? []).map((bytes): StateProof => {
  const decoded = decodeStateProof(bytes);
  assert.ok(decoded.ok);
  return decoded.proof;
});
const [first, second, third, fourth] = steps as [StateProof, StateProof, StateProof, StateProof];

function manifestIn(offered: Snapshot): Manifest {
  const read = manifestOf(offered);
  assert.ok(read.ok);
  return read.manifest;
}

/** The snapshot with other steps, or in another way changed. */
function shown(list: readonly StateProof[], changes: Partial<Manifest> = {}): Snapshot {
  const { steps: _, ...rest } = manifest;
  const made = { ...rest, ...changes };
  return named(list.length === 0 ? made : { ...made, steps: list.map(encodeStateProof) });
}

const check = ({ store }: TestLedger) =>
  verifyLedger({ store, genesis: councilGenesis, verify: verifyVotes, rules: councilRules });

test("who has the genesis alone trusts a snapshot of a chain whose voters changed, and goes on", () => {
  assert.equal(steps.length, 4);
  const fresh = newcomer();
  assert.deepEqual(fresh.application.trustedAppHash(snapshot), manifest.header.appHash);
  assert.deepEqual(bring(whole, fresh, snapshot), { result: "accept", done: true });
  assert.equal(stateOf(fresh), stateOf(whole));
  assert.deepEqual(fresh.store.councilSteps.after(0), whole.store.councilSteps.after(0));
  const checked = check(fresh);
  assert.ok(checked.ok && checked.from === snapshot.height, JSON.stringify(checked));

  // What it has, it hands on.
  const [its] = fresh.application.listSnapshots();
  assert.ok(its);
  const next = newcomer();
  assert.ok(next.application.trustedAppHash(its) instanceof Uint8Array);
  assert.deepEqual(bring(fresh, next, its), { result: "accept", done: true });
  assert.equal(stateOf(next), stateOf(whole));
});

const strangers = ["x", "y", "z"];
const lies: readonly (readonly [string, () => Snapshot, string])[] = [
  ["no steps", () => shown([]), "snapshot.council"],
  ["steps that end too early", () => shown(steps.slice(0, 2)), "snapshot.council"],
  ["the first step missing", () => shown(steps.slice(1)), "snapshot.steps"],
  ["a step in between missing", () => shown([first, third, fourth]), "snapshot.steps"],
  ["two steps swapped", () => shown([second, first, third, fourth]), "snapshot.steps"],
  [
    "a step that strangers certified",
    () => shown([certifiedBy(first, strangers), second, third, fourth]),
    "snapshot.steps",
  ],
  [
    "a step that too few certified",
    () => shown([first, certifiedBy(second, four.slice(0, 2)), third, fourth]),
    "snapshot.steps",
  ],
  [
    "a step that voters of an older epoch certified",
    () => shown([first, second, third, certifiedBy(fourth, ["member-b", "member-d"])]),
    "snapshot.steps",
  ],
  [
    "a step with other voters in it",
    () => shown([{ ...first, value: second.value as Uint8Array }, second, third, fourth]),
    "snapshot.steps",
  ],
  [
    "a step of another chain",
    () => shown([{ ...first, header: { ...first.header, chain: "other" } }]),
    "snapshot.steps",
  ],
  [
    "a block that the present voters did not certify",
    () => shown(steps, { certificate: certificateOf(manifest.header, ["member-b", "member-d"]) }),
    "snapshot.certificate",
  ],
  [
    "a block of another chain",
    () => shown(steps, { header: { ...manifest.header, chain: "other" } }),
    "snapshot.chain",
  ],
  ["something else in place of steps", () => garbled(), "snapshot.steps"],
];

function garbled(): Snapshot {
  return named({ ...manifest, steps: [Uint8Array.of(0xff, 1, 2), new Uint8Array(60_000)] });
}

for (const [name, make, code] of lies) {
  test(`a snapshot with ${name} is not trusted: ${code}`, () => {
    const fresh = newcomer();
    const before = [fresh.application.info(), stateOf(fresh)];
    const offered = make();
    const trusted = fresh.application.trustedAppHash(offered);
    assert.equal("code" in trusted ? trusted.code : "trusted", code);
    // Nor is it in force where an engine believed it.
    const { header } = manifestIn(offered);
    assert.equal(fresh.application.offerSnapshot(offered, header.appHash).result, "accept");
    let last: ReturnType<Application["applySnapshotChunk"]> | undefined;
    for (let index = 0; index < offered.chunks; index++) {
      const wanted = { height: snapshot.height, format: snapshot.format, chunk: index };
      const chunk = whole.application.loadSnapshotChunk(wanted) ?? new Uint8Array();
      last = fresh.application.applySnapshotChunk({ index, chunk, sender: "liar" });
    }
    assert.ok(last?.result === "reject-snapshot", JSON.stringify(last));
    assert.equal(last.refusal.code, code);
    assert.deepEqual([fresh.application.info(), stateOf(fresh)], before);
    assert.deepEqual(fresh.store.councilSteps.after(0), []);
    assert.deepEqual(bring(whole, fresh, snapshot), { result: "accept", done: true });
  });
}

test("who lived through the first changes needs to be shown the later ones only", () => {
  const short = new CouncilStory();
  short.block();
  short.admit("member-e");
  assert.equal(short.application.council().epoch, 1);
  const later = shown(steps.slice(1));
  assert.deepEqual(short.application.trustedAppHash(later), manifest.header.appHash);
  assert.deepEqual(bring(whole, short, later), { result: "accept", done: true });
  assert.deepEqual(short.store.councilSteps.after(0).length, 4);
  assert.ok(check(short).ok);
});

test("a lie about a change that is known here harms nobody, and is not handed on", () => {
  const short = new CouncilStory();
  short.block();
  short.admit("member-e");
  const poisoned = shown([certifiedBy(first, strangers), second, third, fourth]);
  assert.deepEqual(bring(whole, short, poisoned), { result: "accept", done: true });
  const [its] = short.application.listSnapshots();
  assert.ok(its);
  const fresh = newcomer();
  assert.deepEqual(fresh.application.trustedAppHash(its), manifest.header.appHash);
});

test("a snapshot shows its height's steps, whoever comes to vote while it is made", () => {
  const path = join(folder, "making.sqlite");
  const story = new CouncilStory(new Store(path));
  story.block();
  story.admit("member-e");
  const making = new SnapshotMaking(story.store, 1024);
  making.step();
  story.remove("member-b");
  let made = making.step();
  while (made === undefined) made = making.step();
  assert.equal(manifestIn(made).steps?.length, 1);
  const fresh = newcomer();
  assert.deepEqual(bring(story, fresh, made), { result: "accept", done: true });
  assert.equal(fresh.application.council().epoch, 1);
  assert.ok(check(fresh).ok);

  // Shown the next one too, it keeps what its state knows of.
  const more = newcomer();
  const all = story.store.councilSteps.after(0).map(({ proof }) => proof);
  const generous = named({ ...manifestIn(made), steps: all });
  assert.deepEqual(bring(story, more, generous), { result: "accept", done: true });
  assert.equal(more.store.councilSteps.after(0).length, 1);
  assert.ok(check(more).ok);
  story.store.close();
});

test("no flipped byte of a step leads to other voters, and none throws", () => {
  const fresh = newcomer();
  const all = manifest.steps ?? [];
  const which = fc.nat(all.length - 1);
  fc.assert(
    fc.property(which, fc.nat(), fc.integer({ min: 1, max: 255 }), (step, place, flip) => {
      const bent = all.map((bytes, i) => {
        if (i !== step) return bytes;
        const at = place % bytes.length;
        return bytes.map((byte, j) => (j === at ? byte ^ flip : byte));
      });
      // One vote may be lost: those that are left may be a quorum. Nothing else may differ.
      const trusted = fresh.application.trustedAppHash(named({ ...manifest, steps: bent }));
      if (!("code" in trusted)) assert.deepEqual(trusted, manifest.header.appHash);
      else assert.match(trusted.code, /^snapshot\./);
    }),
    { numRuns: 300 },
  );
});

test("a manifest carries the newest steps, as many as fit", () => {
  const list = Array.from({ length: 300 }, (_, i) => ({
    epoch: i + 1,
    proof: new Uint8Array(20_000).fill(i),
  }));
  const store = { councilSteps: { after: () => list } } as unknown as Store;
  const carried = stepsToShow(store).steps ?? [];
  assert.equal(carried.at(-1), list.at(-1)?.proof);
  assert.equal(carried.length, Math.floor((4 * 1024 * 1024) / 20_008));
  const none = { councilSteps: { after: () => [] } } as unknown as Store;
  assert.deepEqual(stepsToShow(none), {});
});

test("steps come back out of a backup, and one that lost or changed some is refused", () => {
  const path = join(folder, "ledger.sqlite");
  const copy = join(folder, "copy.sqlite");
  const story = CouncilStory.told(new Store(path), true);
  const grounds = { genesis: councilGenesis, verify: verifyVotes };
  const steps = story.store.councilSteps.after(0);
  backUp(path, copy, grounds);
  const back = join(folder, "back.sqlite");
  restoreBackup(copy, back, { ...grounds, silent: true });
  const restored = new Store(back);
  assert.deepEqual(restored.councilSteps.after(0), steps);
  restored.close();

  const spoil = (sql: string) => {
    const store = new Store(copy);
    store.db.exec(sql);
    store.close();
    assert.throws(() => examineBackup(copy, grounds), { code: "backup.damaged" }, sql);
  };
  story.store.db.exec("DELETE FROM council_step WHERE epoch = 4");
  const checked = verifyLedger({ store: story.store, ...grounds });
  assert.equal(checked.ok || checked.code, "verify.steps");
  story.store.close();
  spoil("DELETE FROM council_step WHERE epoch = 4");
  spoil("UPDATE council_step SET proof = x'00' WHERE epoch = 2");
  spoil("DELETE FROM council_step");
});
