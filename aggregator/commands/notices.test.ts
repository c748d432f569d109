import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { Failure, type NoticePreferences } from "@busbar/protocol";
import { openKeyFile } from "@busbar/protocol/node";
import { boxKeyOf, boxNotice } from "@busbar/protocol/notice";
import { Command } from "commander";
import fc from "fast-check";
import { loadConfig } from "../config/load.ts";
import { aggregatorConfig } from "../config/schema.ts";
import { noticePreferencesTable } from "../ledger/rules/notices/tables.ts";
import { emptyState, Overlay } from "../ledger/state/overlay.ts";
import { Store } from "../ledger/store.ts";
import { genesis, openLedger, record, story } from "../ledger/test-ledger.ts";
import { outbox } from "../notices/outbox.ts";
import { portalReadModel } from "../portal/read-model.ts";
import { linksCheck } from "./doctor/ledger-checks.ts";
import { addDoctorCommand, examine } from "./doctor.ts";
import { addNoticesCommands } from "./notices.ts";
import { readView, showLive, type Terminal } from "./status-live.ts";
import { alarmsOf, type StatusView, statusLines } from "./status-view.ts";
import { testHome } from "./test-home.ts";

const cli = join(import.meta.dirname, "../cli.ts");
const folder = mkdtempSync(join(tmpdir(), "busbar-notices-command-"));
after(() => rmSync(folder, { recursive: true }));

/** Runs a command here, as the program that a terminal starts does. */
async function busbar(t: TestContext, ...args: string[]) {
  const said = { out: "", err: "" };
  const log = t.mock.method(console, "log", (text: string) => {
    said.out += `${text}\n`;
  });
  const error = t.mock.method(console, "error", (text: string) => {
    said.err += `${text}\n`;
  });
  const program = new Command("busbar-aggregator").exitOverride();
  const print = (value: object) => console.log(JSON.stringify(value));
  for (const add of [addNoticesCommands, addDoctorCommand]) add(program, print);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    said.err += failure.code;
    process.exitCode = 1;
  }
  const status = process.exitCode ?? 0;
  process.exitCode = undefined;
  log.mock.restore();
  error.mock.restore();
  return { status, stdout: said.out, stderr: said.err };
}

/** A member's ledger with what an aggregator projects from it; its sender gave one notice up. */
const home = testHome(join(folder, "home"), 1);
home.ledger.store.close();
for (const end of ["", "-wal", "-shm"]) rmSync(`${home.store}${end}`, { force: true });
const ledger = openLedger(
  new Store(home.store, [
    portalReadModel,
    outbox({ currency: genesis.currency, member: "member-a", send: true, webhooks: new Set() }),
  ]),
);
for (const chapter of story(16)) record(ledger, chapter);
const [first] = ledger.store.db
  .prepare("SELECT id FROM notice_message WHERE owner = 'user-a'")
  .all();
const dead = String(first?.id);
ledger.store.db
  .prepare(
    "UPDATE delivery SET state = 'dead', attempts = 14, error = 'no such mailbox' WHERE notice = ?",
  )
  .run(dead);
ledger.store.close();
const config = ["--config", home.config];

test("what was told is listed and shown in its owner's words, and what was given up is sent again", async (t) => {
  const listed = await busbar(t, "notices", "list", ...config, "--state", "dead");
  assert.equal(listed.status, 0, listed.stderr);
  assert.match(
    listed.stdout,
    new RegExp(`user-a[\\s\\S]*${dead}[\\s\\S]*mqtt +dead, 14 attempts: no such mailbox`),
  );
  const shown = await busbar(t, "notices", "show", dead, ...config);
  assert.match(
    shown.stdout,
    /kWh[\s\S]*proof: busbar-aggregator prove result \d+ \w+ \(block \d+\)/,
  );
  const again = await busbar(t, "notices", "resend", "all-dead", ...config, "--json");
  assert.deepEqual(JSON.parse(again.stdout), {
    ok: true,
    sent: [{ id: dead, channels: ["mqtt"] }],
  });
  const none = JSON.parse(
    (await busbar(t, "notices", "list", ...config, "--state", "dead", "--json")).stdout,
  );
  assert.deepEqual(none, { notices: [] });
  const unknown = await busbar(t, "notices", "show", "elm-1-0-x", ...config);
  assert.deepEqual([unknown.status, /notices\.unknown/.test(unknown.stderr)], [1, true]);
});

test("a test that nobody sends is told as not known yet, and one to nobody is refused", async (t) => {
  const waiting = await busbar(t, "notices", "test", "--owner", "user-a", "--wait", "1", ...config);
  assert.equal(waiting.status, 3);
  assert.match(waiting.stdout, /mqtt +queued[\s\S]*does an aggregator of this configuration run/);
  const stranger = await busbar(t, "notices", "test", "--owner", "nobody", ...config);
  assert.deepEqual([stranger.status, /notices\.owner/.test(stranger.stderr)], [1, true]);
});

test("decrypt opens what any MQTT client prints: hex, base64 or the bytes themselves; garbage is told", async (t) => {
  const key = join(folder, "owner.key");
  const { box } = openKeyFile(key);
  const notice = {
    id: "elm-1-0-anna",
    title: "Sold 1 kWh",
    text: "You sold it.",
    numbers: [{ label: "Energy", value: "1 kWh" }],
  };
  const random = (count: number) => new Uint8Array(randomBytes(count));
  const boxed = (to: Uint8Array, value: unknown = notice) =>
    Buffer.from(boxNotice(Buffer.from(JSON.stringify(value)), boxKeyOf(to), random));
  const file = join(folder, "message.bin");
  const opened = async (content: string | Uint8Array) => {
    writeFileSync(file, content);
    return busbar(t, "notices", "decrypt", file, "--key", key, "--json");
  };
  for (const form of [
    boxed(box),
    boxed(box).toString("hex"),
    `${boxed(box).toString("base64")}\n`,
  ]) {
    const { status, stdout, stderr } = await opened(form);
    assert.deepEqual([status, JSON.parse(stdout)], [0, notice], stderr);
  }
  for (const [content, code] of [
    [boxed(random(32)), /notice\.not-for-us/],
    ["nonsense", /cbor\./],
    ["", /cbor\./],
    [random(50_000), /cbor\.|message\.shape/],
    [boxed(box, 7), /notices\.content/],
  ] as const) {
    const { status, stderr } = await opened(content);
    assert.deepEqual([status, code.test(stderr)], [1, true], stderr);
  }
  assert.match(
    (await busbar(t, "notices", "decrypt", "no-file", "--key", key)).stderr,
    /notices\.file/,
  );

  // Line by line, as mosquitto_sub prints them; one that is none stops nothing.
  const lines = [boxed(box).toString("hex"), "", "zz!", boxed(box).toString("base64")].join("\n");
  const run = spawnSync(process.execPath, [cli, "notices", "decrypt", "--key", key], {
    encoding: "utf8",
    input: lines,
  });
  assert.deepEqual([run.status, /cbor\./.test(run.stderr)], [1, true]);
  const said = /Sold 1 kWh\nYou sold it\.\n {2}Energy: 1 kWh\n {2}elm-1-0-anna/g;
  assert.equal(run.stdout.match(said)?.length, 2);
});

/** A member as it is made, for the doctor to look at. */
function patient(name: string, yaml = "") {
  const { ledger: own, ...made } = testHome(join(folder, name), 2);
  own.store.close();
  writeFileSync(
    made.config,
    `site: testsite\nmember: member-a\nportal: { port: 0 }\nbroker: { port: 0 }\n${yaml}`,
  );
  return made;
}

test("the doctor finds what is wrong and says what to do, and a sound member well", async (t) => {
  const states = async (path: string) =>
    new Map(
      (await examine(path)).map(({ check, state, text, remedy = "" }) => [
        check,
        `${state} ${text} ${remedy}`,
      ]),
    );
  const sound = patient("sound");
  const noKey = await states(sound.config);
  assert.match(noKey.get("key") ?? "", /^wrong .*no key file/);
  const key = join(sound.folder, "member.key");
  openKeyFile(key);
  chmodSync(key, 0o644);
  const open = await states(sound.config);
  assert.match(open.get("key") ?? "", /^wrong .*read by others \(mode 644\) chmod 600/);
  assert.match(open.get("membership") ?? "", /^wrong .*not the key that member-a has/);
  assert.match(open.get("ledger") ?? "", /^good testsite up to block 2/);
  assert.match(open.get("aggregator") ?? "", /^soon does not answer/);
  assert.match(open.get("engine") ?? "", /^good recorder, 1 vote/);

  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const at = taken.address();
  assert.ok(at !== null && typeof at === "object");
  const ill = patient(
    "ill",
    `snapshots: { everyHours: 1 }\nnotices: { email: { host: 127.0.0.1, port: 9, from: a@b.example } }\nconsensus: { listen: { port: ${at.port} }, peers: [{ id: m2, address: "127.0.0.1:9" }] }\n`,
  );
  writeFileSync(join(ill.folder, "ledger.sqlite"), "no database");
  const bad = await states(ill.config);
  taken.close();
  assert.match(bad.get("ledger") ?? "", /^wrong /);
  assert.match(bad.get("port") ?? "", /^wrong link: .*EADDRINUSE/);
  assert.match(bad.get("peer") ?? "", /^soon m2 at 127\.0\.0\.1:9/);
  assert.match(bad.get("mail") ?? "", /^wrong 127\.0\.0\.1 port 9/);
  writeFileSync(ill.config, "site: [");
  assert.match((await states(ill.config)).get("configuration") ?? "", /^wrong /);
  const run = await busbar(t, "doctor", "--config", ill.config);
  assert.deepEqual(
    [run.status, /WRONG configuration[\s\S]*1 checks: 1 wrong/.test(run.stdout)],
    [1, true],
  );
});

test("the doctor sees proof links that open on no other device", () => {
  const state = new Overlay(emptyState);
  const check = (changes: object) =>
    linksCheck(aggregatorConfig.parse({ site: "elm", member: "m1", ...changes }), state).map(
      ({ state, text }) => `${state} ${text.match(/https?:\S+[^,\s]/)?.[0]}`,
    );
  const email = { host: "mail.example", from: "a@b.example" };
  assert.deepEqual(check({}), []);
  assert.deepEqual(check({ notices: { email } }), ["soon http://127.0.0.1:8080"]);
  assert.deepEqual(check({ notices: { email, send: false } }), []);
  const open = { url: "https://portal.example" };
  assert.deepEqual(check({ notices: { email }, portal: open }), ["good https://portal.example"]);
  for (const host of ["localhost", "[::1]", "127.1.2.3", "a.localhost"]) {
    const portalUrl = `http://${host}:1`;
    assert.deepEqual(check({ notices: { email, portalUrl } }), [`soon ${portalUrl}`]);
  }
  // An owner asked for pushes, which need nothing of the member's configuration.
  noticePreferencesTable.set(state, "anna", {
    ...{ owner: "anna", version: 1, language: "en", timeZone: "UTC0", digestAt: 0, muted: [] },
    threshold: 0 as NoticePreferences["threshold"],
    ways: [{ channel: "push", when: "at-once", quiet: false }],
  });
  assert.deepEqual(check({}), ["soon http://127.0.0.1:8080"]);
});

const view: StatusView = {
  ...{
    chain: "elm",
    member: "m1",
    currency: "EUR",
    height: 42,
    blockTime: 0,
    now: 90_000,
    speed: 1,
  },
  ...{
    waiting: 3,
    voters: 4,
    slotMs: 3_600_000,
    leases: [{ channel: "email", member: "m2", until: 100_000 }],
  },
  slots: [],
  meters: Array.from({ length: 50 }, (_, i) => ({
    ...{
      meter: `meter-${i}`,
      device: "u",
      owner: "anna",
      seq: 1,
      time: i * 1_000,
      importWh: 0,
      exportWh: 0,
      powerW: 5,
    },
    silentSince: i === 7 ? 1_000 : null,
  })),
  notices: { queued: 1, delivered: 2, dead: 3 },
  consensus: undefined,
};

test("the live view shows alarms first, fits the screen whatever its size, and ends when it is told to", async () => {
  assert.deepEqual(alarmsOf(view), [
    "the aggregator does not answer: what is shown is on disk",
    "meter meter-7 of anna is silent for 89 s",
    "3 notices were given up: notices list --state dead",
  ]);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: styles of the terminal begin with ESC
  const plain = (line: string) => line.replace(/\u001b\[[\d;]*m/g, "");
  const lines = statusLines(view, { columns: 100, rows: 30 }, undefined).map(plain);
  assert.match(
    lines.join("\n"),
    /block 42[\s\S]*4 members, of which 1 may fail[\s\S]*meter-7 +anna +0\.005 kW +silent since[\s\S]*and \d+ more[\s\S]*email by m2/,
  );
  fc.assert(
    fc.property(fc.nat(200), fc.nat(80), (columns, rows) => {
      const shown = statusLines(view, { columns, rows }, [
        { height: 1, at: 0 },
        { height: 42, at: 60_000 },
      ]);
      assert.ok(shown.length <= rows && shown.every((line) => [...plain(line)].length <= columns));
    }),
  );
  const own = patient("live");
  let press: (key: string) => void = () => {};
  let written = "";
  let frames = 0;
  const terminal: Terminal = {
    // As a serial console has it.
    out: { write: (text) => (written += text), columns: 0, rows: 0 },
    keys: (pressed) => {
      press = pressed;
      return () => {};
    },
    pause: async () => {
      frames += 1;
      press(frames === 2 ? "q" : "x");
    },
    now: () => frames * 1_000,
  };
  await showLive(own.config, terminal);
  assert.equal(frames, 2);
  assert.match(plain(written), /testsite member-a {3}block 2/);
  assert.ok(written.endsWith("\u001b[?25h\u001b[?1049l"), "the terminal is given back as it was");
  const read = await readView(loadConfig(home.config), { now: () => 0, speed: 1 });
  assert.ok(read.meters.length === 3 && read.slots.length > 0);
});
