import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { PulseStore } from "./pulse-store.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-pulses-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const source = { line: "gpiochip0:17", pulsesPerKwh: 1000 };
const pageBytes = 4096;

let copies = 0;

/** The count in a file as it is now, whoever holds it: as after the end of its process. */
function reopened(path: string): number {
  copies += 1;
  const copy = `${path}-${copies}`;
  copyFileSync(path, copy);
  return new PulseStore(copy, source).count;
}

test("a count survives closing and opening", async () => {
  const path = join(folder, "closed");
  const store = new PulseStore(path, source);
  for (let i = 0; i < 7; i += 1) store.add();
  await store.close();
  assert.equal(reopened(path), 7);
});

test("a pulse that was counted is there though nobody closed or synced", () => {
  const path = join(folder, "left");
  const store = new PulseStore(path, source);
  for (let i = 1; i <= 20; i += 1) {
    store.add();
    assert.equal(reopened(path), i);
  }
});

test("whatever a power cut does to records not synced, the last synced count is there", async () => {
  const path = join(folder, "torn");
  const store = new PulseStore(path, source);
  for (let round = 0; round < 12; round += 1) {
    const [syncing] = [store.sync(), store.add(), store.add()];
    const durable = await syncing;
    for (let i = 0; i < round % 4; i += 1) store.add();
    const bytes = readFileSync(path);
    // Each record but the synced one is torn in turn, and all of them together.
    const intact = [0, 1, 2].filter((slot) => countIn(bytes, slot) === durable);
    assert.ok(intact.length > 0, `${durable} is in no record`);
    for (const slot of [0, 1, 2])
      if (slot !== intact[0]) bytes.fill(0x5a, slot * pageBytes + 40, (slot + 1) * pageBytes);
    const copy = join(folder, "torn-copy");
    writeFileSync(copy, bytes);
    assert.equal(reopened(copy), durable);
  }
  await store.close();
});

function countIn(bytes: Buffer, slot: number): number | undefined {
  const page = bytes.subarray(slot * pageBytes, (slot + 1) * pageBytes).toString("latin1");
  const count = /"count":(\d+)/.exec(page)?.[1];
  return count === undefined ? undefined : Number(count);
}

test("a file in which no count can be read is refused, not begun anew", () => {
  const path = join(folder, "damaged");
  writeFileSync(path, Buffer.alloc(3 * pageBytes, 0xff));
  assert.throws(() => reopened(path), { code: "meter.counter-damaged" });
  writeFileSync(path, "");
  assert.throws(() => reopened(path), { code: "meter.counter-damaged" });
});

test("pulses of another line or weight are not added to a count", async () => {
  const path = join(folder, "other");
  await new PulseStore(path, source).close();
  assert.throws(() => new PulseStore(path, { ...source, pulsesPerKwh: 800 }), {
    code: "meter.counter-other",
  });
  assert.throws(() => new PulseStore(path, { ...source, line: "gpiochip0:27" }), {
    code: "meter.counter-other",
  });
});

test("a place that cannot be written is told with what to do", () => {
  const path = join(folder, "file");
  writeFileSync(path, "");
  assert.throws(() => new PulseStore(join(path, "count"), source), {
    code: "meter.counter-unusable",
  });
});

test("a process killed at any instant loses no pulse that it counted", async () => {
  const path = join(folder, "killed");
  const counter = `
    const { PulseStore } = await import(${JSON.stringify(new URL("./pulse-store.ts", import.meta.url).href)});
    const { writeSync } = await import("node:fs");
    const store = new PulseStore(process.argv[1], ${JSON.stringify(source)});
    for (;;) {
      store.add();
      writeSync(1, store.count + "\\n");
      if (store.count % 5 === 0) { store.sync(); await new Promise(setImmediate); }
    }
  `;
  let told = 0;
  for (let round = 0; round < 6; round += 1) {
    const args = ["--input-type=module", "-e", counter, path];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const lines = 20 + 37 * round;
    let seen = 0;
    for await (const text of createInterface({ input: child.stdout })) {
      told = Number(text);
      seen += 1;
      if (seen === lines) child.kill("SIGKILL");
    }
    const count = reopened(path);
    // The last pulse may have been counted and not said.
    assert.ok(count === told || count === told + 1, `${count} of ${told}`);
    told = count;
  }
  assert.ok(told > 500);
});
