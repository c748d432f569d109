import assert from "node:assert/strict";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Failure, utcMs } from "@busbar/protocol";
import { newClaimCode } from "@busbar/protocol/claim";
import fc from "fast-check";
import decodeQR from "qr/decode.js";
import { sha256 } from "../ledger/sha256.ts";
import { wanted } from "./label-commands.ts";
import { type LabelFile, labelFileText, parseLabelFile } from "./label-file.ts";
import { labelPage } from "./label-page.ts";
import { makeLabels, revokeLabels } from "./labels.ts";
import { replaceUnit } from "./replace.ts";
import { testHome } from "./test-home.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-labels-"));
after(() => rmSync(folder, { recursive: true }));
const code = (n: number) => newClaimCode((count) => new Uint8Array(count).fill(n));
const sheet: LabelFile = {
  form: "busbar-labels-1",
  ...{ site: "elm", member: "member-1" },
  until: utcMs(1_783_000_000_000),
  labels: [
    { device: "anna-unit", owner: "anna", party: "user", code: code(3) },
    { device: "mill-unit", owner: "mill", party: "company", code: code(9) },
  ],
};

/** What a phone reads off a drawn code: each module as four points. */
function scanned(svg: string): string {
  const size = Number(/viewBox="0 0 (\d+) /.exec(svg)?.[1]);
  const width = size * 4;
  const data = new Uint8Array(width * width * 4).fill(255);
  for (const [, x, y] of svg.matchAll(/M(\d+) (\d+)h1v1h-1z/g)) {
    for (let i = 0; i < 16; i++) {
      const [row, column] = [Number(y) * 4 + (i >> 2), Number(x) * 4 + (i & 3)];
      data.fill(0, (row * width + column) * 4, (row * width + column) * 4 + 3);
    }
  }
  return decodeQR({ width, height: width, data }, { timeLimit: 60_000 });
}

test("each label of a sheet scans to its unit's page, its code and its site; the page stands alone", () => {
  const page = labelPage(sheet);
  assert.doesNotMatch(page, /<script|src=|href=|@import|url\(/);
  const codes = [...page.matchAll(/<svg .*?<\/svg>/g)].map(([svg]) => scanned(svg));
  const shown = [...page.matchAll(/class="code">([^<]+)</g)].map(([, text]) => text);
  assert.deepEqual(codes, [
    `http://anna-unit.local:8080/claim#${shown[0]}@elm`,
    `http://mill-unit.local:8080/claim#${shown[1]}@elm`,
  ]);
  assert.match(page, /each counts once, before 2026-07-02 13:46 UTC/);
});
test("a sheet's file is read as it was written; any other is refused with its line", () => {
  assert.deepEqual(parseLabelFile("labels.json", labelFileText(sheet), "elm"), sheet);
  assert.throws(() => parseLabelFile("l.json", labelFileText(sheet), "oak"), {
    code: "labels.other-site",
  });
  const text = labelFileText(sheet);
  const wrong = [
    ["", /l\.json/],
    ["[]", /l\.json/],
    [text.replace("busbar-labels-1", "busbar-labels-9"), /l\.json:2: form/],
    [text.replace(code(3), "0000000000000001"), /typed wrong/],
    [text.replace('"user"', '"thief"'), /party/],
    [text.replace('"labels"', '"label"'), /unknown key label/],
  ] as const;
  for (const [content, words] of wrong) {
    assert.throws(
      () => parseLabelFile("l.json", content, "elm"),
      (error: unknown) => error instanceof Failure && words.test(error.message),
      content,
    );
  }
  fc.assert(
    fc.property(fc.string({ maxLength: 80 }), (garbage) => {
      assert.throws(() => parseLabelFile("l.json", garbage, "elm"), Failure);
    }),
    { numRuns: 50 },
  );
});

test("units and owners are named as the help says, and nothing else is guessed", () => {
  assert.deepEqual(wanted("u=anna"), { device: "u", owner: "anna", party: undefined });
  assert.equal(wanted("u=mill:company").party, "company");
  for (const text of [
    "u",
    "u=",
    "=a",
    "u=a:",
    "u=a:thief",
    "u=a=b",
    "u=a:user:b",
    "U=a",
    "u=a b",
  ]) {
    assert.throws(() => wanted(text), /expected UNIT=OWNER or UNIT=OWNER:PARTY/, text);
  }
});

test("what cannot be is said before anything is written or handed in", async () => {
  const { config, ledger } = testHome(join(folder, "home"), 3);
  ledger.store.close();
  const seed = Buffer.from(sha256(Buffer.from("test key of member-a"))).toString("base64url");
  writeFileSync(join(folder, "home", "member.key"), JSON.stringify({ seed, box: seed }));
  const output = join(folder, "sheet");
  const labels = (names: string[], more: object = {}) =>
    makeLabels(names.map(wanted), { config, days: 30, output, dryRun: true, ...more });
  await assert.rejects(labels([]), { code: "labels.number" });
  await assert.rejects(labels(["n=a", "n=b"]), { code: "labels.twice" });
  await assert.rejects(labels(["user-a-unit=user-a"]), /busbar-aggregator replace user-a-unit/);
  await assert.rejects(labels([], { again: join(folder, "none.json") }), /cannot be read/);
  const told = await labels(["n-unit=user-a", "m-unit=m:company"]);
  assert.ok(told.handed.ok && told.handed.result === "dry-run", JSON.stringify(told.handed));
  const asked = await labels(["n-unit=user-a:company"]);
  assert.ok(!asked.handed.ok && asked.handed.code === "label.owner");
  assert.match(asked.handed.message, /user-a is a user, not a company; give the owner's own id/);
  assert.equal(existsSync(output), false);
  // No aggregator runs: of labels whose fate nobody knows, the sheet is kept; here nothing was sent.
  const away = await labels(["n-unit=user-a"], { dryRun: false });
  assert.ok(!away.handed.ok && away.handed.retry === "later");
  assert.match(away.handed.message, /the sheet is kept: busbar-aggregator site labels --again/);
  assert.deepEqual(readdirSync(output).sort(), ["labels.html", "labels.json"]);
  for (const name of readdirSync(output)) assert.equal(statSync(join(output, name)).mode & 0o77, 0);
  const kept = readFileSync(join(output, "labels.json"), "utf8");
  await assert.rejects(labels(["m-unit=m"], { dryRun: false }), { code: "labels.exists" });
  assert.equal(readFileSync(join(output, "labels.json"), "utf8"), kept);
  const again = await labels([], { again: join(output, "labels.json") });
  assert.ok(again.handed.ok);

  const none = await revokeLabels("n-unit", { config, dryRun: true });
  assert.ok(!none.handed.ok && none.handed.code === "labels.none");
  const about = { config, reason: "lost", days: 7, newLabel: false, output, dryRun: true } as const;
  await assert.rejects(replaceUnit("nobody", about), { code: "replace.unknown" });
  await assert.rejects(replaceUnit("user-a-unit", about), /add --new-label/);
  const fresh = await replaceUnit("user-a-unit", { ...about, newLabel: true });
  assert.ok(fresh.handed.ok && /its new label: .*label-user-a-unit\.html/.test(fresh.words));
  assert.equal(readdirSync(output).length, 2);
});
