import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openKeyFile } from "@busbar/protocol/node";
import fc from "fast-check";
import type { FlowNode } from "../check/flow.ts";
import { generateCommand } from "../commands/generate.ts";
import { withEnvironment } from "../commands/record.ts";
import { loadFlowsConfig } from "../runtime/config.ts";
import { compareReplays, summary } from "./compare.ts";
import { dayLine, parseDay } from "./day.ts";
import { endsOf, metersByName } from "./headless.ts";
import { reportLines, reportPage } from "./report.ts";
import { stillFlow } from "./stilled.ts";
import { topicsFollowed } from "./topics.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-replay-test-"));
after(() => rmSync(folder, { recursive: true }));
const hour = 3_600_000;
const start = Date.UTC(2026, 5, 1);

test("a recorded line reads back as it was said, JSON or not", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.jsonValue(), (bytes, value) => {
      const said = [Buffer.from(bytes), Buffer.from(JSON.stringify(value))];
      const text = said.map((payload, i) => dayLine(i, "a/b", payload)).join("\n");
      const read = parseDay("day", text).map((event) =>
        "payload" in event ? event.payload : undefined,
      );
      for (const [i, payload] of said.entries()) {
        // JSON is kept as JSON: spaces may go, the value stays.
        if (payload.equals(read[i] ?? Buffer.alloc(0))) continue;
        assert.deepEqual(JSON.parse(String(read[i])), JSON.parse(String(payload)));
      }
    }),
  );
});

test("a day that is none is refused with its line", () => {
  for (const [text, line] of [
    ["", "empty"],
    ["{}", ":1:"],
    ['{"at":1,"topic":"a","payload":1}\nnonsense', ":2:"],
    ['{"at":2,"topic":"a","payload":1}\n{"at":1,"topic":"a","payload":1}', ":2:"],
    ['{"at":-1,"topic":"a","payload":1}', ":1:"],
    ['{"at":1,"topic":"a"}', ":1:"],
  ] as const) {
    assert.throws(
      () => parseDay("day.jsonl", text),
      (error) => {
        assert.equal((error as { code?: string }).code, "flows.day-file");
        return (error as Error).message.includes(line);
      },
    );
  }
});

test("a value holds until the next one: means, hours on and hours apart follow from that", () => {
  const points = (...list: [number, unknown][]) =>
    list.map(([h, value]) => ({ at: start + h * hour, value }));
  const until = start + 24 * hour;
  const old = points([0, false], [6, true], [12, false]);
  assert.deepEqual(summary(old, until), { messages: 3, mean: 0.25, least: 0, most: 1, hoursOn: 6 });
  const now = points([0, false], [7, true], [12, false]);
  const replayed = (list: typeof old) => ({
    ends: new Map([["boiler", list]]),
    stilled: [],
    unheard: 0,
    errors: [],
  });
  const span = { from: start, until };
  const ends = compareReplays(replayed(old), replayed(now), span);
  assert.deepEqual([ends[0]?.hoursApart, ends[0]?.firstApart], [1, start + 6 * hour]);
  const same = compareReplays(replayed(old), replayed(old), span);
  assert.deepEqual([same[0]?.hoursApart, same[0]?.firstApart], [0, undefined]);
  assert.match(
    reportLines(ends).join("\n"),
    /boiler .* 6\.00 → 5\.00 .* 1\.00 .*2026-06-01T06:00Z/,
  );
  const page = reportPage({
    title: "<script>",
    ends,
    before: replayed(old),
    after: replayed(now),
    ...span,
  });
  assert.ok(!page.includes("<script>") && page.includes('class="new"'));
});

test("a meter's word goes to that meter alone, and ends of one name are kept apart", () => {
  const flow: FlowNode[] = [
    { id: "m1", type: "busbar-meter", name: "main", z: "t", wires: [["d1"]] },
    { id: "m2", type: "busbar-meter", name: "roof", meter: "both", z: "t", wires: [["d1"]] },
    { id: "m3", type: "busbar-meter", name: "cellar", meter: "both", z: "t", wires: [["d1"]] },
    { id: "d1", type: "debug", name: "main", z: "t", wires: [] },
    { id: "d2", type: "debug", name: "main", z: "t", wires: [] },
    { id: "d3", type: "debug", name: "roof", z: "t", wires: [] },
  ];
  assert.deepEqual(Object.fromEntries(metersByName(flow)), {
    ...{ main: "m1", roof: "m2", cellar: "m3" },
    ...{ m1: "m1", m2: "m2", m3: "m3" },
  });
  assert.deepEqual([...endsOf(flow).values()], ["main (d1)", "main (d2)", "roof"]);
});

test("a time that no calendar has is no line of a day", () => {
  for (const at of ["1e300", "253402300800000", "-1"]) {
    const line = `{"at":${at},"topic":"t","payload":1}`;
    assert.throws(() => parseDay("day", line), { code: "flows.day-file" });
  }
});

test("nodes that touch the world are stilled; ours and pure ones run", () => {
  const flow: FlowNode[] = [
    { id: "t", type: "tab" },
    { id: "a", type: "inject", z: "t", wires: [["b"]] },
    { id: "b", type: "http request", name: "relay", z: "t", wires: [["c"]] },
    { id: "c", type: "mqtt out", z: "t", broker: "m", wires: [] },
    { id: "m", type: "mqtt-broker" },
    { id: "d", type: "busbar-meter", name: "main", z: "t", wires: [["a"]] },
  ];
  const { flow: still, stilled } = stillFlow(flow);
  assert.deepEqual(stilled, ["relay", "mqtt out", "main"]);
  assert.deepEqual(
    still.map(({ type }) => type),
    ["tab", "inject", "function", "function", "function"],
  );
});

test("a day of readings and prices shows what another limit changes, and touches nothing", () => {
  const key = join(folder, "house.json");
  openKeyFile(key);
  const example = readFileSync(
    join(import.meta.dirname, "../examples/boiler-follows-price.json"),
    "utf8",
  );
  const environment = {
    BUSBAR_BROKER: "mqtt://127.0.0.1:9",
    BUSBAR_SITE: "demo",
    BUSBAR_IDENTITY: "house",
    BUSBAR_KEY_FILE: key,
    BUSBAR_DEVICE: "unit-1",
  };
  const flow = (JSON.parse(example) as FlowNode[]).map((node) =>
    withEnvironment(node, environment),
  );
  const with_ = (below: string) =>
    flow.map((node) =>
      node.type === "tab"
        ? {
            ...node,
            env: (node.env as { name: string }[]).map((one) =>
              one.name === "BOILER_BELOW" ? { ...one, value: below } : one,
            ),
          }
        : node,
    );
  const [oldFile, newFile, dayFile] = ["old.json", "new.json", "day.jsonl"].map((name) =>
    join(folder, name),
  );
  assert.ok(oldFile !== undefined && newFile !== undefined && dayFile !== undefined);
  writeFileSync(oldFile, JSON.stringify(with_("0.55")));
  writeFileSync(newFile, JSON.stringify(with_("0.45")));
  const lines: string[] = [];
  for (let h = 0; h < 24; h += 1) {
    const slot = start + h * hour;
    // Dear by day, cheap before dawn; at five and six a little cheaper still.
    const clearing = h < 4 ? 500_000 : h < 6 ? 400_000 : 650_000;
    const prices = {
      slot,
      start: slot,
      end: slot + hour,
      horizon: "real-time",
      prices: { gu: null, cu: null, gc: null, cg: null },
      clearing,
      feedIn: 300_000,
      retail: 700_000,
    };
    lines.push(dayLine(slot, "busbar/v1/demo/market/prices", Buffer.from(JSON.stringify(prices))));
    const live = {
      meter: "m-1",
      device: "unit-1",
      time: slot + 60_000,
      seq: h + 1,
      quality: 0,
      values: { "1-0:16.7.0": 300 },
      quantities: {},
    };
    lines.push(
      dayLine(slot + 60_000, "busbar/v1/demo/unit-1/live", Buffer.from(JSON.stringify(live))),
    );
  }
  writeFileSync(dayFile, lines.join("\n"));
  const html = join(folder, "report.html");
  const cli = join(import.meta.dirname, "../cli.ts");
  const args = [
    cli,
    "replay",
    newFile,
    "--day",
    dayFile,
    "--against",
    oldFile,
    "--html",
    html,
    "--json",
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  const { ends, errors, unheard } = JSON.parse(stdout) as {
    ends: {
      end: string;
      before: { hoursOn: number };
      after: { hoursOn: number };
      hoursApart: number;
      firstApart: number;
    }[];
    errors: string[];
    unheard: number;
  };
  const boiler = ends.find(({ end }) => end === "boiler");
  assert.deepEqual([errors, unheard], [[], 0]);
  // Readings come a minute after the hour: six cheap hours before, two after.
  assert.equal(boiler?.before.hoursOn, 6);
  assert.equal(boiler?.after.hoursOn, 2);
  assert.equal(boiler?.hoursApart, 4);
  assert.equal(boiler?.firstApart, start + 60_000);
  assert.match(readFileSync(html, "utf8"), /<h2>boiler<\/h2>\n<svg/);
});

test("a flow made from edge.yaml follows its meters, prices, trades and notices, and passes the check", async () => {
  const edge = join(folder, "edge.yaml");
  writeFileSync(
    edge,
    `site: demo
device: { id: unit-1 }
owner: { id: house, key: house.json }
brokers: [{ url: "mqtt://127.0.0.1:1883", id: m1 }]
meters:
  - { id: main, profile: eastron-sdm630, connection: { kind: tcp, host: 127.0.0.1, port: 502 } }
  - { id: roof, profile: eastron-sdm120, connection: { kind: tcp, host: 127.0.0.1, port: 503 }, role: generation }
`,
  );
  const lines: string[] = [];
  generateCommand({ edge }, (line) => lines.push(line));
  const flow = JSON.parse(lines.join("\n")) as FlowNode[];
  const { checkFlow } = await import("../check/check.ts");
  assert.deepEqual(checkFlow(flow), []);
  assert.equal(new Set(flow.map(({ id }) => id)).size, flow.length);
  const site = flow.find(({ type }) => type === "busbar-site");
  assert.ok(site !== undefined);
  assert.deepEqual(
    [site.identity, site.member, site.keyFile],
    ["house", "m1", join(folder, "house.json")],
  );
  assert.deepEqual(topicsFollowed(flow, { id: site.id, site: "demo", identity: "house" }), [
    "busbar/v1/demo/unit-1/live",
    "busbar/v1/demo/market/prices",
    "busbar/v1/demo/owners/house/trades",
    "busbar/v1/demo/owners/house/notices",
  ]);
  const out = join(folder, "flow.json");
  generateCommand({ edge, out }, () => {});
  assert.throws(() => generateCommand({ edge, out }, () => {}), { code: "flows.flow-file" });
  assert.throws(() => generateCommand({ edge: join(folder, "none.yaml") }, () => {}), {
    code: "config.missing",
  });
  // With a configuration, every example finds what it reads; the unit's own key stays the unit's.
  const [made, settings] = [join(folder, "made.json"), join(folder, "flows.yaml")];
  const portal = "http://127.0.0.1:8080";
  generateCommand({ edge, out: made, config: settings, portal }, () => {});
  const { flow: path, userDir, environment } = loadFlowsConfig(settings, {});
  assert.deepEqual([path, userDir], [made, join(folder, "flows-data")]);
  assert.deepEqual(environment, {
    BUSBAR_BROKER: "mqtt://127.0.0.1:1883",
    BUSBAR_SITE: "demo",
    BUSBAR_MEMBER: "m1",
    BUSBAR_IDENTITY: "house",
    BUSBAR_KEY_FILE: join(folder, "house.json"),
    BUSBAR_MEMBERSHIP: join(folder, "membership.json"),
    BUSBAR_DEVICE: "unit-1",
    BUSBAR_METER: "main",
    BUSBAR_PORTAL: portal,
  });
  const again = { edge, out: join(folder, "other.json"), config: settings };
  assert.throws(() => generateCommand(again, () => {}), { code: "flows.flow-file" });
  // No flow is left behind by a command that failed.
  const left = join(folder, "left.json");
  const twice = { edge, out: left, config: settings };
  assert.throws(() => generateCommand(twice, () => {}), { code: "flows.flow-file" });
  assert.ok(!existsSync(left));
  assert.throws(() => generateCommand({ edge, config: settings }, () => {}), {
    code: "flows.field-missing",
  });
  // A unit that quotes by itself, and a flow that does, too, would stand in each other's way.
  const told: string[] = [];
  writeFileSync(edge, `${readFileSync(edge, "utf8")}agent: { enabled: true }\n`);
  generateCommand({ edge, out: join(folder, "beside.json") }, (line) => told.push(line));
  assert.match(told[0] ?? "", /unit-1 quotes by itself/);
  writeFileSync(edge, "site: [");
  assert.throws(() => generateCommand({ edge }, () => {}), { code: "config.invalid" });
});
