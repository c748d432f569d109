import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { rollbackCommand } from "../commands/rollback.ts";
import { DeployHistory, diffFlows } from "./history.ts";
import { auditOfNodeRed } from "./log.ts";
import { keepDeploy } from "./storage.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-history-"));
after(() => rmSync(folder, { recursive: true }));
const at = (user: string, time: number) => ({ user, time });
const flow = (...nodes: object[]) =>
  nodes.map((node, i) => ({ id: `n${i}`, type: "debug", ...node }));

test("a diff names nodes and fields, never values, and tells moved nodes apart", () => {
  const before = flow({ name: "a", key: "old secret", x: 1 }, { name: "b", x: 1 }, { name: "c" });
  const after = [
    ...flow({ name: "a", key: "new secret", x: 2 }, { name: "b", x: 9 }),
    { id: "n9", type: "inject" },
  ];
  const diff = diffFlows(before, after);
  assert.deepEqual(diff, {
    added: ["inject n9"],
    removed: ["debug c"],
    changed: [{ node: "debug a", fields: ["key"] }],
    moved: 1,
  });
  assert.ok(!JSON.stringify(diff).includes("secret"));
});

test("each deploy is kept with who and when, and the one before comes back as a new version", () => {
  const userDir = join(folder, "user");
  const history = new DeployHistory(userDir);
  history.record(flow({ name: "first" }), at("ada", 1));
  history.record(flow({ name: "second" }), at("bob", 2));
  history.record(flow({ name: "second" }), at("bob", 3));
  assert.deepEqual(history.list(), [
    { version: 1, time: 1, user: "ada" },
    { version: 2, time: 2, user: "bob" },
  ]);
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  rollbackCommand({ userDir, list: true }, write);
  assert.match(lines.join("\n"), /1 {2}1970-01-01T00:00:00\.001Z {2}ada\n.*bob/);
  rollbackCommand({ userDir }, write);
  assert.deepEqual(
    JSON.parse(readFileSync(join(userDir, "flows.json"), "utf8")),
    flow({ name: "first" }),
  );
  assert.match(history.list().at(-1)?.user ?? "", /rollback to 1/);
  rollbackCommand({ userDir, to: "2", json: true }, write);
  assert.deepEqual(history.flowOf(4), flow({ name: "second" }));
  for (const to of ["99", "0", "x"]) {
    assert.throws(() => rollbackCommand({ userDir, to }, write), { code: "flows.version-missing" });
  }
  assert.throws(() => rollbackCommand({ userDir: join(folder, "none") }, write), {
    code: "flows.version-missing",
  });
  const audit = readFileSync(join(userDir, "audit.jsonl"), "utf8").trim().split("\n");
  assert.deepEqual(
    audit.map((line) => JSON.parse(line).version),
    [1, 2, 3, 4],
  );
  assert.equal(statSync(join(userDir, "audit.jsonl")).mode & 0o077, 0);
  assert.equal(statSync(join(userDir, "deploys", "000001.json")).mode & 0o077, 0);
});

test("a second rollback goes further back, not to what the first left", () => {
  const userDir = join(folder, "twice");
  const history = new DeployHistory(userDir);
  for (const name of ["first", "second", "bad"]) history.record(flow({ name }), at("ada", 1));
  const write = () => {};
  for (const name of ["second", "first"]) {
    rollbackCommand({ userDir }, write);
    assert.deepEqual(history.flowOf(history.list().at(-1)?.version ?? 0), flow({ name }));
  }
  assert.throws(() => rollbackCommand({ userDir }, write), { code: "flows.version-missing" });
});

test("a rollback says which sites come back without their keys", () => {
  const userDir = join(folder, "keyless");
  const history = new DeployHistory(userDir);
  const site = (id: string, keyFile = "") => ({ id, type: "busbar-site", name: id, keyFile });
  history.record([site("a"), site("b"), site("c", "key.json")], at("ada", 1));
  history.record([site("a")], at("ada", 2));
  const lines: string[] = [];
  rollbackCommand({ userDir, json: true }, (line) => lines.push(line));
  assert.deepEqual(JSON.parse(lines[0] ?? "").keyless, ["b"]);
});

test("files that are no versions are named and passed over; deploys and rollback go on", () => {
  const userDir = join(folder, "broken");
  const history = new DeployHistory(userDir);
  history.record(flow({ name: "first" }), at("ada", 1));
  const put = (name: string, text: string) => writeFileSync(join(userDir, "deploys", name), text);
  put("1e3.json", "{}");
  put("-5.json", "{}");
  const garbage = ["", "{", "null", "[]", '{"time":1,"user":"x","flow":{}}', '{"flow":[null]}'];
  for (const [i, text] of garbage.entries()) put(`00000${i + 2}.json`, text);
  assert.equal(history.broken.length, garbage.length);
  assert.deepEqual(
    history.list().map(({ version }) => version),
    [1],
  );
  assert.equal(history.before?.version, 1);
  assert.throws(() => history.flowOf(2), { code: "flows.version-missing" });
  history.record(flow({ name: "second" }), at("bob", 2));
  assert.deepEqual(history.list().at(-1), { version: 8, time: 2, user: "bob" });
  rollbackCommand({ userDir }, () => {});
  assert.deepEqual(history.flowOf(9), flow({ name: "first" }));
});

test("a deploy that cannot be noted has happened all the same", () => {
  const full = () => {
    throw new Error("no space left");
  };
  assert.doesNotThrow(() => keepDeploy({ record: full }, flow({ name: "x" }), "ada"));
});

test("a run.pid that is garbage, or of a process that ended, is nobody to tell", () => {
  const userDir = join(folder, "stale");
  const history = new DeployHistory(userDir);
  history.record(flow({ name: "first" }), at("ada", 1));
  history.record(flow({ name: "second" }), at("ada", 2));
  // This process would end by the signal; it began at another time than the one that was marked.
  for (const pid of ["garbage", "-1", "0", "999999999", `${process.pid} 1`, `${process.pid}`]) {
    writeFileSync(join(userDir, "run.pid"), pid);
    const lines: string[] = [];
    rollbackCommand({ userDir, to: "1", json: true }, (line) => lines.push(line));
    assert.equal(JSON.parse(lines[0] ?? "").running, false, pid);
  }
});

test("the audit log has what people do, not what they look at", () => {
  const noted: unknown[] = [];
  const audit = auditOfNodeRed({ note: (line) => void noted.push(line.event) });
  for (const event of [
    "flows.get",
    "settings.get",
    "flows.set",
    "auth.login",
    "library.get",
    undefined,
  ]) {
    audit({ event, user: { username: "ada" } });
  }
  assert.deepEqual(noted, ["flows.set", "auth.login"]);
});
