import assert from "node:assert/strict";
import { test } from "node:test";
import { type Device, FaultLine } from "../../../test/support/fault-line.ts";
import { seededRandom, VirtualTimers } from "../test-support/virtual-timers.ts";
import { sleep } from "../timers.ts";
import { withCrc } from "./crc16.ts";
import { GuardedPort } from "./guarded-port.ts";
import type { ReadReply } from "./requests.ts";

/** What register `address` of `unit` holds: no two are alike. */
const valueAt = (unit: number, address: number) => (unit * 4099 + address * 31 + 7) & 0xffff;

const meter =
  (unit: number): Device =>
  (_code, address, count) =>
    Array.from({ length: count }, (_, i) => valueAt(unit, address + i));

/** The frame in which a unit answers its registers. */
function answerOf(unit: number, address: number, count: number): Uint8Array {
  const words = Array.from({ length: count }, (_, i) => valueAt(unit, address + i));
  const bytes = words.flatMap((word) => [word >>> 8, word & 0xff]);
  return withCrc(Uint8Array.of(unit, 4, bytes.length, ...bytes));
}

function bench(seed = 1, framing: "rtu" | "tcp" = "rtu") {
  const timers = new VirtualTimers();
  const random = seededRandom(seed);
  const line = new FaultLine(timers, random, framing);
  const port = new GuardedPort({
    name: "bus",
    line,
    framing,
    baud: framing === "tcp" ? undefined : 9600,
    timers,
    random,
    replyMs: 200,
  });
  const read = (unit: number, address: number, count = 2, maxRegisters = 80) =>
    port.read({ unit, function: 4, address, count, maxRegisters, evenCount: true });
  return { timers, random, line, port, read };
}

function assertRight(reply: ReadReply, unit: number, address: number, count: number): void {
  assert.ok(reply.ok, "an answer with values");
  assert.deepEqual(
    reply.registers,
    Array.from({ length: count }, (_, i) => valueAt(unit, address + i)),
  );
}

/** Reads random registers of three units, one of them dead; every value given must be right. */
async function readMany(faults: FaultLine["faults"], reads: number, seed: number): Promise<number> {
  const { timers, random, line, port, read } = bench(seed);
  line.devices.set(1, meter(1)).set(2, meter(2));
  line.faults = faults;
  let right = 0;
  for (let i = 0; i < reads; i += 1) {
    const unit = random() < 0.02 ? 3 : 1 + Math.floor(random() * 2);
    const address = 2 * Math.floor(random() * 60);
    const count = random() < 0.7 ? 2 : 2 * (1 + Math.floor(random() * 30));
    const reply = await timers.run(read(unit, address, count).catch(() => undefined));
    if (reply === undefined) continue;
    assertRight(reply, unit, address, count);
    right += 1;
  }
  await timers.run(port.close());
  return right;
}

test("a healthy bus gives every value", async () => {
  assert.ok((await readMany({}, 200, 1)) >= 190);
});

test("2 000 reads under every fault at once give no wrong value and many right ones", async () => {
  const faults: FaultLine["faults"] = {
    late: 0.05,
    dropped: 0.02,
    cut: 0.04,
    damaged: 0.04,
    noise: 0.1,
    merged: 0.04,
    repeated: 0.02,
    wrongUnit: 0.02,
    echo: 1,
  };
  const right = await readMany(faults, 2000, 7);
  assert.ok(right > 1400, `${right} of 2000 reads answered`);
});

test("a late answer on a busy bus is not given to the reads behind it", async () => {
  const { timers, line, port, read } = bench();
  line.devices.set(1, meter(1));
  line.faults = { late: 1, lateMs: [280, 280] };
  const slow = read(1, 0).catch((error: unknown) => error);
  const next = [72, 74, 76].map((address) => read(1, address));
  assert.match(String(await timers.run(slow)), /did not answer/);
  line.faults = {};
  for (const [i, reply] of next.entries()) {
    assertRight(await timers.run(reply), 1, 72 + 2 * i, 2);
  }
  assert.ok(port.counters.late >= 1);
});

test("an answer that is 20 s late is not given to a read of other registers", async () => {
  const { timers, line, port, read } = bench();
  await timers.run(read(1, 0).catch(() => undefined));
  line.devices.set(1, meter(1));
  await timers.run(sleep(timers, 20_000));
  const reading = read(1, 72);
  // Ahead of the answer of registers 72 and 73, which comes 8 ms after the request.
  timers.after(4, () => line.inject(answerOf(1, 0, 2)));
  assertRight(await timers.run(reading), 1, 72, 2);
  assert.equal(port.counters.late, 1);
});

test("reads of one unit at the same time each get their own registers", async () => {
  const { timers, line, read } = bench();
  line.devices.set(1, meter(1));
  const replies = await timers.run(Promise.all([0, 72, 74].map((address) => read(1, address))));
  for (const [i, reply] of replies.entries()) assertRight(reply, 1, [0, 72, 74][i] ?? 0, 2);
});

test("an answer repeated by a gateway does not pass for the next one", async () => {
  const { timers, line, read } = bench();
  line.devices.set(1, meter(1));
  line.faults = { repeated: 1, repeatMs: [25, 25] };
  for (const address of [0, 8, 16, 24]) {
    assertRight(await timers.run(read(1, address)), 1, address, 2);
  }
});

test("an adapter that echoes is read as well, and the echo is counted", async () => {
  const { timers, line, port, read } = bench();
  line.devices.set(1, meter(1));
  line.faults = { echo: 1 };
  assertRight(await timers.run(read(1, 4)), 1, 4, 2);
  assertRight(await timers.run(read(1, 6)), 1, 6, 2);
  assert.equal(port.counters.echoes, 2);
  assert.equal(port.counters.noiseBytes, 0);
});

test("bytes from before a request are counted and not taken for its answer", async () => {
  const { timers, line, port, read } = bench();
  line.devices.set(1, meter(1));
  await timers.run(read(1, 0));
  // An answer to registers 0 and 1, unasked, while the next read is about registers 10 and 11.
  line.inject(answerOf(1, 0, 2));
  assertRight(await timers.run(read(1, 10)), 1, 10, 2);
  assert.equal(port.counters.repeated, 1);
});

test("a dead neighbour costs its own timeout and a short quarantine only", async () => {
  const { timers, line, read } = bench();
  line.devices.set(1, meter(1));
  const dead = read(9, 0).catch(() => undefined);
  const alive = read(1, 0);
  await timers.run(dead);
  const from = timers.now();
  assertRight(await timers.run(alive), 1, 0, 2);
  assert.ok(timers.now() - from < 150, `${timers.now() - from} ms`);
});

test("an exception is an answer of the unit, at once", async () => {
  const { timers, line, port, read } = bench();
  line.devices.set(1, () => 2);
  const reply = await timers.run(read(1, 0));
  assert.ok(!reply.ok);
  assert.deepEqual([reply.exception, reply.suspect], [2, false]);
  assert.equal(port.counters.exceptions, 1);
});

test("an exception after an unanswered read is suspect, for it may belong to that", async () => {
  const { timers, line, read } = bench();
  line.devices.set(1, () => undefined);
  await timers.run(read(1, 0).catch(() => undefined));
  line.devices.set(1, () => 2);
  const reply = await timers.run(read(1, 20));
  assert.ok(!reply.ok && reply.suspect);
  await timers.run(sleep(timers, 31_000));
  const later = await timers.run(read(1, 20));
  assert.ok(!later.ok && !later.suspect);
});

test("when no length tells two reads apart, the second is refused until the doubt is over", async () => {
  const { timers, line, read } = bench();
  line.devices.set(1, () => undefined);
  await timers.run(read(1, 0, 2, 2).catch(() => undefined));
  line.devices.set(1, meter(1));
  await assert.rejects(timers.run(read(1, 20, 2, 2)), { code: "meter.suspect" });
  await timers.run(sleep(timers, 31_000));
  assertRight(await timers.run(read(1, 20, 2, 2)), 1, 20, 2);
});

test("registers behind the last one do not keep a read from being told apart", async () => {
  const { timers, line, read } = bench();
  line.devices.set(1, (code, address, count) =>
    address + count > 6 ? 2 : meter(1)(code, address, count),
  );
  assertRight(await timers.run(read(1, 2)), 1, 2, 2);
  assertRight(await timers.run(read(1, 4)), 1, 4, 2);
});

test("an unplugged adapter fails its read at once and is opened again when it is back", async () => {
  const { timers, line, port, read } = bench();
  line.devices.set(1, meter(1));
  await timers.run(read(1, 0));
  const cut = read(1, 0);
  // Behind the silence before the request, ahead of the answer.
  timers.after(6, () => line.unplug());
  await assert.rejects(timers.run(cut), { code: "meter.port-lost", retry: "later" });
  await assert.rejects(timers.run(read(1, 0)), { code: "meter.port-away" });
  await timers.run(sleep(timers, 600));
  await assert.rejects(timers.run(read(1, 0)), { code: "meter.port-missing" });
  line.present = true;
  await timers.run(sleep(timers, 2000));
  assertRight(await timers.run(read(1, 0)), 1, 0, 2);
  assert.deepEqual([port.counters.opens, port.counters.lost], [2, 1]);
});

test("a closed port refuses reads and fails the one under way", async () => {
  const { timers, read, port } = bench();
  const reading = read(1, 0).catch((error: unknown) => error);
  timers.after(50, () => void port.close());
  assert.match(String(await timers.run(reading)), /was closed/);
  await assert.rejects(timers.run(read(1, 0)), { code: "meter.bus-closed" });
});

test("a line that never falls silent is asked all the same, and said to babble", async () => {
  const { timers, line, port, read } = bench();
  line.devices.set(1, meter(1));
  await timers.run(read(9, 0).catch(() => undefined));
  const babble = () => {
    line.inject(Uint8Array.of(0xff));
    if (port.counters.babble === 0) timers.after(1, babble);
  };
  babble();
  assertRight(await timers.run(read(1, 0)), 1, 0, 2);
  assert.equal(port.counters.babble, 1);
});

test("more waiting reads than a bus can carry are refused", async () => {
  const { timers, read } = bench();
  const all = Array.from({ length: 300 }, () => read(9, 0).catch((error: unknown) => error));
  assert.match(String(await timers.run(all.at(-1) ?? Promise.resolve())), /poll its meters less/);
});

test("the turnaround of each unit is learned", async () => {
  const { timers, line, port, read } = bench();
  line.devices.set(1, meter(1));
  for (let i = 0; i < 30; i += 1) await timers.run(read(1, 0));
  // The line delivers 11 ms after the request; at 9600 baud 17 bytes take longer than that.
  assert.equal(port.turnaroundMs(1), 0);
  assert.equal(port.turnaroundMs(2), 20);
});

test("another master's read of the same unit is not answered to us", async () => {
  const { timers, line, port, read } = bench();
  line.devices.set(1, meter(1));
  line.faults = { foreign: 1 };
  for (const address of [0, 8, 16]) assertRight(await timers.run(read(1, address)), 1, address, 2);
  line.faults = {};
  // Its question came before ours, and its answer after it.
  line.inject(withCrc(Uint8Array.of(1, 4, 0, 60, 0, 2)));
  const reading = read(1, 30);
  timers.after(10, () => line.inject(answerOf(1, 60, 2)));
  assertRight(await timers.run(reading), 1, 30, 2);
  assert.equal(port.counters.foreign, 4);
});

test("once an answer came twice, a read is told from its own last answer too", async () => {
  const { timers, line, port, read } = bench();
  let now = 0;
  line.devices.set(1, (_code, _address, count) => Array.from({ length: count }, () => now));
  await timers.run(read(1, 0));
  line.inject(withCrc(Uint8Array.of(1, 4, 4, 0, 0, 0, 0)));
  await timers.run(read(1, 20));
  assert.equal(port.counters.repeated, 1);
  now = 7;
  const reading = read(1, 20);
  timers.after(6, () => line.inject(withCrc(Uint8Array.of(1, 4, 4, 0, 0, 0, 0))));
  assert.deepEqual(await timers.run(reading), { ok: true, registers: [7, 7] });
});

test("a read is parted between values only, and where it may not be parted it waits", async () => {
  const { timers, line, port } = bench();
  await timers.run(port.read({ ...whole, address: 0, cuts: [] }).catch((error: unknown) => error));
  line.devices.set(1, meter(1));
  await assert.rejects(timers.run(port.read({ ...whole, address: 12, cuts: [] })), {
    code: "meter.suspect",
  });
  line.written.length = 0;
  const reply = await timers.run(port.read({ ...whole, address: 12, cuts: [12, 14, 20, 22] }));
  assertRight(reply, 1, 12, 8);
  const parts = line.written.map((bytes) => [bytes[3], bytes[5]]);
  assert.deepEqual(parts, [
    [12, 2],
    [14, 6],
  ]);
});

/** A read that cannot be lengthened. */
const whole = { unit: 1, function: 4, count: 8, maxRegisters: 8, evenCount: true } as const;

test("a length that the unit refused is not tried again, until another meter may be there", async () => {
  const { timers, line, port, read } = bench();
  const all = meter(1);
  // Two blocks of four registers with nothing behind them: both answers look alike.
  line.devices.set(1, (code, address, count) => (count > 4 ? 2 : all(code, address, count)));
  const cycle = async () => {
    for (const address of [0, 72])
      assertRight(await timers.run(read(1, address, 4)), 1, address, 4);
    return port.counters.exceptions;
  };
  const refused = await cycle();
  assert.ok(refused > 0);
  const learned = await cycle();
  for (let i = 0; i < 5; i += 1) assert.equal(await cycle(), learned);
  line.devices.set(1, all);
  await timers.run(sleep(timers, 600_000));
  await cycle();
  const { lengthened } = port.counters;
  await cycle();
  assert.ok(port.counters.lengthened > lengthened);
  assert.equal(port.counters.exceptions, learned);
});

test("what spans a silence of the line is no answer, whatever its checksum", async () => {
  const answer = answerOf(1, 0, 2);
  const parted = async (gapMs: number) => {
    const { timers, line, read } = bench();
    const reading = read(1, 0).catch((error: unknown) => error);
    timers.after(40, () => line.inject(answer.subarray(0, 5)));
    timers.after(40 + gapMs, () => line.inject(answer.subarray(5)));
    return timers.run(reading);
  };
  assert.match(String(await parted(60)), /did not answer/);
  assertRight((await parted(30)) as ReadReply, 1, 0, 2);
});

test("by TCP, a gateway that gives a late answer to the next request is found out", async () => {
  const { timers, line, port, read } = bench(1, "tcp");
  line.devices.set(1, meter(1));
  line.faults = { crossed: 1 };
  await assert.rejects(timers.run(read(1, 0)), { code: "meter.timeout" });
  line.faults = {};
  await assert.rejects(timers.run(read(1, 72)), { code: "meter.timeout" });
  assert.equal(port.counters.unexpected, 1);
  assertRight(await timers.run(read(1, 72)), 1, 72, 2);
});

test("a network connection that brings nothing any more is made anew at the next read", async () => {
  const { timers, line, port, read } = bench(1, "tcp");
  line.devices.set(1, meter(1));
  assertRight(await timers.run(read(1, 0)), 1, 0, 2);
  line.faults = { dropped: 1 };
  for (let i = 0; i < 2; i += 1) {
    await assert.rejects(timers.run(read(1, 0)), { code: "meter.timeout" });
  }
  assert.deepEqual([port.counters.opens, port.counters.abandoned], [1, 1]);
  line.faults = {};
  assertRight(await timers.run(read(1, 4)), 1, 4, 2);
  assert.equal(port.counters.opens, 2);
});

test("a reply whose beginning passes for another master's request is a reply", async () => {
  const { timers, line, port, read } = bench();
  // The seventh byte is the low byte of the checksum of the six before it, as in one reply of 256.
  for (let high = 0; high < 256; high += 1) {
    const six = Uint8Array.of(1, 4, 4, high, 0, 1);
    const value = withCrc(six)[6] ?? 0;
    line.devices.set(1, () => [high << 8, (1 << 8) | value]);
    const reply = await timers.run(read(1, 0));
    assert.deepEqual(reply, { ok: true, registers: [high << 8, 256 | value] });
  }
  assert.equal(port.counters.foreign, 0);
});

/** A unit whose holding registers can be written. */
function writable(registers: Map<number, number>): Device {
  return (code, address, count) => {
    if (code === 3) return Array.from({ length: count }, (_, i) => registers.get(address + i) ?? 0);
    if (!registers.has(address)) return 2;
    registers.set(address, count);
    return [];
  };
}

for (const framing of ["rtu", "tcp"] as const) {
  test(`a register is written by ${framing}, between reads, and an exception says which`, async () => {
    const { timers, line, port, read } = bench(3, framing);
    const registers = new Map([[40, 0]]);
    line.devices.set(1, meter(1)).set(2, writable(registers));
    const write = (code: 6 | 16, address: number, value: number) =>
      port.write({ unit: 2, function: code, address, value });
    const all = [read(1, 0), write(6, 40, 4711), read(1, 2), write(16, 40, 65_535)] as const;
    assertRight(await timers.run(all[0]), 1, 0, 2);
    assert.deepEqual(await timers.run(all[1]), { ok: true });
    assert.equal(registers.get(40), 4711);
    assertRight(await timers.run(all[2]), 1, 2, 2);
    assert.deepEqual(await timers.run(all[3]), { ok: true });
    assert.equal(registers.get(40), 65_535);
    const refused = await timers.run(write(6, 41, 1));
    assert.ok(!refused.ok && refused.exception === 2);
    line.devices.delete(2);
    const gone = await timers.run(write(6, 40, 1).catch(() => undefined));
    assert.notEqual(gone?.ok, true);
  });
}

test("under faults a write that is read back is a write that was done, and reads stay right", async () => {
  const { timers, random, line, port, read } = bench(11);
  const registers = new Map([[40, 0]]);
  line.devices.set(1, meter(1)).set(2, writable(registers));
  line.faults = {
    late: 0.05,
    dropped: 0.05,
    cut: 0.05,
    damaged: 0.05,
    noise: 0.1,
    repeated: 0.05,
    echo: 1,
  };
  let done = 0;
  for (let i = 1; i <= 300; i += 1) {
    const value = 1 + Math.floor(random() * 60_000);
    const code = i % 2 === 0 ? 6 : 16;
    const write = { unit: 2, function: code, address: 40, value } as const;
    await timers.run(port.write(write).catch(() => undefined));
    const back = { unit: 2, function: 3, address: 40, count: 1 } as const;
    const shown = await timers.run(
      port.read({ ...back, maxRegisters: 8, evenCount: false }).catch(() => undefined),
    );
    // An answer, and all the more an echo, may be of an earlier write; what is read back is not.
    if (shown?.ok && shown.registers[0] === value) {
      done += 1;
      assert.equal(registers.get(40), value);
    }
    const address = 2 * (i % 60);
    const other = await timers.run(read(1, address).catch(() => undefined));
    if (other !== undefined) assertRight(other, 1, address, 2);
  }
  assert.ok(done > 150, `${done} of 300 writes done`);
});
