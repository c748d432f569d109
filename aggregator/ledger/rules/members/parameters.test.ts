import assert from "node:assert/strict";
import { test } from "node:test";
import { type Message, microPerKwh, type ParametersMotion, utcMs, wh } from "@busbar/protocol";
import { type Parameters, parametersOf, parametersTable } from "../../parameters.ts";
import { entry, frameOf, lastGate, MeterChain, startTime, testGenesis } from "../../test-site.ts";
import { Chain, hour, mandate, quote, slot } from "../market/test-chain.ts";
import { timetable } from "../market/timetable.ts";
import { termsOf } from "./test-consortium.ts";

const { parameters: now } = testGenesis();
const cheaper: Parameters = {
  ...now,
  retail: microPerKwh(650_000),
  gates: [{ ...lastGate, gateMinutesBefore: 30 }],
};
const third = slot + 2 * hour;

const motionOf = (changes: Partial<ParametersMotion> = {}): Message<"parameters-motion"> => ({
  nonce: new Uint8Array(16),
  member: "member-a",
  from: utcMs(third),
  parameters: cheaper,
  ...changes,
});
const frame = (changes: Partial<ParametersMotion> = {}, signer = "member-a") =>
  frameOf(signer, "parameters-motion", motionOf(changes));

test("each slot has the parameters that it was opened with, on both sides of a change", () => {
  const run = new Chain();
  run.block(1);
  assert.deepEqual(run.block(11, frame()), []);
  assert.deepEqual(run.of("motion-decided")[0]?.outcome, "accepted", "a single member decides");
  assert.deepEqual(parametersOf(run.state, slot), now);
  assert.deepEqual(parametersOf(run.state, third - hour), now);
  assert.deepEqual(parametersOf(run.state, third), cheaper);
  assert.deepEqual(parametersTable.get(run.state, "current"), now, "not in force yet");

  // The second slot's gate is 20 minutes before its start, the third one's 30.
  for (let at = 12; at <= 240; at += 1) run.block(at);
  const opened = new Map(run.of("slot-opened").map((event) => [event.slot, event.gate]));
  assert.equal(opened.get(third - hour), third - hour - 20 * 60_000);
  assert.equal(opened.get(third), third - 30 * 60_000);
  const [first] = run.of("gate-closed").filter((event) => event.slot === third);
  assert.ok(first);
  assert.equal(run.of("parameters-in-force").length, 1);
  assert.deepEqual(parametersTable.get(run.state, "current"), cheaper);
  assert.deepEqual(parametersOf(run.state, slot), now, "old slots keep theirs to the last");
});

test("a quote is taken until the gate of its own slot", () => {
  const run = new Chain();
  run.block(1);
  run.block(11, frame());
  const until = (third - startTime) / 60_000;
  for (let at = 12; at <= until - 31; at += 1) run.block(at);
  const early = quote("user-a", 1, {}, third, third - 30 * 60_000);
  const codes = (at: number, name: number) =>
    run.block(at, quote("user-a", name, {}, third, third - 30 * 60_000).seal);
  assert.deepEqual(run.block(until - 31, early.seal), [], "before the gate");
  assert.deepEqual(
    codes(until - 29, 2),
    ["quote.gate-closed"],
    "20 minutes would have been too late",
  );
  assert.equal(timetable(utcMs(third), cheaper).passes[0]?.gate, third - 30 * 60_000);
});

const refusals: readonly (readonly [string, Partial<ParametersMotion>, string])[] = [
  ["in the middle of a slot", { from: utcMs(third + 1) }, "parameters.slot"],
  ["for a slot that is open", { from: utcMs(slot) }, "parameters.open"],
  ["of another slot length", { parameters: { ...cheaper, slotMinutes: 30 } }, "parameters.length"],
  [
    "that pay somebody for nothing",
    { parameters: { ...now, imbalancePermille: 0 } },
    "parameters.unsound",
  ],
  [
    "whose gate is before the opening",
    { parameters: { ...now, gates: [{ ...lastGate, gateMinutesBefore: 60 }] } },
    "parameters.unsound",
  ],
  ["under another member's name", { member: "member-b" }, "motion.rights"],
];
for (const [name, changes, code] of refusals) {
  test(`parameters ${name} are refused: ${code}`, () => {
    const run = new Chain();
    run.block(11);
    assert.deepEqual(run.block(12, frame(changes)), [code]);
    assert.deepEqual(parametersOf(run.state, third), now);
  });
}

test("what is decided too late is void: open slots are never changed", () => {
  const two = ["member-a", "member-b"].map((id) => termsOf(id));
  const run = new Chain({ members: two });
  run.block(1);
  run.block(11, frame());
  assert.deepEqual(run.block(12, frame({ nonce: new Uint8Array(16).fill(1) })), ["motion.open"]);
  const [motion] = run.of("motion-opened");
  const ballot = {
    motion: new Uint8Array(Buffer.from(motion?.motion ?? "", "hex")),
    member: "member-b",
    accept: true,
  };
  const open = (third - startTime) / 60_000 - 50;
  for (let at = 13; at <= open; at += 1) run.block(at);
  run.block(open + 1, frameOf("member-b", "ballot", ballot));
  assert.equal(run.of("motion-decided")[0]?.outcome, "void");
  assert.deepEqual(parametersOf(run.state, third), now);
});

/** What a user's energy in each slot comes to, when its meter reports all of it afterwards. */
function settledWith(frames: readonly Uint8Array[]): ReadonlyMap<number, number> {
  const run = new Chain();
  run.block(1);
  run.block(11, ...frames);
  for (let at = 12; at <= 245; at += 1) run.block(at);
  const meter = new MeterChain("user-a");
  const readings = [0, 1, 2, 3].map((n) => meter.frame(entry(slot + n * hour, n * 1_000)));
  run.block(246, ...readings);
  return new Map(run.of("imbalance-settled").map((event) => [event.slot, event.amount]));
}

test("a slot is settled with its own parameters, also when others are in force by then", () => {
  const dearer: Parameters = { ...now, imbalancePermille: 900 };
  const plain = settledWith([]);
  const changed = settledWith([frame({ parameters: dearer })]);
  assert.ok(plain.size >= 3, "three slots are settled");
  for (const at of [slot, slot + hour]) assert.equal(changed.get(at), plain.get(at));
  assert.notEqual(changed.get(third), plain.get(third));
});

/** The bureau's subsidy on what a user buys of it in two slots, when the meter reports both later. */
function subsidiesWith(frames: readonly Uint8Array[]): ReadonlyMap<number, number> {
  const run = new Chain();
  run.block(1, mandate("user-a"));
  run.block(11, ...frames);
  for (const [name, at] of [slot, third].entries()) {
    const start = (at - startTime) / 60_000;
    for (let minute = start - 49; minute < start - 35; minute += 1) run.block(minute);
    const bid = quote("user-a", name + 1, { quantity: wh(50_000) }, at);
    assert.deepEqual(run.block(start - 35, bid.seal), []);
    assert.deepEqual(run.block(start - 19, bid.open), []);
    run.block(start - 9);
  }
  for (let at = 172; at <= 245; at += 1) run.block(at);
  const meter = new MeterChain("user-a");
  const readings = [0, 1, 2, 3].map((n) => meter.frame(entry(slot + n * hour, n * 50_000)));
  run.block(246, ...readings);
  return new Map(run.of("contract-settled").map((event) => [event.slot, event.subsidy]));
}

test("a slot's contracts are paid with its own subsidy, also when another is in force by then", () => {
  const plain = subsidiesWith([]);
  const changed = subsidiesWith([frame({ parameters: { ...now, subsidyPermille: 100 } })]);
  for (const at of [slot, third]) assert.ok((plain.get(at) ?? 0) > 0, "the bureau sold, and paid");
  assert.equal(changed.get(slot), plain.get(slot));
  // Twice the subsidy, on a price of its own.
  assert.ok((changed.get(third) ?? 0) > 1.9 * (plain.get(third) ?? 0));
});
