import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { topicsOf } from "@busbar/protocol";
import { openKeyFile, readKeyFile, signerOf } from "@busbar/protocol/node";
import { orderedSlot, orderedUnit, orderId } from "../../test/support/demand-orders.ts";
import { example, live, serialFlow, untilHeard } from "../../test/support/example-flows.ts";
import { FlowsSite } from "../../test/support/flows-site.ts";
import { Inspected } from "../../test/support/inspected.ts";
import { program } from "../../test/support/programs.ts";
import { freshPalette } from "../build.ts";
import { verifyProofOf } from "../nodes/ledger/verify.ts";
import { Portal } from "../nodes/link/portal.ts";
import { parseDay } from "../replay/day.ts";
import { FlowsProcess } from "./flows-process.ts";
import { type FlowNode, Probe } from "./probe.ts";

/** All examples in one real Node-RED, beside a site that is true to the protocol. */

const password = "a long enough one";
let site: FlowsSite;
let probe: Probe;
let flows: FlowsProcess;
let inspected: Inspected;

const socat = program("socat", "socat");

/** Which nodes of an example are listened to. */
const listened = {
  "boiler-follows-price": ["only changes"],
  "battery-sells-surplus": ["what the slot brings", "sell the surplus"],
  "ev-charger-under-order": ["only changes", "refused", "ended"],
  "feeder-board": ["remember"],
  "notice-to-phone": ["my notices", "not taken"],
  "modbus-by-hand": ["sign", "refused"],
  "replay-of-yesterday": ["heat by the rule", "no answer"],
  "meter-here": ["meter", "sign", "site's state"],
} as const;

/** Nodes of a flow beside the examples, whose meters hang on one serial line. */
const serial = ["first", "second", "third", "second again", "wrong"] as const;

before(async () => {
  await freshPalette();
  site = await FlowsSite.start();
  probe = await Probe.start();
  const all = Object.entries(listened).flatMap(([name, names]) =>
    probe.tap(example(name, site), names, `${name}/`),
  );
  const { serialLine } = site;
  const line = serialLine === undefined ? [] : probe.tap(serialFlow(serialLine), serial, "serial/");
  writeFileSync(site.file("flow.json"), JSON.stringify([...all, ...line]));
  const environment = Object.entries(site.environment).map(([name, value]) => `${name}=${value}`);
  flows = await FlowsProcess.start(
    [
      "--port",
      "0",
      "-u",
      site.file("user"),
      "--flow",
      site.file("flow.json"),
      "--record",
      site.file("meters.jsonl"),
      "--env",
      ...environment,
    ],
    { BUSBAR_FLOWS_PASSWORD: password },
    { node: ["--inspect=127.0.0.1:0"] },
  );
  inspected = await Inspected.open(flows.errors);
  assert.equal(await flows.signIn("admin", password), 200);
});
after(async () => {
  inspected?.close();
  await flows?.stop();
  probe?.stop();
  await site?.stop();
});

/** Presses an inject node's button. */
async function press(name: string, button: string): Promise<void> {
  const node = example(name, site).find((one) => one.type === "inject" && one.name === button);
  assert.ok(node !== undefined);
  assert.equal((await flows.admin(`inject/${node.id}`, { method: "POST", body: {} })).status, 200);
}

const next = (name: keyof typeof listened, node: string) => probe.next(`${name}/${node}`);

const sayLive = (watts: number, time: number, meter?: string) =>
  site.aggregator.publish(site.topics.live("unit-1"), JSON.stringify(live(watts, time, meter)));

test("a boiler heats from surplus and stops when the sun is gone", async () => {
  const time = site.ledger.time;
  const first = await untilHeard(
    () => next("boiler-follows-price", "only changes"),
    () => sayLive(300, time),
  );
  assert.deepEqual([first.payload, first.reason], [false, "dear"]);
  sayLive(-2_500, time + 1);
  assert.deepEqual((await next("boiler-follows-price", "only changes")).reason, "surplus");
  sayLive(100, time + 2);
  assert.deepEqual((await next("boiler-follows-price", "only changes")).reason, "dear");
});

test("a roof's surplus and a full battery are sold: sealed at each gate, opened after it, traded", async () => {
  const { ledger } = site;
  await press("battery-sells-surplus", "battery is 90 % full");
  const prices = {
    slot: 1,
    start: 3_600_000,
    end: 7_200_000,
    horizon: "real-time",
    prices: { gu: { micro: 600_000 }, cu: null, gc: null, cg: null },
    clearing: null,
    feedIn: 400_000,
    retail: 700_000,
    gate: 0,
    revealUntil: 1,
  };
  const time = ledger.time + 2 * 3_600_000;
  let plan = await planned(-1_000, time);
  // Until the price has come, the battery is kept; then it is 1 kWh of sun, and 3 kWh of the 4.8 that
  // the battery can spare, in an hour.
  for (let i = 1; plan.payload !== -4; i += 1) {
    site.say(site.topics.prices, prices);
    plan = await planned(-1_000, time + i);
  }
  site.sayGates();
  const sealed = await next("battery-sells-surplus", "sell the surplus");
  assert.deepEqual([sealed.topic, (sealed.payload as { kwh: number }).kwh], ["quote/sealed", 4]);
  const { side, form, slot, gate } = sealed.payload as {
    side: string;
    form: string;
    slot: number;
    gate: number;
  };
  assert.deepEqual([side, form], ["ask", "solar"]);
  assert.ok(site.waiting.some(({ kind }) => kind === "quote-commit"));
  const committed = site.block().events.filter(({ type }) => type === "quote-committed");
  assert.ok(committed.length > 0);

  // The gate closes.
  ledger.time = gate;
  site.block();
  assert.ok(!ledger.source.gates().gates.some((one) => one.slot === slot && one.gate === gate));
  site.sayGates();
  let opened = await next("battery-sells-surplus", "sell the surplus");
  while (opened.topic !== "quote/opened")
    opened = await next("battery-sells-surplus", "sell the surplus");
  assert.ok(site.block().events.some(({ type }) => type === "quote-revealed"));
});

async function planned(watts: number, time: number) {
  sayLive(watts, time);
  return await next("battery-sells-surplus", "what the slot brings");
}

test("a charger draws what a proven order leaves, the unit's word goes back signed, and nothing forged counts", async () => {
  const { orderer, orders } = site;
  const topics = topicsOf(orders.chain);
  const change = () => next("ev-charger-under-order", "only changes");
  const read = (time: number) => {
    const body = { ...live(7_000, time), device: orderedUnit };
    orderer.publish(topics.live(orderedUnit), JSON.stringify(body));
  };
  const charger = async (time: number): Promise<unknown> => {
    read(time);
    return (await change()).payload;
  };
  const say = (payload: Uint8Array) => orderer.publish(topics.commands(orderedUnit), payload);
  const first = await untilHeard(change, () => read(orderedSlot - 1));
  assert.equal(first.payload, 11_000);

  const refused = await untilHeard(
    () => next("ev-charger-under-order", "refused"),
    () => say(Buffer.from("no order")),
  );
  assert.equal((refused.error as { code: string }).code, "flows.order-refused");
  const answered = once(orderer, "frame");
  say(orders.contracted);
  const [kind] = await answered;
  assert.equal(kind, "demand-answer");
  assert.equal(await charger(orderedSlot), 600);
  say(orders.refused);
  assert.equal((await next("ev-charger-under-order", "ended")).order, orderId);
  assert.equal(await charger(orderedSlot + 1), 11_000);
});

test("the feeder's board is a page with sum, chart and meters, behind the password", async () => {
  const time = site.ledger.time + 10 * 3_600_000;
  let sum: unknown;
  for (let i = 0; sum !== -700; i += 1) {
    sayLive(500, time + i, "m-1");
    sayLive(-1_200, time + i, "m-2");
    sum = ((await next("feeder-board", "remember")).payload as { total: number }).total;
  }
  assert.equal((await fetch(`${flows.url}feeder`)).status, 401);
  const authorization = `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`;
  const page = await (await fetch(`${flows.url}feeder`, { headers: { authorization } })).text();
  assert.match(page, /<h1>Feeder: -700 W<\/h1>/);
  assert.match(page, /<polyline [^>]*points="\d+,\d+/);
  assert.match(page, /<th>m-2<\/th><td>-1200 W/);
});

test("an urgent notice reaches the phone at night too, once, however often the site says it", async () => {
  const night = Date.UTC(2026, 5, 1, 23);
  const notice = {
    id: "n1",
    type: "quote-void",
    title: "A quote was void",
    text: "Your quote did not count.",
    time: night,
    event: {},
    proof: {},
  };
  site.notify(notice);
  site.notify(notice);
  const { message, title, topic } = await site.nextPush();
  assert.deepEqual([topic, title, message], ["house", notice.title, notice.text]);
  site.notify({ ...notice, id: "n2", text: "another" });
  assert.equal((await site.nextPush()).message, "another");
});

test("raw registers become a signed reading with a receipt; what cannot be true is refused", async () => {
  await press("modbus-by-hand", "registers");
  const { seq, meter } = await next("modbus-by-hand", "sign");
  assert.deepEqual([seq, meter], [1, "m-2"]);
  const node = example("modbus-by-hand", site).find(({ type }) => type === "inject");
  // The same button with registers that show less than before.
  const __user_inject_props__ = [{ p: "payload", v: "[0,0,0,1,0,0]", vt: "json" }];
  await flows.admin(`inject/${node?.id}`, { method: "POST", body: { __user_inject_props__ } });
  const refused = await next("modbus-by-hand", "refused");
  assert.equal((refused.error as { code: string }).code, "hand.register-fell");
  await flows.admin(`inject/${node?.id}`, {
    method: "POST",
    body: { __user_inject_props__: [{ p: "payload", v: "[1,2]", vt: "json" }] },
  });
  const { error } = await next("modbus-by-hand", "refused");
  assert.match((error as { message: string }).message, /expected 6 registers/);
});

test("yesterday's slots of the ledger tell what another rule would have cost", async () => {
  await press("replay-of-yesterday", "now");
  const { payload, slots } = await next("replay-of-yesterday", "heat by the rule");
  const [below, cheapest] = payload as { rule: string; hours: number; cost: number }[];
  assert.ok(Number(slots) > 1);
  assert.equal(below?.rule, "below the limit");
  assert.ok((cheapest?.hours ?? 0) <= 4 && (cheapest?.cost ?? -1) >= 0);
});

test("the ledger's node signs in as the owner, sees its own, and gets proofs that verify offline", async () => {
  const url = site.environment.BUSBAR_PORTAL;
  const chain = site.aggregator.chain;
  const signer = signerOf(readKeyFile(site.file("owner.json")));
  const portal = new Portal(url, { chain, signer });
  const meters = (await portal.get("meters")) as { owner: string }[];
  assert.ok(meters.length > 0 && meters.every(({ owner }) => owner === site.owner));
  const proof = await portal.proof("proofs/reading?meter=user-1-net&sequence=1");
  const membership = site.file("portal-membership.json");
  const proved = verifyProofOf(Buffer.from(proof), chain, membership);
  assert.deepEqual([proved.kind, proved.chain], ["receipt", chain]);
  const forged = proof.map((byte, i) => (i === proof.length - 9 ? byte ^ 1 : byte));
  assert.throws(() => verifyProofOf(forged, chain, membership));
  for (const garbage of [undefined, 5, "?", "AAAA", {}, new Uint8Array()]) {
    assert.throws(() => verifyProofOf(garbage, chain, membership));
  }
  const foreign = portal.get("meters?owner=user-2");
  await assert.rejects(foreign, { name: "Failure" });
  const stranger = signerOf(openKeyFile(site.file("stranger.json")));
  await assert.rejects(new Portal(url, { chain, signer: stranger }).get("meters"), {
    code: "access.unknown-key",
  });
  await assert.rejects(new Portal(url).get("meters"), { code: "access.sign-in" });
});

test("a meter at this machine is read by the edge's driver, signed, and gets its receipt", async () => {
  const { payload, serial, reading } = await next("meter-here", "meter");
  assert.equal((payload as { power: number }).power, 1_234);
  assert.equal(serial, "4711");
  assert.ok((reading as { values: unknown[] }).values.length > 10);
  assert.equal((await next("meter-here", "sign")).seq, 1);
  assert.equal(
    typeof ((await next("meter-here", "site's state")).payload as { height: number }).height,
    "number",
  );
  // What meters of the flow say is written down as a day to replay, reading and all.
  const day = parseDay("meters.jsonl", readFileSync(site.file("meters.jsonl"), "utf8"));
  const first = day.find((event) => "node" in event && event.node === "meter");
  assert.ok(first !== undefined && "msg" in first);
  assert.equal(first.msg.serial, "4711");
  assert.ok((first.msg.reading as { values: unknown[] }).values.length > 10);
  while (site.aggregator.committed("m-3") === 0) await once(site.aggregator, "frame");
});

test("nodes that share a serial line each hear their own meter, and one at another speed is told so", {
  skip: "skip" in socat && socat.skip,
}, async () => {
  const heard = async (node: string) => {
    const { payload, serial } = await probe.next(`serial/${node}`);
    return [payload, serial];
  };
  for (let round = 0; round < 10; round += 1) {
    assert.deepEqual(await heard("first"), [1_001, "4701"]);
    assert.deepEqual(await heard("second"), [1_002, "4702"]);
    assert.deepEqual(await heard("third"), [1_003, "4703"]);
    assert.deepEqual(await heard("second again"), [1_002, "4702"]);
  }
  await flows.admin("inject/serial-ask", { method: "POST", body: {} });
  const { error } = await probe.next("serial/wrong");
  assert.equal((error as { code: string }).code, "meter.bus-settings");
  assert.deepEqual(await heard("first"), [1_001, "4701"]);
});

test("the editor's buttons: who is on the line, what it shows, what is wrong; not without the right", async () => {
  const place = site.environment.BUSBAR_METER_PLACE;
  const post = async (path: string, body: object) => {
    const response = await flows.admin(`busbar/${path}`, { method: "POST", body });
    return { status: response.status, answer: await response.json() };
  };
  const read = await post("test-read", { place, profile: "eastron-sdm630", unit: "1" });
  assert.equal(read.answer.quantities["power.total"], 1_234);
  assert.equal(read.answer.identity.serialNumber, "4711");
  const scanned = await post("scan", { place, units: "1" });
  assert.ok(
    scanned.answer.found.some(({ unit }: { unit: number }) => unit === 1),
    JSON.stringify(scanned),
  );
  const { answer } = await post("ports", {});
  assert.ok(answer.profiles.some(({ id }: { id: string }) => id === "sml"));
  const flow = await (await flows.admin("flows")).json();
  assert.equal((await post("check", { nodes: flow })).status, 200);
  for (const [path, body, code] of [
    ["test-read", {}, "flows.field-missing"],
    ["test-read", { profile: "x", place: "COM1" }, "flows.place"],
    ["test-read", { profile: "no-such", place }, "meter.profile-unknown"],
    ["scan", { place: "nowhere" }, "flows.place"],
    ["scan", { place, units: "many" }, "usage.units"],
    ["check", { nodes: 5 }, "flows.flow-file"],
    ["check", [], "flows.flow-file"],
  ] as const) {
    const refused = await post(path, body);
    assert.deepEqual([refused.status, refused.answer.code], [400, code], path);
  }
  const { token } = flows;
  flows.token = "";
  for (const path of ["ports", "scan", "test-read", "check"])
    assert.equal((await post0(path)).status, 401);
  flows.token = token;
});

const post0 = (path: string) => flows.admin(`busbar/${path}`, { method: "POST", body: {} });

/** 100 by `npm run test:flows`; each deploy closes and opens every node and connection of all examples. */
const deploys = Number(process.env.BUSBAR_DEPLOYS ?? 10);

test("deploys leak no connection, port, socket, timer or lock, and each is in the audit log", async () => {
  const flow = (await (await flows.admin("flows")).json()) as FlowNode[];
  const deploy = async (info: string) => {
    const tab = flow.map((node, at) => (at === 0 ? { ...node, info } : node));
    assert.ok((await flows.admin("flows", { method: "POST", body: tab })).ok);
  };
  /** Files and sockets, and timers; more than these only for a moment. */
  const held = async () => [flows.handles(), (await inspected.active()).Timeout ?? 0] as const;
  // After one deploy, as after the others: some things begin with the first.
  await deploy("first");
  await settled();
  const [handles, timers] = await held();
  for (let i = 0; i < deploys; i += 1) await deploy(`deploy ${i}`);
  await settled();
  let now = await held();
  // Sockets of connections that were ended stay for a moment, and so do timers of what was asked.
  for (let i = 0; i < 500 && (now[0] > handles + 2 || now[1] > timers + 5); i += 1) {
    await sleep(20);
    now = await held();
  }
  assert.ok(now[0] <= handles + 2, `${handles} → ${now[0]} open files and sockets`);
  assert.ok(now[1] <= timers + 5, `${timers} → ${now[1]} timers`);
  const audit = readFileSync(site.file("user/audit.jsonl"), "utf8").trim().split("\n");
  const noted = audit.map((line) => JSON.parse(line)).filter(({ event }) => event === "deploy");
  assert.ok(noted.length >= deploys);
  const last = noted.at(-1);
  assert.deepEqual([last.user, last.changed[0].fields], ["admin", ["info"]]);
});

/** Resolves when the nodes that a deploy began have read, and so opened what they open. */
async function settled(): Promise<void> {
  probe.forget();
  await next("meter-here", "meter");
  if (site.serialLine !== undefined) await probe.next("serial/third");
}
