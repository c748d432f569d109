import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  encodeCbor,
  openSupport,
  type SupportAnswer,
  type SupportApproval,
  type SupportRequest,
  sealSupport,
  supportKindOf,
  utcMs,
} from "@busbar/protocol";
import { openKeyFile, publicKeysOf, signerOf, verify } from "@busbar/protocol/node";
import { openNotice } from "@busbar/protocol/notice";
import fc from "fast-check";
import { pino } from "pino";
import { Counters } from "../status/counters.ts";
import { statusOfTest } from "../status/test-support/status.ts";
import { answerOf } from "./answers.ts";
import { SupportDesk, type SupportDeskOptions } from "./desk.ts";
import { judgeRequest, type SessionNote, sessionsIn } from "./judge.ts";
import { LogRing } from "./log-ring.ts";
import { ownerKeysIn } from "./owner-keys.ts";
import { answerBytesMax, partBytes, partsOf } from "./parts.ts";
import { SessionLog } from "./session-log.ts";

const home = mkdtempSync(join(tmpdir(), "busbar-support-"));
after(() => rmSync(home, { recursive: true, force: true }));

const keysOf = (name: string) => openKeyFile(join(home, `${name}.key`));
const owner = keysOf("owner");
const helper = keysOf("helper");
const stranger = keysOf("stranger");
const unit = keysOf("unit");
const chain = "demo";
const now = 1_780_272_000_000;
const minute = 60_000;

const approvalOf = (changes: Partial<SupportApproval> = {}): SupportApproval => ({
  id: new Uint8Array(16).fill(1),
  ...{ owner: "anna", device: "unit-1", name: "Ivo", requestsMax: 3 },
  supporter: publicKeysOf(helper).key,
  box: publicKeysOf(helper).boxKey,
  ownerBox: publicKeysOf(owner).boxKey,
  commands: ["logs", "read"],
  ...{ from: utcMs(now), until: utcMs(now + 60 * minute) },
  ...changes,
});

const approved = (changes: Partial<SupportApproval> = {}, by = owner, on = chain) =>
  sealSupport("approval", approvalOf(changes), { chain: on, signer: signerOf(by) });

const ask = (
  changes: Partial<SupportRequest> = {},
  { by = helper, on = chain }: { readonly by?: typeof helper; readonly on?: string } = {},
) =>
  sealSupport(
    "request",
    {
      ...{ session: new Uint8Array(16).fill(1), number: 1, at: utcMs(now) },
      ...{ command: "logs", args: [], approval: approved(), ...changes },
    },
    { chain: on, signer: signerOf(by) },
  );

const ownerKeys = { owner: "anna", key: publicKeysOf(owner).key };
const grounds = {
  ...{ chain, device: "unit-1", owner: ownerKeys, now: now + minute, verify },
  sessions: [] as readonly SessionNote[],
};

test("only what the owner approved, for this unit, who, now, once and of the list is answered", () => {
  const note = (changes: Partial<SessionNote> = {}): SessionNote => ({
    ...{ id: "01".repeat(16), until: now + 60 * minute, last: 0, taken: 0, ended: false },
    ...changes,
  });
  const long = { until: utcMs(now + 25 * 60 * minute) };
  const table: readonly (readonly [string, Uint8Array, Partial<typeof grounds>?])[] = [
    ["ok", ask()],
    ["support.no-owner", ask(), { owner: undefined as never }],
    ["support.clock", ask(), { now: undefined as never }],
    ["support.form", Uint8Array.of(0x80)],
    ["support.form", approved()],
    ["support.approval", ask({ approval: approved({}, stranger) })],
    ["support.approval", ask({ approval: approved({}, owner, "elsewhere") })],
    ["support.approval", ask({ session: new Uint8Array(16).fill(2) })],
    ["support.other-unit", ask({ approval: approved({ device: "unit-2" }) })],
    ["support.other-unit", ask({ approval: approved({ owner: "berta" }) })],
    ["support.signature", ask({}, { by: stranger })],
    ["support.signature", ask({}, { by: owner })],
    ["support.signature", ask({}, { on: "elsewhere" })],
    ["support.too-long", ask({ approval: approved(long) })],
    ["support.early", ask(), { now: now - 6 * minute }],
    ["support.expired", ask(), { now: now + 60 * minute }],
    ["support.ended", ask(), { sessions: [note({ ended: true })] }],
    ["support.stale", ask(), { now: now + 6 * minute }],
    ["support.replay", ask(), { sessions: [note({ last: 1 })] }],
    ["support.too-many", ask({ number: 9 }), { sessions: [note({ last: 5, taken: 3 })] }],
    ["support.not-allowed", ask({ command: "doctor" })],
  ];
  for (const [code, bytes, changes = {}] of table) {
    const judged = judgeRequest(bytes, { ...grounds, ...changes });
    assert.equal(judged.ok ? "ok" : judged.code, code);
  }
  assert.throws(() => ask({ command: "rm -rf /" as never }), "there is no such command at all");
});

test("bytes that nobody signed are refused whatever they are, and change nothing", () => {
  const good = ask();
  const changed = fc
    .tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }))
    .map(([at, by]) => good.map((byte, i) => (i === at ? byte ^ by : byte)));
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    changed,
    fc.nat(good.length - 1).map((length) => good.slice(0, length)),
    fc.constantFrom("request", "end", "answer", "approval").map((kind) => encodeCbor([kind, good])),
  );
  fc.assert(
    fc.property(bytes, (data) => {
      assert.equal(judgeRequest(data, grounds).ok, false);
      assert.ok(["request", "end", "answer", "approval", undefined].includes(supportKindOf(data)));
    }),
  );
});

/** A desk, what it sent, and its folder. */
function scene(
  changes: Partial<SupportDeskOptions> = {},
  folder = mkdtempSync(join(home, "data-")),
) {
  const sent: SupportAnswer[] = [];
  const notes = { text: undefined as string | undefined };
  const counters = new Counters();
  const desk = new SupportDesk({
    ...{ chain, device: "unit-1", signer: signerOf(unit), verify, counters },
    owner: () => ownerKeys,
    now: () => now + minute,
    notes: {
      read: () => notes.text,
      write: (text) => {
        notes.text = text;
      },
    },
    log: new SessionLog(folder),
    answerers: {
      status: () => statusOfTest(),
      logLines: () => ["one", "two"],
      doctor: async () => "{}",
    },
    publish: (payload) => {
      const opened = openSupport("answer", payload);
      assert.ok(opened.ok && opened.signedBy(publicKeysOf(unit).key, chain, verify));
      return sent.push(opened.message) > 0;
    },
    unitLog: pino({ enabled: false }),
    ...changes,
  });
  const opened = (by = helper, part: "body" | "copy" = "body") =>
    sent.map((answer) => {
      const plain = openNotice(answer[part], by.box);
      return plain.ok ? Buffer.from(plain.plain).toString("utf8") : plain.code;
    });
  return { desk, sent, notes, counters, folder, opened };
}

test("an approved question is answered to who asked and to the owner alone, and noted before", async () => {
  const { desk, sent, folder, opened } = scene();
  desk.take(ask());
  await desk.settled();
  assert.deepEqual(opened(), ["one\ntwo"]);
  assert.deepEqual(opened(owner, "copy"), ["one\ntwo"]);
  assert.deepEqual(opened(stranger), ["notice.not-for-us"]);
  assert.deepEqual([sent[0]?.code, sent[0]?.number, sent[0]?.parts], ["ok", 1, 1]);
  const [entry] = new SessionLog(folder).newest(5);
  assert.deepEqual(
    [entry?.what, entry?.name, entry?.command, entry?.code, entry?.answer],
    ["ask", "Ivo", "logs", "ok", "one\ntwo"],
  );
  assert.deepEqual(desk.status().open, [
    { session: "01".repeat(16), until: now + 60 * minute, taken: 1 },
  ]);
});

test("a question that is sent again is answered once, over a restart too, and leaves a line in the log", async () => {
  const { desk, sent, notes, counters, folder } = scene();
  const question = ask();
  desk.take(question);
  desk.take(question);
  await desk.settled();
  const again = scene({ notes: { read: () => notes.text, write: () => {} } }, folder);
  again.desk.take(question);
  await again.desk.settled();
  assert.deepEqual([sent.length, again.sent.length, counters.of("support.replay")], [1, 0, 1]);
  const codes = new SessionLog(folder).newest(9).map(({ code }) => code);
  assert.deepEqual(codes, ["support.replay", "ok", "support.replay"]);
  assert.deepEqual(
    again.desk.status().newest.map(({ code }) => code),
    codes,
  );
});

test("who was approved hears why it is refused; strangers and noise hear nothing and fill no disk", async () => {
  const { desk, sent, counters, folder, opened } = scene();
  desk.take(ask({ command: "doctor" }));
  await desk.settled();
  await new Promise(setImmediate);
  assert.deepEqual(
    [sent[0]?.code, opened()[0]],
    ["support.not-allowed", "approved are logs, read"],
  );
  for (let i = 0; i < 100; i += 1) desk.take(Uint8Array.of(i));
  desk.take(ask({ approval: approved({}, stranger) }));
  desk.take(new Uint8Array(70_000));
  assert.equal(sent.length, 1);
  assert.equal(counters.of("support.form"), 101);
  const noted = new SessionLog(folder).newest(1000).filter(({ name }) => name === undefined);
  assert.equal(noted.length, 20);
});

test("the owner ends a session before its time; nobody else does", async () => {
  const { desk, sent } = scene();
  const end = (by: typeof owner, changes = {}) =>
    sealSupport(
      "end",
      { session: new Uint8Array(16).fill(1), owner: "anna", device: "unit-1", ...changes },
      { chain, signer: signerOf(by) },
    );
  desk.take(end(helper));
  desk.take(end(owner, { device: "unit-2" }));
  desk.take(ask());
  await desk.settled();
  assert.equal(sent.length, 1);
  desk.take(end(owner));
  desk.take(ask({ number: 2 }));
  await desk.settled();
  await new Promise(setImmediate);
  assert.deepEqual(
    sent.map(({ code }) => code),
    ["ok", "support.ended"],
  );
  const early = scene();
  early.desk.take(end(owner));
  early.desk.take(ask());
  await new Promise(setImmediate);
  assert.deepEqual(
    early.sent.map(({ code }) => code),
    ["support.ended"],
    "before it began, too",
  );
});

test("what cannot be noted is not answered, and a damaged note lets nobody in", async () => {
  const full = Object.assign(new Error("no space left"), { code: "ENOSPC", syscall: "write" });
  const broken = {
    newest: () => [],
    recent: [],
    add: () => {
      throw full;
    },
  } as unknown as SessionLog;
  const unwritten = scene({ log: broken });
  unwritten.desk.take(ask());
  await unwritten.desk.settled();
  assert.deepEqual([unwritten.sent.length, unwritten.counters.of("support.not-noted")], [0, 1]);
  const damaged = scene({ notes: { read: () => "{", write: () => {} } });
  damaged.desk.take(ask());
  await damaged.desk.settled();
  assert.deepEqual([damaged.sent.length, damaged.counters.of("support.notes")], [0, 1]);
  fc.assert(fc.property(fc.json(), (text) => void sessionsIn(text)));
});

test("each command answers within its bounds, and takes no argument but its own", async () => {
  const lines = Array.from({ length: 600 }, (_, i) => `line ${i}`);
  const doctor = async () => '{"ok":true}';
  const around = { status: () => statusOfTest(), logLines: () => lines, doctor };
  const of = async (command: "doctor" | "logs" | "read" | "sweep", ...args: string[]) => {
    const answered = await answerOf(command, args, around);
    return answered.ok ? answered.text : answered.code;
  };
  assert.equal((await of("logs")).split("\n").length, 100);
  assert.equal(await of("logs", "2"), "line 598\nline 599");
  for (const wrong of ["0", "501", "x", "-1", "1; reboot"]) {
    assert.equal(await of("logs", wrong), "support.arguments");
  }
  assert.equal(JSON.parse(await of("read", "anna-grid"))[0].serial, "21 40 0815");
  assert.equal(await of("read", "../../etc/passwd"), "support.arguments");
  assert.equal(await of("doctor"), '{"ok":true}');
  assert.equal(await of("doctor", "--config"), "support.arguments");
  assert.ok("bus" in JSON.parse(await of("sweep")));
  assert.equal(await of("sweep", "/dev/ttyUSB0"), "support.arguments");
  const long = partsOf("ä".repeat(answerBytesMax));
  assert.ok(long.every(({ length }) => length <= partBytes));
  assert.match(Buffer.concat(long).toString("utf8"), /cut: the answer is longer/);
  assert.equal(partsOf("").length, 1);
  const ring = new LogRing();
  for (const line of lines) ring.write(`${line}${"x".repeat(900)}\n`);
  assert.deepEqual([ring.lines.length, ring.lines[0]?.length], [500, 400]);
});

test("a log of sessions is bounded, and a line that a power cut left half costs itself alone", () => {
  const folder = mkdtempSync(join(home, "log-"));
  const log = new SessionLog(folder);
  const entry = {
    at: "2026-11-28T12:00:00Z",
    what: "ask",
    code: "ok",
    answer: "x".repeat(500_000),
  } as const;
  for (let i = 0; i < 12; i += 1) log.add(entry);
  const sizes = ["support.log", "support.log.1"].map(
    (name) => readFileSync(join(folder, name)).length,
  );
  assert.ok(
    sizes.every((size) => size < 3 * 1024 * 1024),
    sizes.join(),
  );
  writeFileSync(join(folder, "support.log"), `${JSON.stringify(entry)}\n{"at":"2026`);
  rmSync(join(folder, "support.log.1"));
  assert.equal(new SessionLog(folder).newest(9).length, 1);
});

test("the owner's key is the one of the enrolment, and of this owner", () => {
  const key = Buffer.from(ownerKeys.key).toString("base64url");
  const at = (value: unknown) => {
    const folder = mkdtempSync(join(home, "enrol-"));
    writeFileSync(
      join(folder, "request.json"),
      typeof value === "string" ? value : JSON.stringify(value),
    );
    return ownerKeysIn(folder, "anna");
  };
  assert.deepEqual(at({ owner: { id: "anna", key } })?.key, ownerKeys.key);
  for (const bad of [
    "",
    "{",
    "null",
    { owner: { id: "berta", key } },
    { owner: { id: "anna", key: "x" } },
    {},
  ]) {
    assert.equal(at(bad), undefined, JSON.stringify(bad));
  }
  assert.equal(ownerKeysIn(join(home, "nowhere"), "anna"), undefined);
});
