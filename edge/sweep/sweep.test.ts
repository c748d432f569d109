import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { program } from "../../test/support/programs.ts";
import {
  device,
  floatRegisters,
  modbusProfile,
  type Registers,
} from "../../test/support/simulated-meter.ts";
import { BusPool } from "../framing/bus-pool.ts";
import { withCrc } from "../framing/modbus/crc16.ts";
import { RtuFramer } from "../framing/modbus/rtu.ts";
import { SerialLine } from "../framing/serial-line.ts";
import { requestOf } from "./ask.ts";
import { nameExchange, nameIdle } from "./exchange.ts";
import { type SweepCode, sweepRemedies } from "./finding.ts";
import { classesOf, histogramLines, histogramSvg } from "./histogram.ts";
import { judgeBus, parityOf } from "./judge.ts";
import { keptOf, parseKept } from "./kept.ts";
import { liveFindings } from "./live.ts";
import { statisticsOf } from "./statistics.ts";
import { type SweptBus, sweepBus } from "./sweep.ts";
import { throughSwappedWires } from "./test-support/swapped-wires.ts";
import { sweptText } from "./text.ts";

const request = requestOf({ unit: 1, function: 3, address: 0, count: 2 });
const answerOf = (unit: number, ...words: number[]) =>
  withCrc(
    Uint8Array.of(unit, 3, 2 * words.length, ...words.flatMap((word) => [word >> 8, word & 0xff])),
  );
const join2 = (...parts: Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));
const named = (bytes: Uint8Array) => nameExchange({ request, bytes, firstMs: 12 });
const none = named(new Uint8Array(0));

test("an exchange is named by what came: answers, a second one, echoes, strays", () => {
  const [first, second] = [answerOf(1, 1, 2), answerOf(1, 3, 4)];
  const damaged = Uint8Array.from(request, (byte, i) => (i === 3 ? byte ^ 1 : byte));
  const noise = Uint8Array.of(0x55, 0xaa);
  const kinds = [
    [new Uint8Array(0), "silent", "none", 0],
    [first, "clean", "none", 0],
    [withCrc(Uint8Array.of(1, 0x83, 2)), "clean", "none", 0],
    [join2(request, first), "clean", "whole", 0],
    [join2(damaged, first), "clean", "damaged", 0],
    [join2(first, second), "twice", "none", 0],
    [join2(noise, first), "mixed", "none", 2],
    [first.subarray(0, 6), "garbled", "none", 6],
  ] as const;
  for (const [bytes, kind, echo, strays] of kinds) {
    const got = named(bytes);
    assert.deepEqual([got.kind, got.echo, got.strays], [kind, echo, strays]);
  }
  assert.deepEqual(named(answerOf(7, 1, 2)).others, [7]);
  assert.equal(named(withCrc(Uint8Array.of(1, 0x83, 2))).hasData, false);
});

test("whatever comes on a line is named, and every byte of it counted once", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.constantFrom(answerOf(1, 1, 2), request, withCrc(Uint8Array.of(1, 0x83, 2))),
  );
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 5 }), (parts) => {
      const all = join2(...parts);
      const { answers, strays, echo } = named(all);
      const inAnswers = answers.reduce((sum, text) => sum + text.length / 2 + 2, 0);
      assert.equal(inAnswers + strays + (echo === "none" ? 0 : request.length), all.length);
      assert.ok(nameIdle(all, 100).levels <= all.length);
    }),
  );
});

const facts = {
  port: undefined,
  isSerial: true,
  idle: nameIdle(new Uint8Array(0), 1000),
  first: statisticsOf([]),
  units: [],
  otherProtocol: false,
};
const codesOf = (changes: Partial<Parameters<typeof judgeBus>[0]>) =>
  judgeBus({ ...facts, ...changes }).map(({ code }) => code);

test("wires A and B swapped: the line rests at the wrong level, and no answer comes through whole", () => {
  const idle = nameIdle(throughSwappedWires(new Uint8Array(0), 120), 1000);
  assert.ok(idle.bytes > 0 && idle.levels === idle.bytes);
  const answers = [1, 2, 3].map((n) => named(throughSwappedWires(answerOf(1, n, 4711), 0)));
  assert.ok(answers.every(({ answers: whole }) => whole.length === 0));
  assert.deepEqual(codesOf({ idle, first: statisticsOf(answers) }), [
    "sweep.swapped",
    "sweep.no-answer",
  ]);
});

test("each kind of trouble has its finding, and a line that is well has none", () => {
  const clean = named(answerOf(1, 1, 2));
  const garbled = named(answerOf(1, 1, 2).subarray(0, 5));
  const unit = (n: number, exchanges: readonly (typeof clean)[]) => ({
    unit: n,
    reads: statisticsOf(exchanges),
  });
  const well = unit(1, [clean, clean]);
  const bad = unit(2, [garbled, garbled, clean]);
  const warnings = [
    "the system's console is on it and writes to the bus: take it off",
    "the Raspberry Pi's mini UART has no parity and a clock that drifts: use another",
  ];
  const asked = join2(request, answerOf(3, 9, 9));
  const table: readonly (readonly [Parameters<typeof codesOf>[0], ...SweepCode[]])[] = [
    [{ units: [well] }],
    [{ units: [well], port: { driver: "x", warnings } }, "sweep.console", "sweep.no-parity"],
    [{ units: [well], idle: nameIdle(asked, 1000) }, "sweep.another-master"],
    [{ units: [well], idle: nameIdle(Uint8Array.of(7, 9), 1000) }, "sweep.noise"],
    [{ units: [well], idle: nameIdle(Uint8Array.of(7), 9), otherProtocol: true }],
    [{ units: [well, bad] }, "sweep.duplicate-address"],
    [{ units: [bad] }, "sweep.garbled"],
    [{ units: [bad, unit(3, [garbled])] }, "sweep.garbled", "sweep.garbled"],
    [{ units: [unit(1, [clean, none])] }, "sweep.silences"],
    [
      { units: [unit(1, [clean, named(answerOf(7, 1, 2))])] },
      "sweep.garbled",
      "sweep.other-answers",
    ],
    [{ first: statisticsOf([none, none]) }, "sweep.silent"],
    [{ first: statisticsOf([named(request)]) }, "sweep.echo-alone"],
    [{ first: statisticsOf([garbled, none]) }, "sweep.no-answer"],
    [{ first: statisticsOf([none]), isSerial: false }],
  ];
  for (const [changes, ...codes] of table) assert.deepEqual(codesOf(changes), codes);
  const serials = statisticsOf([clean, named(answerOf(1, 3, 4))]);
  const [duplicate] = judgeBus({ ...facts, units: [{ ...well, serials }] });
  assert.match(duplicate?.message ?? "", /2 meters share unit id 1: .* 0x00010002 and 0x00030004/);
  const refusals = statisticsOf([named(withCrc(Uint8Array.of(1, 0x83, 2)))]);
  assert.deepEqual(codesOf({ units: [{ ...bad, refusals }] }), ["sweep.duplicate-address"]);
  assert.deepEqual(
    [parityOf("bcm2835-aux-uart"), parityOf("ftdi_sio"), parityOf("something")],
    ["none only", "none, even, odd", undefined],
  );
});

test("a unit that runs tells the same of its lines from what it counts", () => {
  const codes = (counts: Record<string, number>, warnings: string[] = []) =>
    liveFindings(counts, { warnings }).map(({ code }) => code);
  assert.deepEqual(codes({ requests: 100, replies: 99, noiseBytes: 2 }), []);
  const all = { requests: 9, foreign: 1, babble: 1, echoes: 9, noiseBytes: 30, unexpected: 1 };
  assert.deepEqual(codes(all, ["the system's console is on it: take it off"]), [
    "sweep.console",
    "sweep.another-master",
    "sweep.swapped",
    "sweep.echo-alone",
    "sweep.noise",
    "sweep.other-answers",
  ]);
  assert.deepEqual(codes({ requests: 9, replies: 9, echoes: 9 }), ["sweep.echo"]);
});

test("answer times stand in classes, in lines that fit and as a picture", () => {
  const classes = classesOf([12.5, 13, 19, 45, 5000]);
  assert.deepEqual(
    [classes[0], classes.at(-1)?.count, classes.reduce((sum, { count }) => sum + count, 0)],
    [{ from: 12, to: 20, count: 3 }, 1, 5],
  );
  assert.deepEqual(classesOf([]), []);
  assert.deepEqual(classesOf([0]), [{ from: 0, to: 1, count: 1 }]);
  for (const line of histogramLines(classes, 80)) assert.ok(line.length <= 80, line);
  assert.match(histogramLines(classes, 80)[0] ?? "", /12 ms … 20 ms {2}#+ 3$/);
  assert.match(histogramSvg(classes, "x"), /^<svg .*<rect .*<\/svg>$/s);
});

const socat = program("socat", "socat");
const skip = "skip" in socat && socat.skip;
const folder = mkdtempSync(join(tmpdir(), "busbar-sweep-"));
const [ours, theirs] = [join(folder, "ours"), join(folder, "theirs")];
const profile = modbusProfile("eastron-sdm630");

/** What the meters of a line put on it when unit 1 … is asked for registers. */
type Script = (asked: { unit: number; code: number; address: number; count: number }) => Uint8Array;
let script: Script = () => new Uint8Array(0);
const functions = new Set<number>();
let cable: ReturnType<typeof spawn> | undefined;
let far: SerialLine | undefined;

before(async () => {
  if (!("path" in socat)) return;
  const ends = [ours, theirs].map((link) => `pty,raw,echo=0,link=${link}`);
  cable = spawn(socat.path, ends, { stdio: "ignore" });
  while (![ours, theirs].every((link) => existsSync(link))) await new Promise(setImmediate);
  const line = new SerialLine(theirs, { baud: 9600, parity: "none", stopBits: 1 });
  const framer = new RtuFramer();
  const data = (bytes: Uint8Array) => {
    for (const item of framer.push(bytes)) {
      if (item.kind !== "request") continue;
      const { unit, function: code, address = 0, count = 0 } = item;
      functions.add(code);
      line.write(script({ unit, code, address, count }));
    }
  };
  await line.open({ data, lost: () => {} });
  far = line;
});

after(async () => {
  await far?.close();
  cable?.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** An SDM630 with this serial number, at a unit id. */
function meter(serial: number, at = 1): Script {
  const holding: Registers = new Map([
    [0xfc00, serial >> 16],
    [0xfc01, serial & 0xffff],
    [0xfc02, 0x0070],
  ]);
  const registers = floatRegisters(profile);
  // Energies and loads differ from meter to meter.
  registers.set(1, serial & 0xffff);
  const speaks = device(registers, holding);
  return ({ unit, code, address, count }) => {
    if (unit !== at) return new Uint8Array(0);
    const said = speaks(code, address, count);
    if (typeof said === "number") return withCrc(Uint8Array.of(unit, code | 0x80, said));
    const words = said ?? [];
    const bytes = words.flatMap((word) => [word >> 8, word & 0xff]);
    return withCrc(Uint8Array.of(unit, code, bytes.length, ...bytes));
  };
}

/** Two drivers at once: a line is low where one of them pulls it low. */
const together =
  (...scripts: Script[]): Script =>
  (asked) => {
    const said = scripts.map((one) => one(asked)).filter(({ length }) => length > 0);
    const length = Math.max(0, ...said.map((bytes) => bytes.length));
    return Uint8Array.from({ length }, (_, i) =>
      said.reduce((level, bytes) => level & (bytes[i] ?? 0xff), 0xff),
    );
  };

const oneByOne =
  (...scripts: Script[]): Script =>
  (asked) =>
    join2(...scripts.map((one) => one(asked)));

async function swept(next: Script, units = [1, 2]): Promise<SweptBus> {
  script = next;
  return sweepBus(
    { kind: "rtu", path: ours, baud: 9600, parity: "none" },
    {
      ...{ units, profiles: [profile], bus: new BusPool(), effort: "usual", reads: 8 },
      ...{ idleMs: 30, replyMs: 400, settleMs: 30, otherProtocols: false },
      portAt: () => undefined,
    },
  );
}

const codes = ({ findings }: SweptBus) => findings.map(({ code, unit }) => [code, unit]);

test("on a real port: one meter, whole answers, its serial number and its times", {
  skip,
}, async () => {
  const found = await swept(meter(4711));
  assert.deepEqual(codes(found), []);
  const [unit] = found.units;
  assert.deepEqual(
    [found.settings, found.units.length, unit?.unit, unit?.profile, unit?.serialNumber],
    ["9600 8N1", 1, 1, "eastron-sdm630", "4711"],
  );
  assert.equal(unit?.reads.timesMs.length, unit?.reads.counts.clean);
  assert.deepEqual(unit?.serials?.said.length, 1);
  const text = sweptText(found, 80);
  assert.match(text, /unit 1 {2}eastron-sdm630 serial 4711: \d+ of 8 answers whole, half within/);
  assert.match(text, /#+ \d+$/m);
  assert.deepEqual([...functions].toSorted(), [3, 4], "a sweep reads, and does nothing else");
});

test("on a real port: two meters at one address that talk at once, and a neighbour", {
  skip,
}, async () => {
  const both = together(meter(4711), meter(0x00a9_8a53));
  const found = await swept(oneByOne(both, meter(99, 2)));
  assert.deepEqual(codes(found), [["sweep.duplicate-address", 1]]);
  assert.match(found.findings[0]?.message ?? "", /what both say alike comes whole/);
  const [one, two] = found.units;
  assert.ok((one?.reads.counts.garbled ?? 0) >= 6);
  assert.deepEqual([two?.serialNumber, two?.reads.counts.garbled], ["99", 0]);
  const alone = await swept(both, [1]);
  assert.deepEqual(codes(alone), [["sweep.duplicate-address", 1]]);
});

test("on a real port: two meters at one address, the slower one answers behind the other", {
  skip,
}, async () => {
  const found = await swept(oneByOne(meter(4711), meter(4712)), [1]);
  assert.deepEqual(codes(found), [["sweep.duplicate-address", 1]]);
  assert.match(found.findings[0]?.message ?? "", /serial number it said 0x00001267 and 0x00001268/);
  let turn = 0;
  const byTurns: Script = (asked) => (turn++ % 2 === 0 ? meter(4711) : meter(4712))(asked);
  assert.deepEqual(codes(await swept(byTurns, [1])), [["sweep.duplicate-address", 1]]);
});

test("on a real port: an adapter that echoes, with a meter and without one", { skip }, async () => {
  const echo = ({ unit, code, address, count }: Parameters<Script>[0]) =>
    requestOf({ unit, function: code === 4 ? 4 : 3, address, count });
  const found = await swept(oneByOne(echo, meter(4711)));
  assert.deepEqual(codes(found), [["sweep.echo", undefined]]);
  assert.equal(found.units[0]?.reads.counts.garbled, 0);
  assert.deepEqual(codes(await swept(echo)), [["sweep.echo-alone", undefined]]);
});

test("on a real port: stray bytes around the answers, and nobody there", { skip }, async () => {
  let turn = 0;
  const noise: Script = () => Uint8Array.of(0x5a, turn++ & 0xff, 0xa5);
  const noisy = await swept(oneByOne(noise, meter(4711), noise), [1]);
  assert.deepEqual(codes(noisy), [["sweep.garbled", 1]]);
  assert.ok((noisy.units[0]?.reads.counts.mixed ?? 0) >= 6);
  assert.deepEqual(codes(await swept(() => new Uint8Array(0))), [["sweep.silent", undefined]]);
});

test("the command judges, keeps what it found beside the unit, and changes nothing", {
  skip,
}, async () => {
  script = oneByOne(meter(4711), meter(4712));
  functions.clear();
  const config = join(folder, "edge.yaml");
  writeFileSync(
    config,
    `site: demo
device: { id: unit-1 }
owner: { id: anna, key: owner.key }
meters:
  - { id: m, profile: eastron-sdm630, connection: { kind: rtu, path: ${ours} } }
`,
  );
  const args = [
    "sweep",
    ours,
    "--baud",
    "9600",
    "--parity",
    "none",
    "--units",
    "1",
    "--reads",
    "5",
  ];
  const { code, out } = await new Promise<{ code: unknown; out: string }>((resolve) => {
    const cli = fileURLToPath(new URL("../cli.ts", import.meta.url));
    const options = ["--modbus-only", "--config", config, "--json"];
    execFile(process.execPath, [cli, ...args, ...options], (error, stdout) =>
      resolve({ code: error?.code ?? 0, out: stdout }),
    );
  });
  assert.equal(code, 1, out);
  const { buses, kept } = JSON.parse(out) as { buses: SweptBus[]; kept: string };
  assert.deepEqual(buses.map(codes), [[["sweep.duplicate-address", 1]]]);
  assert.deepEqual([...functions].toSorted(), [3, 4]);
  const read = parseKept(readFileSync(kept, "utf8"));
  assert.deepEqual(read?.buses, keptOf(buses, "").buses);
});

test("what is kept of a sweep is read back, and no other file is", () => {
  const good = JSON.stringify(keptOf([], "2026-11-28T12:00:00Z"));
  assert.ok(parseKept(good));
  const bad = ["", "{", "null", "[]", '{"form":"busbar-sweep-1"}', good.replace("[]", "[{}]")];
  for (const text of bad) assert.equal(parseKept(text), undefined, text);
  fc.assert(fc.property(fc.json(), (text) => assert.equal(parseKept(text), undefined)));
});

test("every code of a sweep stands in the page that says what to do, and no other one", () => {
  const page = readFileSync(new URL("../TROUBLESHOOTING.md", import.meta.url), "utf8");
  const told = [...page.matchAll(/`(sweep\.[a-z-]+)`/g)].map(([, code]) => code);
  assert.deepEqual(new Set(told), new Set(Object.keys(sweepRemedies)));
});
