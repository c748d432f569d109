import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Failure } from "@busbar/protocol";
import { entry, MeterChain } from "../../aggregator/ledger/test-site.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { listening } from "../support/sockets.ts";
import { parseSoak } from "./arguments.ts";
import { Audit } from "./audit.ts";
import { chartSvg } from "./chart.ts";
import { allKinds, kinds, plan, type Round } from "./plan.ts";
import { whatLacks } from "./recovery.ts";
import { htmlOf, textOf } from "./report.ts";
import type { SoakResult } from "./result.ts";
import type { ProcessSample } from "./sample.ts";

function rounds(seed: number, count: number): Round[] {
  const all = plan(seed, { members: 4, units: 3 });
  return Array.from({ length: count }, () => all.next().value);
}

test("a seed gives the same faults again, and each kind comes before any comes twice", () => {
  assert.deepEqual(rounds(7, 50), rounds(7, 50));
  assert.notDeepEqual(rounds(7, 50), rounds(8, 50));
  for (const seed of [1, 2, 3]) {
    const faults = rounds(seed, 200).flatMap((round) => round.faults);
    const count = new Map<string, number>();
    for (const { kind, victim } of faults) {
      count.set(kind, (count.get(kind) ?? 0) + 1);
      assert.ok(victim < { member: 4, unit: 3, site: 1 }[kinds[kind]]);
    }
    assert.deepEqual([...count.keys()].sort(), [...allKinds].sort());
    const often = [...count.values()];
    // A second fault that befell the first one's victim is left out.
    assert.ok(Math.max(...often) - Math.min(...often) <= 4, String(often));
  }
});

test("two faults at once befall two", () => {
  const pairs = rounds(4, 400).filter(({ faults }) => faults.length === 2);
  assert.ok(pairs.length > 50);
  for (const { faults } of pairs) {
    assert.equal(new Set(faults.map(({ kind, victim }) => `${kinds[kind]} ${victim}`)).size, 2);
  }
});

test("a mistaken command line is refused in words", () => {
  assert.deepEqual(parseSoak(["--hours", "0.1", "--only", "kill unit, clock step"], 5).soak, {
    ...{
      hours: 0.1,
      seed: 5,
      speed: 120,
      withinS: 120,
      out: ".busbar/soak",
      keep: false,
      flows: true,
    },
    only: ["kill unit", "clock step"],
  });
  assert.equal(parseSoak(["--seed", "4294967295"], 5).soak.seed, 2 ** 32 - 1);
  const wrong: readonly (readonly [string[], RegExp])[] = [
    [["--hours", "0"], /--hours: expected a number above 0, at most 1000, got "0"/],
    [["--hours", ""], /--hours/],
    [["--hours", "two"], /got "two"/],
    [["--seed", "-1"], /--seed|ambiguous/],
    [["--seed", "4294967296"], /expected a whole number from 0 to 4294967295/],
    [["--speed", "1e9"], /--speed/],
    [["--only", "kill units"], /did you mean "kill unit"\?/],
    [["--only", ""], /there is no fault ""/],
    [["--nonsense"], /--help says what there is/],
  ];
  for (const [args, message] of wrong) {
    assert.throws(
      () => parseSoak(args, 5),
      (error) =>
        error instanceof Failure && error.code === "cli.usage" && message.test(error.message),
      args.join(" "),
    );
  }
});

/** Blocks of two meters' readings, one batch a block. */
function chainOf(count: number) {
  const meter = new MeterChain("user-a");
  return Array.from({ length: count }, (_, i) => {
    const time = 1_750_000_000_000 + i * 1000;
    return {
      height: i + 1,
      hash: `hash-${i + 1}`,
      frames: [meter.frame(entry(time, i), entry(time + 500, i))],
    };
  });
}

test("chains that are equal, with every reading once, are sound", () => {
  const audit = new Audit();
  const blocks = chainOf(5);
  for (const member of ["one", "two"]) for (const block of blocks) audit.block(member, block);
  assert.deepEqual([audit.problems, audit.blocks, audit.heightOf("two")], [[], 5, 5]);
  // Whose ledger was lost begins anew, at a snapshot.
  audit.forget("two");
  for (const block of blocks.slice(3)) audit.block("two", block);
  assert.deepEqual([audit.problems, audit.end()], [[], []]);
});

test("a block that differs, one that lacks, a reading that lacks, is doubled or another one are noticed", () => {
  const blocks = chainOf(5);
  const [first, second, third] = blocks;
  assert.ok(first && second && third);
  const noticed = (...chain: typeof blocks) => {
    const audit = new Audit();
    for (const block of blocks) audit.block("one", block);
    for (const block of chain) audit.block("two", block);
    return audit.problems.join("\n");
  };
  assert.match(
    noticed(first, { ...second, hash: "other" }),
    /block 2: two has other, one has hash-2/,
  );
  assert.match(noticed(first, third), /two: block 3 follows 1/);
  assert.match(noticed(first, { ...second, frames: third.frames }), /has reading 5 after 2/);
  assert.match(noticed(first, { ...second, frames: first.frames }), /has reading 1 after 2/);
  const other = new MeterChain("user-a").frame(entry(1_750_000_000_000, 9));
  assert.match(
    noticed({ ...first, frames: [other] }),
    /reading user-a-meter 1 is another one in two/,
  );
  assert.match(noticed({ ...first, frames: [new Uint8Array([1, 2])] }), /does not open/);
});

test("a reading of a journal that no ledger holds is noticed at the end", () => {
  const audit = new Audit();
  const blocks = chainOf(2);
  for (const block of blocks.slice(0, 1)) audit.block("one", block);
  assert.deepEqual(audit.end(), []);
  audit.take("user-a-meter", 3);
  assert.deepEqual(audit.end(), ["one: user-a-meter has 2 readings of 3"]);
});

test("what lacks after a fault is said: members, receipts, meters", () => {
  const look = (height: number, taken: number, committed: number) => ({
    heights: new Map([["m", height]]),
    taken: new Map([["a", taken]]),
    committed: new Map([["a", committed]]),
    sums: [],
    queued: 0,
  });
  const expected = { members: ["m"], meters: ["a"] };
  const goal = look(10, 5, 3);
  assert.deepEqual(whatLacks(goal, look(10, 6, 5), expected), []);
  assert.deepEqual(whatLacks(goal, look(9, 5, 4), expected), [
    "m is at height 9 of 10",
    "a was not read since",
  ]);
  assert.deepEqual(whatLacks(goal, look(10, 6, 4), expected), ["a has receipts for 4 of 5"]);
  const nobody = { ...goal, heights: new Map(), taken: new Map() };
  assert.deepEqual(whatLacks(goal, nobody, expected), [
    "m does not answer",
    "a's unit does not answer",
  ]);
});

test("a run's charts hold every process, its faults as marks, and holes where a process was away", () => {
  const one = (name: string, residentMb: number | undefined): ProcessSample => {
    const none = { heapMb: 1, files: 2, diskMb: 3, driftS: 0, height: 4, waiting: undefined };
    return { name, residentMb, ...none, restarts: 0 };
  };
  const samples = Array.from({ length: 1000 }, (_, i) => ({
    second: i * 5,
    processes: [one("aggregator-1", i > 400 && i < 600 ? undefined : i), one("edge-<a>", 7)],
  }));
  const mark = { kind: "kill unit", text: 'kill "it" <now>', second: 10, untilSecond: 12 } as const;
  const result: SoakResult = {
    ...{
      hours: 2,
      seed: 3,
      speed: 120,
      withinS: 120,
      cores: 2,
      seconds: 5000,
      samples,
      blocks: 9,
      readings: 8,
    },
    ...{ marks: [{ ...mark, recoveredMs: 1500 }], end: undefined, leftOut: [], problems: ["bad"] },
    among: ["kill unit", "clock step"],
  };
  const svg = chartSvg(result);
  assert.match(svg, /kill &quot;it&quot; &lt;now>, as before 2 s later/);
  assert.match(svg, /edge-&lt;a>/);
  const [line = ""] = /<path d="[^"]*" stroke="#1f4e8c"/.exec(svg) ?? [];
  assert.equal(line.split("M").length - 1, 2, "one hole, two parts");
  assert.ok(svg.length < 150_000, `${svg.length} characters for any length of a run`);
  assert.match(
    textOf(result),
    /WRONG: bad\n {2}again: npm run soak -- --seed 3 .* --only "kill unit,clock step"/,
  );
  assert.match(textOf(result), /kill unit +1\.5 s/);
  assert.match(htmlOf(result, svg), /<svg/);
  assert.match(chartSvg({ ...result, samples: [], marks: [] }), /<\/svg>/);
});

test("a process' clock is put forward and back, and everything else of a date stays", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "busbar-soak-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const clock = join(folder, "clock");
  writeFileSync(clock, "86400000");
  const script = `console.log(JSON.stringify([
    Date.now(), new Date().getTime(), new Date(5).getTime(), Date.UTC(1970, 0, 2),
    new Date() instanceof Date, Date.parse(Date()) > 0, new (class extends Date {})(7).getTime()]))`;
  const preload = join(import.meta.dirname, "preload.ts");
  const before = Date.now();
  const out = execFileSync(process.execPath, ["--import", preload, "-e", script], {
    env: { ...process.env, BUSBAR_SOAK_CLOCK: clock },
    encoding: "utf8",
  });
  const [now, made, ...rest] = JSON.parse(out);
  for (const time of [now, made]) {
    assert.ok(time >= before + 86_400_000 && time <= Date.now() + 86_400_000);
  }
  assert.deepEqual(rest, [5, 86_400_000, true, true, 7]);
});

test("what is under way on a slow wire arrives in its order when it is slow no more", async (t) => {
  const server = createServer((socket) => socket.pipe(socket));
  const wire = await LinkProxy.open(await listening(server));
  t.after(async () => {
    await wire.close();
    server.close();
  });
  const socket = connect(wire.port, "127.0.0.1");
  await once(socket, "connect");
  const sent = Buffer.from(Array.from({ length: 30_000 }, (_, i) => i % 251));
  const received: Buffer[] = [];
  let bytes = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on("data", (part) => {
    received.push(part);
    bytes += part.length;
    // Some of it is on its way at this moment.
    wire.heal();
    if (bytes === sent.length) resolve();
  });
  wire.slow({ delayMs: 5, bytesPerSecond: 1_000_000 });
  for (let at = 0; at < sent.length; at += 1000) socket.write(sent.subarray(at, at + 1000));
  await promise;
  assert.ok(Buffer.concat(received).equals(sent));
  socket.destroy();
});
