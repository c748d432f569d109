import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { exposition } from "./exposition.ts";
import { metricsText } from "./metrics.ts";
import { now, sickStatus, statusOfTest } from "./test-support/status.ts";

type Parsed = {
  readonly types: ReadonlyMap<string, string>;
  readonly samples: readonly { name: string; labels: Record<string, string>; value: number }[];
};

/** Prometheus' text format 0.0.4, read strictly. Throws for what Prometheus would refuse. */
function parse(text: string): Parsed {
  assert.ok(text === "" || text.endsWith("\n"));
  const types = new Map<string, string>();
  const helped = new Set<string>();
  const samples: Parsed["samples"][number][] = [];
  const seen = new Set<string>();
  for (const line of text.split("\n").slice(0, -1)) {
    const comment = /^# (HELP|TYPE) ([a-z_:][a-z0-9_:]*) (.+)$/i.exec(line);
    if (comment !== null) {
      const [, kind, name = "", rest = ""] = comment;
      const known = kind === "HELP" ? helped.has(name) : types.has(name);
      assert.ok(!known, `${name} is described twice`);
      if (kind === "HELP") helped.add(name);
      else types.set(name, rest);
      continue;
    }
    const sample = /^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)$/i.exec(line);
    assert.ok(sample !== null, `not a sample: ${line}`);
    const [, name = "", list = "", number = ""] = sample;
    const labels: Record<string, string> = {};
    let rest = list;
    while (rest !== "") {
      const label = /^([a-z_][a-z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"(?:,|$)/i.exec(rest);
      assert.ok(label !== null, `not a label: ${rest}`);
      const [all, key = "", value = ""] = label;
      labels[key] = value.replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));
      rest = rest.slice(all.length);
    }
    const id = `${name}${JSON.stringify(Object.entries(labels).sort())}`;
    assert.ok(!seen.has(id), `twice: ${line}`);
    seen.add(id);
    const value = number === "+Inf" ? Number.POSITIVE_INFINITY : Number(number);
    assert.ok(!Number.isNaN(value), line);
    samples.push({ name, labels, value });
  }
  return { types, samples };
}

const units = [
  "bytes",
  "seconds",
  "watts",
  "watthours",
  "volts",
  "amperes",
  "hertz",
  "info",
  "ready",
  "up",
];
const things = [
  "waiting",
  "readings",
  "reads",
  "failures",
  "row",
  "flight",
  "receipts",
  "events",
  "committed",
  "refused",
  "known",
  "held",
];

test("every metric is well formed, described once, and its name ends in its unit", () => {
  for (const status of [statusOfTest(), sickStatus("x")]) {
    const { types, samples } = parse(metricsText(status, now));
    for (const [name, type] of types) {
      const bare = name.replace(/_total$/, "");
      assert.equal(name.endsWith("_total"), type === "counter", name);
      assert.ok([...units, ...things].includes(bare.split("_").at(-1) ?? ""), name);
    }
    for (const { name } of samples) {
      const family = name.replace(/_(bucket|sum|count)$/, "");
      assert.ok(types.has(name) || types.get(family) === "histogram", name);
    }
  }
});

test("what an operator watches is there, by meter", () => {
  const { samples } = parse(metricsText(statusOfTest(), now));
  const of = (name: string, labels: Record<string, string> = {}) =>
    samples.find(
      (sample) =>
        sample.name === `busbar_edge_${name}` &&
        Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )?.value;
  const meter = { meter: "anna-grid" };
  assert.equal(of("meter_reading_age_seconds", meter), 4);
  assert.equal(of("meter_power_watts", meter), -1250.4);
  assert.equal(of("meter_energy_watthours_total", { ...meter, obis: "1-0:1.8.0" }), 12_345_678);
  assert.equal(of("meter_read_seconds_bucket", { ...meter, le: "0.5" }), 61);
  assert.equal(of("meter_read_seconds_bucket", { ...meter, le: "+Inf" }), 61);
  assert.equal(of("meter_read_seconds_count", meter), 61);
  assert.equal(of("queue_age_seconds", meter), 90);
  assert.equal(of("receipt_wait_seconds_total"), 2.31);
  assert.equal(of("disk_free_bytes"), 24 * 2 ** 30);
  assert.equal(of("cpu_seconds_total"), 12.5);
  assert.equal(of("bus_events_total", { event: "timeouts" }), 1);
});

test("any text in a label comes back as it was", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      const family = { name: "x", type: "gauge", help: `${text}.` } as const;
      const out = exposition([{ ...family, samples: [{ labels: { text }, value: 1 }] }]);
      // Line ends other than \\n are none to Prometheus.
      fc.pre(!/[\r\u2028\u2029]/.test(text));
      assert.equal(parse(out).samples[0]?.labels.text, text);
    }),
  );
  assert.match(
    exposition([
      { name: "x", type: "gauge", help: "h", samples: [{ labels: { t: 'a"\\\n\té' }, value: 1 }] },
    ]),
    /x\{t="a\\"\\\\\\n\té"\} 1/,
  );
});
