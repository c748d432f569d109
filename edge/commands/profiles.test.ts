import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { optionsOf } from "../config/meter-options.ts";
import { builtInProfiles } from "../meters/telegram-profiles.ts";
import { flagsOf } from "./profile-text.ts";

const cli = fileURLToPath(new URL("../cli.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "busbar-profiles-"));
after(() => rmSync(folder, { recursive: true, force: true }));

type Ended = { readonly code: number; readonly output: string; readonly complaint: string };

const run = (...args: readonly string[]) =>
  new Promise<Ended>((resolve) => {
    execFile(process.execPath, [cli, "profiles", ...args], (error, output, complaint) => {
      resolve({ code: Number(error?.code ?? 0), output, complaint });
    });
  });

const longest = (text: string) => Math.max(...text.split("\n").map((line) => line.length));

/** The example of hardware/meters/README.md, as an installer copies it. */
function example(): string {
  const readme = new URL("../../hardware/meters/README.md", import.meta.url);
  const [, yaml = ""] = /```yaml\n([\s\S]*?)```/.exec(readFileSync(readme, "utf8")) ?? [];
  return yaml;
}

function written(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test("list is a table that fits 80 columns, and JSON for programs", async () => {
  const [text, json] = await Promise.all([run("list"), run("list", "--json")]);
  assert.match(text.output, /^id +vendor +model +protocol +trust +rows\n/);
  assert.match(text.output, /^eastron-sdm630 +Eastron +SDM630 V2 +modbus +high +64$/m);
  assert.ok(longest(text.output) <= 80);
  const listed = JSON.parse(json.output) as { id: string }[];
  assert.ok(listed.length >= 26);
  assert.deepEqual([text.code, json.code], [0, 0]);
});

test("show says how a meter is connected, recognised and read, and what is in doubt", async () => {
  const [text, json] = await Promise.all([
    run("show", "eastron-sdm630"),
    run("show", "chint-dtsu666", "--json"),
  ]);
  assert.match(text.output, /RS-485, ships at 9600 8N1/);
  assert.match(text.output, /register 0xFC02 \(function 3\) is 0x70 or 0x79/);
  assert.match(text.output, /in doubt +odd counts are rejected/);
  assert.match(text.output, /^0x0048 +72 +f32 +1 +kWh +1-0:1\.8\.0 +energy\.import\.total$/m);
  assert.ok(longest(text.output) <= 80);
  const shown = JSON.parse(json.output) as { id: string; flags: string[]; factors: object };
  assert.deepEqual([shown.id, Object.keys(shown.factors)], ["chint-dtsu666", ["ct", "vt"]]);
  assert.ok(shown.flags.some((flag) => flag.includes("ratios")));
});

test("meters without a profile file are listed and shown with how they are connected", async () => {
  const list = (await run("list")).output;
  for (const id of builtInProfiles) {
    assert.match(list, new RegExp(`^${id} +\\S.*\\S  +\\S`, "m"));
    const { code, output } = await run("show", id);
    assert.equal(code, 0);
    assert.match(
      output,
      new RegExp(`edge.yaml +- id: …\n +profile: ${id}\n(.*\n)*? +connection: {`),
    );
    assert.ok(longest(output) <= 80, output);
    const [, more = ""] = /^more +(\S+)$/m.exec(output) ?? [];
    assert.ok(existsSync(new URL(`../../${more}`, import.meta.url)), more);
  }
  const shown = JSON.parse((await run("show", "iec62056-21", "--json")).output);
  assert.deepEqual(
    Object.keys(shown.options).sort(),
    [...optionsOf("iec62056-21"), "address"].sort(),
  );
});

test("an unknown profile is answered with the nearest one", async () => {
  const { code, complaint } = await run("show", "eastron-sdm63");
  assert.equal(code, 1);
  assert.match(complaint, /did you mean eastron-sdm630\?/);
});

test("the worked example of the README is a profile without a mistake", async () => {
  const path = written("acme-em3.yaml", example());
  const { code, output } = await run("check", path);
  assert.match(output, /^acme-em3\.yaml: fine; acme-em3, \d+ values, read in \d+ requests?\n/);
  assert.equal(code, 0);
  const shown = await run("show", path);
  assert.match(shown.output, /^acme-em3: Acme EM-3/);
});

test("check names every mistake with its line and what to write instead", async () => {
  const wrong = example().replace("quantity: frequency", "quantty: frequency");
  const path = written("acme-em3.yaml", wrong.replace("baud: 9600", "baud: 9601"));
  const line = (part: string) => wrong.slice(0, wrong.indexOf(part)).split("\n").length;
  const [text, json] = await Promise.all([run("check", path), run("check", path, "--json")]);
  assert.deepEqual([text.code, json.code], [1, 1]);
  assert.match(text.output, new RegExp(`^acme-em3.yaml:${line("baud:")}: serial.baud: `, "m"));
  const unknown = `acme-em3.yaml:${line("quantty")}: unknown key .*; did you mean quantity`;
  assert.match(text.output, new RegExp(unknown));
  const [checked] = JSON.parse(json.output) as { ok: boolean; problems: { line: number }[] }[];
  assert.equal(checked?.ok, false);
  assert.ok(checked?.problems.some(({ line: at }) => at === line("quantty")));
});

test("check hints at what is allowed and probably not meant", async () => {
  const yaml = example()
    .replace(/, obis: "1-0:[12]\.8\.0"/g, "")
    .replace("address: 0x0102,", "address: 0x0101,");
  const { code, output } = await run("check", written("acme-em3.yaml", yaml));
  assert.equal(code, 0);
  assert.match(output, /hint: nothing to bill by/);
  assert.match(output, /hint: voltage\.l1 \(f32 at 256\) reaches into voltage\.l2 at 257/);
});

test("a file that is missing, or named unlike its id, is a mistake", async () => {
  const missing = await run("check", join(folder, "none.yaml"));
  assert.deepEqual([missing.code, /no meter profile can be read/.test(missing.output)], [1, true]);
  const { output } = await run("check", written("other.yaml", example()));
  assert.match(output, /other\.yaml:1: id: .*expected acme-em3\.yaml/);
});

test("a flag ends with its comment or at the next flag", () => {
  const text = "# a: b. flag: one\n# goes on\n#flag: two\nid: x\n  # flag: three\n# not it\ny: 1";
  assert.deepEqual(flagsOf(text), ["one goes on", "two", "three not it"]);
});
