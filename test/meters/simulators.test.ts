import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { simulate } from "../../edge/framing/iec62056-21/test-support/simulator.ts";
import { program } from "../support/programs.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "busbar-simulators-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const socat = program("socat", "socat");

/** The stand-in for gpiomon is found before any other. */
const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };

type Ended = { readonly code: number; readonly out: string; readonly errors: string };

const run = (file: string, ...args: readonly string[]) =>
  new Promise<Ended>((resolve) => {
    execFile(process.execPath, [join(root, file), ...args], { env }, (error, out, errors) => {
      resolve({ code: Number(error?.code ?? 0), out, errors });
    });
  });

type Value = { readonly obis?: string; readonly mantissa: number };

/** How a person starts each simulator on a terminal, and reads it. */
const simulators: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["sml", ["--every", "200"], ["--profile", "sml"]],
  ["dsmr", ["--kind", "se", "--every", "200"], ["--profile", "dsmr"]],
  ["iec62056-21", ["--reaction", "20"], ["--profile", "iec62056-21"]],
  ["dlt645", [], ["--profile", "dlt645-2007"]],
  ["dlt645", ["--address", "1,2", "--echo"], ["--profile", "dlt645-2007", "--address", "2"]],
  ["mbus", [], ["--profile", "mbus", "--address", "12345678"]],
  ["mbus", ["--meters", "1:12345678,9:87654321"], ["--profile", "mbus", "--address", "9"]],
];

for (const [i, [name, options, profile]] of simulators.entries()) {
  test(`a person reads the simulated meter: ${[name, ...options].join(" ")}`, {
    skip: "skip" in socat && socat.skip,
  }, async (t) => {
    const link = join(folder, `line-${i}`);
    const meter = await simulate(name, "--link", link, ...options);
    t.after(() => meter.end());
    const read = () => run("edge/cli.ts", "read", "--at", link, ...profile, "--json");
    let { code, out } = await read();
    // On a starved machine an answer may be late: who reads by hand reads again.
    for (let again = 0; again < 2 && code !== 0; again += 1) ({ code, out } = await read());
    assert.equal(code, 0, out);
    const { values } = JSON.parse(out) as { values: readonly Value[] };
    const energy = values.find(({ obis }) => obis === "1-0:1.8.0");
    assert.ok((energy?.mantissa ?? 0) > 0, out);
  });
}

test("a person counts the pulses of the simulated output, and a second program cannot", async (t) => {
  const meter = await simulate("s0", "--folder", folder, "--watts", "30000");
  t.after(() => meter.end());
  const place = ["--at", "gpio://gpiochip0/17", "--profile", "s0", "--pulses-per-kwh", "1000"];
  const watching = ["read", ...place, "--json", "--watch", "--every", "0.2"];
  const first = spawn(process.execPath, [join(root, "edge/cli.ts"), ...watching], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => first.kill("SIGKILL"));
  const power = await new Promise<number>((resolve) => {
    createInterface({ input: first.stdout }).on("line", (line) => {
      const { values = [] } = JSON.parse(line) as { values?: readonly Value[] };
      const [energy, told] = values;
      if ((energy?.mantissa ?? 0) >= 5 && told !== undefined) resolve(told.mantissa);
    });
  });
  // A starved machine sends its pulses unevenly: how much is not what is looked at here.
  assert.ok(power > 0, `${power} W`);
  const second = await run("edge/cli.ts", "read", ...place, "--json");
  assert.match(second.out, /"code":"meter\.gpio-lost"/);
});

test("the worked example of hardware/meters/README.md is simulated and read", {
  skip: "skip" in socat && socat.skip,
}, async (t) => {
  const readme = readFileSync(join(root, "hardware/meters/README.md"), "utf8");
  const [, yaml = ""] = /```yaml\n([\s\S]*?)```/.exec(readme) ?? [];
  const [, json = ""] = /echo '(\{[\s\S]*?\})' > acme\.json/.exec(readme) ?? [];
  const link = join(folder, "acme");
  writeFileSync(join(folder, "acme-em3.yaml"), yaml);
  writeFileSync(join(folder, "acme.json"), json.replace("/tmp/acme", link));
  const simulator = join(root, "hardware/virtual-site/meters/main.ts");
  const meter = spawn(process.execPath, [simulator, "--config", "acme.json"], {
    cwd: folder,
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(async () => {
    meter.stdin.end();
    await once(meter, "exit");
  });
  await once(createInterface({ input: meter.stdout }), "line");
  const profile = join(folder, "acme-em3.yaml");
  const { code, out } = await run(
    "edge/cli.ts",
    "read",
    "--at",
    link,
    "--profile",
    profile,
    "--json",
  );
  assert.equal(code, 0, out);
  const { values } = JSON.parse(out) as { values: readonly Value[] };
  const wanted = [...yaml.matchAll(/obis: "([^"]+)"/g)].map(([, obis]) => obis);
  assert.deepEqual(values.map(({ obis }) => obis).sort(), wanted.sort());
});

test("each simulator answers wrong use with how it is used", async () => {
  for (const name of ["sml", "dsmr", "iec62056-21", "dlt645", "mbus", "s0"]) {
    const main = `hardware/virtual-site/meters/${name}/main.ts`;
    for (const args of [["--port", "99999999"], ["--nonsense"]]) {
      const { code, errors } = await run(main, ...args);
      assert.equal(code, 1, args.join(" "));
      assert.match(errors, new RegExp(`^${name}: `));
      assert.equal(errors.trim().split("\n").length, 1, errors);
    }
  }
});
