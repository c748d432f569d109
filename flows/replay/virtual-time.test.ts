import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { topicsOf } from "@busbar/protocol";
import { openKeyFile, signerOf } from "@busbar/protocol/node";
import {
  orderedOwner,
  orderedSlot,
  orderedUnit,
  orderLife,
} from "../../test/support/demand-orders.ts";
import { FakeAggregator } from "../../test/support/fake-aggregator.ts";
import type { FlowNode } from "../check/flow.ts";
import { startRecording, withEnvironment } from "../commands/record.ts";
import { dayLine, parseDay } from "./day.ts";
import { VirtualTime } from "./virtual-time.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-virtual-time-"));
after(() => rmSync(folder, { recursive: true }));
const minute = 60_000;
const hour = 60 * minute;
const settle = () => Promise.resolve();

/** Runs in a day's time that begins at 1000 ms. */
async function inDay(live: (time: VirtualTime) => Promise<void>): Promise<void> {
  const time = new VirtualTime(1_000, 1_000);
  time.install();
  try {
    await live(time);
  } finally {
    time.restore();
  }
}

test("timers run when the day reaches them, in their order, each at its own instant", async () => {
  const ran: [string, number][] = [];
  const note = (name: string) => () => void ran.push([name, Date.now()]);
  await inDay(async (time) => {
    setTimeout(note("third"), 30);
    setTimeout(note("first"), 10);
    setTimeout(note("second"), 10);
    const every = setInterval(note("every"), 20);
    const never = setTimeout(note("never"), 5);
    clearTimeout(never);
    clearTimeout(undefined);
    setTimeout(() => {
      clearInterval(every);
      setTimeout(note("from within"), 1);
    }, 45);
    setTimeout(note("no time is a millisecond"), -3);
    await time.advance(1_046, settle);
    assert.equal(Date.now(), 1_046);
    await time.advance(9_000, settle);
  });
  assert.deepEqual(ran, [
    ["no time is a millisecond", 1_001],
    ["first", 1_010],
    ["second", 1_010],
    ["every", 1_020],
    ["third", 1_030],
    ["every", 1_040],
    ["from within", 1_046],
  ]);
});

test("a timer as a promise comes when the day reaches it", async () => {
  await inDay(async (time) => {
    let came = 0;
    void promisify(setTimeout)(10, "value").then((value) => {
      assert.equal(value, "value");
      came = Date.now();
    });
    await time.advance(2_000, settle);
    assert.equal(came, 1_010);
  });
});

test("what a timer sets off is waited for before the next one runs", async () => {
  const ran: string[] = [];
  await inDay(async (time) => {
    setTimeout(() => queueMicrotask(() => ran.push("set off by the first")), 1);
    setTimeout(() => ran.push("the second"), 2);
    await time.advance(2_000, settle);
  });
  assert.deepEqual(ran, ["set off by the first", "the second"]);
});

test("a timer that was due, and that another one of the same instant ended, does not run", async () => {
  await inDay(async (time) => {
    let second: NodeJS.Timeout | undefined;
    setTimeout(() => clearTimeout(second), 5);
    second = setTimeout(() => assert.fail("it was ended"), 5);
    const refreshed = setTimeout(() => assert.equal(Date.now(), 1_013), 10);
    await time.advance(1_003, settle);
    refreshed.ref().unref().refresh();
    await time.advance(1_020, settle);
  });
});

test("dates and high-resolution time stand still between, and the process gets its own back", async () => {
  const own = {
    Date,
    setTimeout,
    setInterval,
    clearTimeout,
    clearInterval,
    hrtime: process.hrtime,
  };
  await inDay(async (time) => {
    const before = process.hrtime();
    assert.equal(new Date().toISOString(), "1970-01-01T00:00:01.000Z");
    assert.equal(new Date(5).getTime(), 5);
    assert.equal(new Date(2_026, 0).getFullYear(), 2_026);
    assert.equal(Date.UTC(1970, 0), 0);
    assert.equal(Date.parse("1970-01-01T00:00:01Z"), 1_000);
    assert.ok(new Date() instanceof Date && new own.Date() instanceof Date);
    assert.match((Date as unknown as () => string)(), /1970/);
    await time.advance(3_500, settle);
    assert.deepEqual(process.hrtime(before), [2, 500_000_000]);
  });
  assert.deepEqual(
    { Date, setTimeout, setInterval, clearTimeout, clearInterval },
    {
      Date: own.Date,
      setTimeout: own.setTimeout,
      setInterval: own.setInterval,
      clearTimeout: own.clearTimeout,
      clearInterval: own.clearInterval,
    },
  );
  assert.equal(process.hrtime, own.hrtime);
});

test("a flow that never rests ends the replay in words", async () => {
  await inDay(async (time) => {
    setInterval(() => {}, 1);
    await assert.rejects(time.advance(2_000_000, settle), {
      code: "flows.replay-timers",
      message: /replay a shorter day/,
    });
  });
});

/** A flow whose nodes wait: by delay, rate limit, trigger, schedule and a function's own timer. */
function waitingFlow(delayMinutes: number): FlowNode[] {
  const node = (id: string, type: string, rest: object): FlowNode =>
    ({ id: `w-${id}`, type, z: "waits", name: id, wires: [[`w-${id} end`]], ...rest }) as FlowNode;
  const end = (of: string): FlowNode => ({
    ...{ id: `w-${of} end`, type: "debug", z: "waits", name: `${of} end`, wires: [] },
    ...{ active: false, complete: "payload", targetType: "msg" },
  });
  const every = { pauseType: "delay", timeout: String(delayMinutes), timeoutUnits: "minutes" };
  const nodes = [
    node("delay", "delay", every),
    node("rate", "delay", {
      ...{ pauseType: "rate", rate: "1", nbRateUnits: "30", rateUnits: "minute", drop: true },
    }),
    node("trigger", "trigger", {
      ...{ op1: "true", op1type: "bool", op2: "false", op2type: "bool", duration: "5" },
      ...{ units: "min", extend: false, bytopic: "all", outputs: 1 },
    }),
    node("function", "function", {
      func: "setTimeout(() => node.send({ payload: Date.now() - msg.time }), 420_000);",
      outputs: 1,
    }),
  ];
  const schedule = node("schedule", "inject", {
    ...{ props: [{ p: "payload" }], payload: "", payloadType: "date" },
    ...{ repeat: "600", once: true, onceDelay: 0.1 },
  });
  const meter = node("meter", "busbar-unit", {
    ...{ site: "da6978bf6c4a6a10", device: orderedUnit, outputType: "power" },
    wires: [nodes.map(({ id }) => id)],
  });
  const tab = { id: "waits", type: "tab", label: "what waits" };
  // Read by this machine in earnest; in a replay what was recorded of it comes in its place.
  const own = node("own meter", "busbar-meter", { place: "/dev/null", profile: "sml" });
  return [
    tab,
    meter,
    own,
    end("own meter"),
    ...nodes,
    schedule,
    ...[...nodes, schedule].map(({ name }) => end(String(name))),
  ];
}

const orders = orderLife();
const topics = topicsOf(orders.chain);
const file = (name: string) => join(folder, name);

/** The charger's example at the site where the order was made. */
function chargerFlow(broker: string): FlowNode[] {
  for (const id of [orderedOwner, orderedUnit]) openKeyFile(file(`${id}.json`));
  const members = orders.membership.members.map(({ key, ...member }) => ({
    ...member,
    key: Buffer.from(key).toString("base64url"),
  }));
  const membership = { ...orders.membership, site: orders.chain, members };
  writeFileSync(file("membership.json"), JSON.stringify(membership));
  const environment = {
    BUSBAR_BROKER: broker,
    BUSBAR_SITE: orders.chain,
    BUSBAR_IDENTITY: orderedOwner,
    BUSBAR_KEY_FILE: file(`${orderedOwner}.json`),
    BUSBAR_DEVICE: orderedUnit,
    BUSBAR_DEVICE_KEY: file(`${orderedUnit}.json`),
    BUSBAR_MEMBERSHIP: file("membership.json"),
  };
  const path = join(import.meta.dirname, "../examples/ev-charger-under-order.json");
  return (JSON.parse(readFileSync(path, "utf8")) as FlowNode[]).map(
    (node) => withEnvironment(node, environment) as FlowNode,
  );
}

const live = (at: number, watts: number) =>
  JSON.stringify({
    ...{ meter: "m-1", device: orderedUnit, time: at, seq: 1, quality: 0 },
    values: { "1-0:16.7.0": watts },
    quantities: {},
  });

test("what a flow's site says is written down, and the orders to its units, byte by byte", async () => {
  const member = signerOf(openKeyFile(file("member.json")));
  const site = new FakeAggregator(orders.chain, member);
  await site.start();
  const flow = chargerFlow(site.url);
  for (const id of [orderedOwner, orderedUnit]) {
    site.devices.set(id, signerOf(openKeyFile(file(`${id}.json`))).publicKey);
  }
  writeFileSync(file("charger.json"), JSON.stringify(flow));
  const out = file("recorded.jsonl");
  const told: string[] = [];
  const recording = startRecording(file("charger.json"), { out, connection: "record" }, (text) =>
    told.push(text),
  );
  const recorded = () => (existsSync(out) ? parseDay(out, readFileSync(out, "utf8")) : []);
  const of = (topic: string) =>
    recorded().find((event) => "topic" in event && event.topic === topic);
  // Both connections may still be on their way.
  while (
    of(topics.live(orderedUnit)) === undefined ||
    of(topics.commands(orderedUnit)) === undefined
  ) {
    site.publish(topics.live(orderedUnit), live(orderedSlot, 300));
    site.publish(topics.commands(orderedUnit), orders.contracted);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await recording.stop();
  await site.stop();
  const [said, order] = [of(topics.live(orderedUnit)), of(topics.commands(orderedUnit))];
  assert.ok(said !== undefined && order !== undefined && "payload" in order && "payload" in said);
  assert.deepEqual([said.at, JSON.parse(String(said.payload)).time], [orderedSlot, orderedSlot]);
  assert.deepEqual(new Uint8Array(order.payload), orders.contracted);
  assert.deepEqual(told, []);

  const refused = (nodes: unknown) => {
    writeFileSync(file("bad.json"), JSON.stringify(nodes));
    return () => startRecording(file("bad.json"), { out, connection: "record" }, () => {});
  };
  assert.throws(refused([]), { code: "flows.site-missing" });
  assert.throws(refused({}), { code: "flows.flow-file" });
  assert.throws(refused(flow.map((node) => ({ ...node, broker: "nowhere" }))), {
    code: "flows.site-missing",
  });
  assert.throws(refused(flow.map((node) => ({ ...node, membership: "" }))), {
    code: "flows.field-missing",
  });
});

test("delays, schedules and orders of a replayed day happen when they would have", () => {
  const charger = chargerFlow("mqtt://127.0.0.1:9");
  writeFileSync(file("old.json"), JSON.stringify([...charger, ...waitingFlow(20)]));
  writeFileSync(file("new.json"), JSON.stringify([...charger, ...waitingFlow(30)]));

  // Four hours, a reading each ten minutes: the order's slot is the second hour.
  const from = orderedSlot - hour;
  const read = (at: number) =>
    dayLine(at, topics.live(orderedUnit), Buffer.from(live(at, 300 + (at - from) / minute)));
  const command = (at: number, payload: Uint8Array) =>
    dayLine(at, topics.commands(orderedUnit), Buffer.from(payload));
  const lines = Array.from({ length: 25 }, (_, i) => read(from + i * 10 * minute));
  lines.splice(2, 0, command(from + 15 * minute, orders.contracted));
  // Said again, and out of a forger's hands.
  lines.splice(5, 0, command(from + 31 * minute, orders.acknowledged));
  lines.splice(6, 0, command(from + 32 * minute, Buffer.from("no order")));
  writeFileSync(file("day.jsonl"), lines.join("\n"));

  // As `run --record` writes it, told together with the other.
  const read2 = (i: number) => ({ at: from + (i * 10 + 5) * minute, node: "own meter" });
  const meters = Array.from({ length: 24 }, (_, i) =>
    JSON.stringify({ ...read2(i), msg: { topic: "m-9", payload: i, meter: "m-9" } }),
  );
  writeFileSync(file("meters.jsonl"), meters.join("\n"));

  const cli = join(import.meta.dirname, "../cli.ts");
  const days = ["--day", file("meters.jsonl"), "--day", file("day.jsonl")];
  const options = [...days, "--against", file("old.json"), "--json"];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [cli, "replay", file("new.json"), ...options],
    { encoding: "utf8" },
  );
  assert.equal(status, 0, stderr);
  type Summary = Record<"messages" | "mean" | "least" | "most" | "hoursOn", number>;
  const { ends, errors, unheard } = JSON.parse(stdout) as {
    ends: { end: string; before: Summary; after: Summary; firstApart?: number }[];
    errors: string[];
    unheard: number;
  };
  const of = (name: string) => ends.find(({ end }) => end === name);
  const after = (name: string) => of(name)?.after;
  assert.equal(unheard, 0);
  assert.deepEqual(errors, []);
  // The forged one went to the flow's catch node.
  assert.equal(after("refused")?.messages, 1);

  // The charger draws all, then what the order leaves in its slot, then all again.
  const drawn = after("charger (W)");
  assert.deepEqual([drawn?.messages, drawn?.least, drawn?.most], [3, 600, 11_000]);
  // 11 kW for three hours, 600 W for one.
  assert.equal(drawn?.mean, (3 * 11_000 + 600) / 4);
  assert.equal(after("said on market/quotes")?.messages, 1);

  const own = after("own meter end");
  assert.deepEqual([own?.messages, own?.least, own?.most], [24, 0, 23]);

  assert.equal(after("delay end")?.messages, 22);
  assert.equal(of("delay end")?.firstApart, from + 20 * minute);
  // Each thirty minutes at most: those at the full thirty come a moment too early.
  assert.equal(after("rate end")?.messages, 7);
  assert.equal(after("trigger end")?.messages, 49);
  assert.equal(after("trigger end")?.hoursOn, 2);
  assert.deepEqual(
    [after("function end")?.messages, after("function end")?.least, after("function end")?.most],
    [24, 7 * minute, 7 * minute],
  );
  assert.equal(after("schedule end")?.messages, 25);
  assert.equal(after("schedule end")?.least, from - 900);
});
