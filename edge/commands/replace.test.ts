import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { quality, utcMs } from "@busbar/protocol";
import { openKeyFile, signerOf } from "@busbar/protocol/node";
import { lockFolder, openDatabase } from "../journal/database.ts";
import { Journal } from "../journal/journal.ts";
import { verifyJournal } from "../journal/verify.ts";
import { MeterMemory } from "../schedule/memory.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-replace-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const cli = new URL("../cli.ts", import.meta.url).pathname;
const config = join(folder, "edge.yaml");
const data = join(folder, "data");
const siteMs = Date.UTC(2026, 5, 21, 12);

/** A unit that stands still, whose meter showed 500.0 kWh a minute ago. */
writeFileSync(
  join(folder, "clock.json"),
  JSON.stringify({ originWallMs: Date.now(), originSiteMs: siteMs, speed: 1 }),
);
writeFileSync(
  config,
  `site: demo
device: { id: unit }
owner: { id: house }
clock: { kind: file, path: clock.json }
meters:
  - { id: net, profile: eastron-sdm630, connection: { kind: tcp, host: 127.0.0.1, port: 1 } }
`,
);
const signer = signerOf(openKeyFile(join(folder, "device.key")));

function withJournal<T>(work: (journal: Journal) => T): T {
  const journal = new Journal(openDatabase(join(data, "journal.db")), { chain: "demo", signer });
  try {
    return work(journal);
  } finally {
    journal.close();
  }
}

withJournal((journal) => {
  const memory = new MeterMemory(journal);
  const registers = new Map([["1-0:1.8.0", [500_000, 0] as const]]);
  memory.take("net", siteMs - 60_000, { serial: "7", registers });
  const entry = { time: utcMs(siteMs - 60_000), clock: 16, registers, quality: quality.measured };
  journal.append([{ meter: "net", entry }], memory.notes());
});

function replace(...args: readonly string[]) {
  const all = [cli, "replace", ...args, "--config", config];
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: "utf8" });
  return { status, out: stdout, errors: stderr };
}

test("what cannot be is refused in words, and changes nothing", () => {
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [["grid"], /has no meter grid; it has net .*\[replace\.meter\]/s],
    [["net", "--final", "499"], /\[replace\.less\]/],
    [["net", "--final", "9000"], /look at the decimal point \[replace\.more\]/],
    [["net", "--final", "\u00ff 1;2"], /\[replace\.kwh\]/],
    [["net", "--final-export", "1"], /never showed export.*\[replace\.register\]/],
    [[], /missing required argument/],
  ];
  for (const [args, message] of wrong) {
    const { status, errors } = replace(...args);
    assert.notEqual(status, 0, args.join(" "));
    assert.match(errors, message);
    assert.doesNotMatch(errors, /\n\s+at /);
  }
  const lock = lockFolder(data);
  assert.match(replace("net").errors, /a busbar-edge that runs writes here.*\[journal\.in-use\]/);
  lock.release();
  withJournal((journal) => assert.equal(journal.tip("net").seq, 1));
});

test("the final reading ends the old meter, and the next one is another's first", () => {
  const { status, out, errors } = replace("net", "--final", "500.7", "--json");
  assert.equal(status, 0, errors);
  const said = JSON.parse(out);
  assert.deepEqual(said.final.registers, { "1-0:1.8.0": [500_700, 0] });
  withJournal((journal) => {
    const entry = journal.newest("net");
    assert.deepEqual([entry?.quality, entry?.time], [quality.substituted, said.final.time]);
    assert.deepEqual(verifyJournal(journal.database, "demo").problems, []);
    const memory = new MeterMemory(journal);
    const registers = new Map([["1-0:1.8.0", [3, 0] as const]]);
    assert.equal(memory.judge("net", { serial: "7", registers }), quality.replaced);
  });
});

test("without a final reading the last one that was read is the end", () => {
  const { status, out } = replace("net");
  assert.equal(status, 0);
  assert.match(out, /^net: what it shows next counts as another meter's first reading\.\n$/);
  withJournal((journal) => assert.equal(journal.tip("net").seq, 2));
});

test("a place that is bound to the old meter's number is told so", () => {
  const text = readFileSync(config, "utf8");
  writeFileSync(config, text.replace("id: net,", 'id: net, serial: "7",'));
  const { status, out } = replace("net");
  assert.equal(status, 0);
  assert.match(out, /edge\.yaml binds it to serial number 7, .* write the new meter's there\.\n$/);
});
