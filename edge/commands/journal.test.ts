import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { quality, utcMs } from "@busbar/protocol";
import { decodeFirst } from "cborg";
import { testSigner } from "../../test/support/memory-registry.ts";
import { openDatabase } from "../journal/database.ts";
import { Journal } from "../journal/journal.ts";
import { ReadingsOutbox } from "../journal/readings-outbox.ts";

const cli = fileURLToPath(new URL("../cli.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "busbar-journal-command-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const data = join(folder, "data");
const path = join(data, "journal.db");
const start = Date.parse("2026-06-21T12:00:00Z");

before(() => {
  writeFileSync(
    join(folder, "edge.yaml"),
    `site: demo
device: { id: unit-1 }
owner: { id: anna, party: user, name: Anna, key: owner.key }
data: data
meters:
  - { id: anna-grid, profile: eastron-sdm120, connection: { kind: tcp, host: 127.0.0.1, port: 1 } }
`,
  );
  write(path, 1_200);
});

/** A journal of one meter: 3 readings in batches of two, a gap, and what follows unsigned. */
function write(file: string, more: number): void {
  const journal = new Journal(openDatabase(file), { chain: "demo", signer: testSigner(4) });
  const add = (n: number, registers: Iterable<readonly [string, readonly [number, number]]>) => {
    const entry = {
      time: utcMs(start + n * 60_000),
      clock: n === 3 ? 0x22 : 0x20,
      registers: new Map(registers),
      quality: n === 4 ? quality.gap : quality.measured,
    };
    return { meter: "anna-grid", entry };
  };
  const at = (n: number) =>
    n === 4
      ? []
      : ([["1-0:1.8.0", [5_188_848 + n, -3]] as const, ["1-0:2.8.0", [n, 0]] as const] as const);
  journal.append([1, 2, 3].map((n) => add(n, at(n))));
  journal.seal("anna-grid", 2);
  const outbox = new ReadingsOutbox(journal.database);
  outbox.sent(outbox.pending("anna-grid", 1).map(({ ref }) => ref));
  journal.append(Array.from({ length: more }, (_, i) => add(i + 4, at(i + 4))));
  journal.close();
}

type Outcome = { readonly code: number; readonly out: string; readonly err: string };

function run(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { cwd: folder, maxBuffer: 2 ** 26 } as const;
    execFile(process.execPath, [cli, "journal", ...args], options, (error, out, err) =>
      resolve({
        code: error === null ? 0 : Number(error.code),
        out,
        err,
      }),
    );
  });
}

test("single entries are listed with time, registers, quality, clock and what became of them", async () => {
  const { code, out } = await run("list", "--meter", "anna-grid", "--last", "1203");
  assert.equal(code, 0);
  const lines = out.trim().split("\n");
  assert.ok(lines.every((line) => line.length <= 80));
  assert.deepEqual(
    lines.slice(0, 6).map((line) =>
      line
        .trim()
        .split(/ {2,}/)
        .map((cell) => cell.trim()),
    ),
    [
      ["seq", "time", "import Wh", "export Wh", "quality", "clock", "state"],
      ["1", "2026-06-21T12:01:00Z", "5188.849", "1", "measured", "ntp", "sent"],
      ["2", "2026-06-21T12:02:00Z", "5188.850", "2", "measured", "ntp", "sent"],
      ["3", "2026-06-21T12:03:00Z", "5188.851", "3", "measured", "doubtful", "signed"],
      ["4", "2026-06-21T12:04:00Z", "gap", "ntp", "unsigned"],
      ["5", "2026-06-21T12:05:00Z", "5188.853", "5", "measured", "ntp", "unsigned"],
    ],
  );
  const { entries } = JSON.parse((await run("list", "--meter", "anna-grid", "--json")).out);
  assert.deepEqual([entries.length, entries[0].seq, entries[19].seq], [20, 1184, 1203]);
  const summary = await run("list");
  assert.match(summary.out, /^meter .*\nanna-grid +1203 +0 +1203 +0 +2026-06-22T08:03:00Z\n/);
});

test("CSV and JSON have exact decimals, words and times with their zone", async () => {
  const csv = (await run("export", "--to", "2026-06-21T12:05Z")).out.trim().split("\n");
  assert.deepEqual(csv.slice(0, 2), [
    "meter,seq,time,obis,value,resolution,quality,clock",
    "anna-grid,1,2026-06-21T12:01:00.000Z,1-0:1.8.0,5188.849,0.001,measured,ntp",
  ]);
  assert.equal(csv.at(-1), "anna-grid,4,2026-06-21T12:04:00.000Z,,,,gap,ntp");
  const json = (await run("export", "--format", "json")).out.trim().split("\n");
  assert.equal(json.length, 1203);
  const { seq, registers } = JSON.parse(json[2] ?? "");
  assert.deepEqual([seq, registers], [3, { "1-0:1.8.0": "5188.851", "1-0:2.8.0": "3" }]);
});

test("another CBOR decoder reads the whole sequence, and each chain head follows the last", async () => {
  const file = join(folder, "all.cbor");
  assert.equal((await run("export", "--format", "cbor", "-o", file)).code, 0);
  let rest: Uint8Array = new Uint8Array(readFileSync(file));
  let count = 0;
  while (rest.length > 0) {
    const [message, after] = decodeFirst(rest, { useMaps: true });
    count += 1;
    assert.equal(message.get(1), "anna-grid");
    assert.equal(message.get(2), count);
    const [entry] = message.get(4);
    assert.equal(entry.get(1), start + count * 60_000);
    rest = after;
  }
  assert.equal(count, 1203);
});

test("what is asked wrongly is answered with what is right", async () => {
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [["list", "--meter", "ana-grid"], 2, /did you mean anna-grid\? \[usage\.meter\]/],
    [["list", "--last", "5"], 2, /expected --meter ID and --last/],
    [["list", "--meter", "anna-grid", "--last", "many"], 2, /got --last many/],
    [["export", "--meter", "x"], 2, /no readings of a meter "x"/],
    [["export", "--from", "midsummer"], 2, /expected a date or time like/],
    [["export", "--from", "2026-07-01", "--to", "2026-06-01"], 2, /expected --from before --to/],
    [["export", "--format", "xml"], 2, /Allowed choices are csv, json, cbor/],
    [["verify", "--config", "none.yaml"], 1, /none\.yaml/],
  ];
  for (const [args, code, message] of cases) {
    const outcome = await run(...args);
    assert.equal(outcome.code, code, args.join(" "));
    assert.match(outcome.err, message);
  }
});

test("a folder without a journal, a file that is none, a newer, torn or spoilt one are told apart", async () => {
  const { out, code } = await run("verify");
  assert.equal(code, 0, out);
  assert.match(
    out,
    /1203 readings, 2 batches, 0 receipts \(not checked: no membership file yet\): all/,
  );
  const whole = readFileSync(path);
  const put = (bytes: Uint8Array) => {
    rmSync(data, { recursive: true });
    mkdirSync(data);
    writeFileSync(path, bytes);
  };
  const spoilt = Buffer.from(whole);
  // Inside a reading's payload, where SQLite sees nothing wrong.
  const database = new DatabaseSync(path);
  const row = database.prepare("SELECT payload FROM reading WHERE seq = 600").get();
  database.close();
  const at = spoilt.indexOf(row?.payload as Uint8Array) + 70;
  spoilt[at] = (spoilt[at] ?? 0) ^ 1;
  put(spoilt);
  const found = await run("verify");
  assert.equal(found.code, 1);
  assert.match(found.out, /^anna-grid \d+: .*\[journal\.(chain|row)\]\n {2}→ /m);
  put(whole);
  truncateSync(path, Math.floor(whole.length / 8192) * 4096);
  const torn = await run("verify");
  assert.equal(torn.code, 1);
  assert.match(torn.out + torn.err, /journal set-aside/);
  put(Buffer.from("no database at all, but long enough to look like one".repeat(100)));
  assert.match(
    (await run("list")).err,
    /is damaged, or no journal .*set-aside.*\[journal\.damaged\]/s,
  );
  put(whole);
  const file = openSync(path, "r+");
  writeSync(file, Uint8Array.of(0, 0, 0, 99), 0, 4, 60);
  closeSync(file);
  assert.match((await run("list")).err, /newer busbar-edge/);
  rmSync(data, { recursive: true });
  mkdirSync(data);
  assert.match((await run("export")).err, /there is no journal yet; busbar-edge run begins one/);
  assert.match((await run("set-aside")).err, /no journal to set aside/);
  put(whole);
  const { moved } = JSON.parse((await run("set-aside", "--json")).out);
  assert.match(moved[0], /journal-\d{8}T\d{6}Z\.db$/);
  assert.deepEqual(readFileSync(moved[0]), whole);
  assert.ok(!readdirSync(data).includes("journal.db"));
});
