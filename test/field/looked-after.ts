import assert from "node:assert/strict";
import { once } from "node:events";
import { createReadStream, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { topicsOf } from "@busbar/protocol";
import { openKeyFile, signerOf } from "@busbar/protocol/node";
import { connectAsync } from "mqtt";
import { stringify } from "yaml";
import type { ReleaseAbout, UnitAbout } from "../../aggregator/commands/release.ts";
import { journalVersion } from "../../edge/journal/database.ts";
import { loginToken } from "../../edge/link/token.ts";
import type { Status } from "../../edge/status/status.ts";
import { startMeter, type TestMeter } from "../../edge/test-support/modbus-meter.ts";
import { writeBundle } from "../../edge/update/bundle-file.ts";
import { archOf } from "../../edge/update/enter.ts";
import { inspectPackage } from "../../edge/update/make.ts";
import { signManifest } from "../../edge/update/manifest.ts";
import { version as installation } from "../../edge/version.ts";
import { architectures } from "../../hardware/package/control.ts";
import { file } from "../../hardware/package/tree.ts";
import {
  finish,
  programs,
  type Running,
  ready,
  Scene,
  start,
  until,
} from "../support/virtual-site.ts";
import { smallProgram, smallTarball } from "../update/small-bundle.ts";

/**
 * A unit that is looked after from afar, between real processes and over the aggregator's own broker: its
 * sheet on the ledger, a support session that its owner approved, and releases that it follows.
 */

const site = "field";
const scene = await Scene.open();
const [brokerPort, portalPort, statusPort] = [0, 1, 2].map((n) => scene.portBase + n);
const home = scene.file("home");
const config = join(home, "aggregator.yaml");
const house = scene.file("house");
const at = (name: string) => join(house, name);
const edgeConfig = at("edge.yaml");
const arch = architectures.find((name) => name === archOf(process.arch)) ?? "amd64";
const root = join(import.meta.dirname, "../..");
const broker = `mqtt://127.0.0.1:${brokerPort}`;
let meter: TestMeter;
let unit: Running;
let files: Server;
let source = "";

/** The unit's own program, that says another version of itself. */
const good = (version: string) => `
import { registerHooks } from "node:module";
if (process.argv[2] === "self-test") process.exit(0);
registerHooks({
  load: (url, context, next) =>
    url.endsWith("/edge/version.ts")
      ? { format: "module", shortCircuit: true, source: 'export const version = "${version}";' }
      : next(url, context),
});
await import(${JSON.stringify(join(root, "edge/cli.ts"))});
`;
/** One whose unit never comes up. */
const bad = `process.exit(process.argv[2] === "self-test" ? 0 : 1);\n`;

async function bundleOf(number: number, program: string): Promise<string> {
  const release = {
    version: `9.${number}.0`,
    revision: 1,
    arch,
    node: "24.21.0",
    commit: undefined,
  };
  const tree = smallProgram({ ...release, journal: journalVersion }, [
    ["edge/cli.ts", file(program)],
  ]);
  const tarball = at(`small-${number}.tar.gz`);
  smallTarball(tarball, tree);
  const manifest = await inspectPackage(tarball);
  const path = at(`busbar-edge_9.${number}.0-1_${arch}.bundle`);
  const signer = signerOf(openKeyFile(at("update.key")));
  await writeBundle(path, signManifest(manifest, signer), { from: tarball, at: 0 });
  return path;
}

const startUnit = () => start(programs.edge, ["run", "--config", edgeConfig]);

async function status(): Promise<Status | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${statusPort}/status`);
    return (await response.json()) as Status;
  } catch {
    // Between two programs nobody answers.
    return undefined;
  }
}

async function units(): Promise<{ unit: UnitAbout | undefined; release: ReleaseAbout | null }> {
  const out = await finish(programs.aggregator, ["units", "--json", "--config", config]);
  const { units: all, release } = JSON.parse(out) as {
    readonly units: readonly UnitAbout[];
    readonly release: ReleaseAbout | null;
  };
  return { unit: all.find(({ device }) => device === "house-unit"), release };
}

/** Runs a command of the unit; its JSON, or its text, and its exit code. */
async function edge(...args: string[]): Promise<{ code: number | null; out: string }> {
  const { code, out, errors } = await start(programs.edge, args).ended;
  return { code, out: out + errors };
}

before(async () => {
  meter = await startMeter();
  mkdirSync(house);
  files = createServer((request, response) => {
    createReadStream(at(basename(request.url ?? "")))
      .on("error", () => {
        response.statusCode = 404;
        response.end();
      })
      .pipe(response);
  });
  files.listen(0, "127.0.0.1");
  await once(files, "listening");
  const address = files.address();
  source = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  const connection = { kind: "tcp", host: "127.0.0.1", port: meter.port };
  const unitConfig = {
    site,
    membership: join(home, "membership.json"),
    device: { id: "house-unit" },
    owner: { id: "house", party: "user", name: "House", key: "owner.key" },
    clock: { kind: "system", trust: "system" },
    brokers: [{ url: broker }],
    status: { host: "127.0.0.1", port: statusPort },
    meters: [{ id: "house-net", profile: "eastron-sdm630", connection }],
    sampling: { everySeconds: 1 },
    batch: { entries: 1 },
    updates: { follow: true },
  };
  writeFileSync(edgeConfig, stringify(unitConfig));
  const key = signerOf(openKeyFile(at("update.key"))).publicKey;
  writeFileSync(at("update-keys"), `${Buffer.from(key).toString("base64url")}\n`);
  await finish(programs.edge, ["enrol", "--config", edgeConfig]);
  await finish(programs.aggregator, [
    ...["init", "--home", home, "--site", site, "--admit", at("request.json")],
    ...["--broker-port", String(brokerPort), "--portal-port", String(portalPort)],
  ]);
  await ready(start(programs.aggregator, ["run", "--config", config]));
  unit = startUnit();
  await ready(unit);
  await until("a receipt has come", async () => (await status())?.link?.lastReceiptAt);
});
after(async () => {
  files?.close();
  await meter?.close();
  await scene.end();
});

test("a sheet's hash comes to the ledger, and a proof of it fits the sheet and no other one", async () => {
  await edge("commission", "display", "house-net=12.5", "--config", edgeConfig);
  const args = ["--installer", "Ivo", "--installer-key", at("ivo.key"), "--output", house];
  const made = await edge("commission", "sheet", ...args, "--config", edgeConfig, "--json");
  const {
    files: [json = ""],
    hash,
  } = JSON.parse(made.out) as { files: string[]; hash: string };
  await until("the ledger has the hash", async () =>
    (await units()).unit?.sheet === hash ? true : undefined,
  );
  const { unit: about } = await units();
  assert.equal(about?.sheetSigned, true);
  const proof = at("sheet.proof");
  const key = "commissioning/house-unit";
  await finish(programs.aggregator, ["prove", "state", key, "--cbor", proof, "--config", config]);
  const by = ["--proof", proof, "--membership", join(home, "membership.json"), "--json"];
  const checked = await edge("commission", "verify", json, ...by);
  assert.equal(checked.code, 0, checked.out);
  assert.ok(JSON.parse(checked.out).ledger.installer);
  const other = await edge("commission", "sheet", ...args, "--config", edgeConfig, "--json");
  const second = (JSON.parse(other.out) as { files: string[] }).files[0] ?? "";
  const refused = await edge("commission", "verify", second, ...by);
  assert.match(refused.out, /commission\.proof/);
});

/** Publishes bytes on the unit's topic as its owner. */
async function publish(payload: Uint8Array): Promise<void> {
  const signer = signerOf(openKeyFile(at("owner.key")));
  const client = "house:raw";
  const password = loginToken({
    ...{ chain: site, identity: "house", client, broker: site, signer, now: Date.now() },
  });
  const options = { clientId: client, username: "house", password, reconnectPeriod: 0 };
  const mqtt = await connectAsync(broker, options, false);
  await mqtt.publishAsync(topicsOf(site).supportAsk("house-unit"), Buffer.from(payload), {
    qos: 1,
  });
  await mqtt.endAsync();
}

test("who the owner approved may ask four things; the owner sees all of it, and ends it", async () => {
  const { out: made } = await edge("support", "key", at("ivo-support.key"), "--json");
  const { word } = JSON.parse(made) as { word: string };
  const approval = at("approval.json");
  const approve = ["support", "approve", word, "--name", "Ivo", "--config", edgeConfig];
  await finish(programs.edge, [...approve, "--output", approval]);
  const visit = ["--broker", broker, "--sign-in", "house", "--sign-in-key", at("owner.key")];
  const ask = (what: string[], file = approval, key = at("ivo-support.key"), wait = "120") =>
    edge("support", "ask", ...visit, "--key", key, "--wait", wait, "--json", file, ...what);
  const watching = start(programs.edge, [
    ...["support", "watch", approval, ...visit, "--owner-key", at("owner.key")],
  ]);
  await until("the owner looks on", () => (watching.out().includes("watching") ? true : undefined));

  const read = JSON.parse((await ask(["read", "house-net"])).out) as { code: string; text: string };
  assert.equal(read.code, "ok");
  assert.equal(JSON.parse(read.text)[0].id, "house-net");
  assert.match((await ask(["logs", "50"])).out, /link up/);
  assert.match((await ask(["sweep"])).out, /findings/);
  assert.match((await ask(["doctor"])).out, /busbar-edge/);
  const wrong = await ask(["read", "../../etc/shadow"]);
  assert.deepEqual([wrong.code, JSON.parse(wrong.out).code], [1, "support.arguments"]);
  const shell = await edge(
    "support",
    "ask",
    ...visit,
    "--key",
    at("ivo-support.key"),
    approval,
    "sh",
  );
  assert.equal(shell.code, 2, shell.out);
  await until("the owner has seen the answers", () =>
    watching.out().includes("house-net") && watching.out().includes("link up") ? true : undefined,
  );
  watching.process.kill("SIGTERM");

  // Foreign approvals and keys, garbage, an approval that is over: nobody is answered.
  openKeyFile(at("strange.key"));
  const counts = async (code: string) => (await status())?.counts[code] ?? 0;
  const silent = async (code: string, run: () => Promise<unknown>) => {
    const before = await counts(code);
    await run();
    await until(`refused as ${code}`, async () =>
      (await counts(code)) > before ? true : undefined,
    );
  };
  const foreign = at("foreign.json");
  await finish(programs.edge, [...approve, "--owner-key", at("strange.key"), "--output", foreign]);
  await silent("support.approval", () => ask(["logs"], foreign, undefined, "1"));
  await silent("support.signature", () => ask(["logs"], approval, at("strange.key"), "1"));
  await silent("support.form", () => publish(Uint8Array.of(1, 2, 3)));

  await finish(programs.edge, [
    ...["support", "end", approval, ...visit, "--owner-key", at("owner.key")],
  ]);
  await until("the session is over", async () =>
    (await status())?.support?.open.length === 0 ? true : undefined,
  );
  const ended = await ask(["logs"]);
  assert.equal(JSON.parse(ended.out).code, "support.ended");
  const log = await edge("support", "log", "--full", "--config", edgeConfig, "--json");
  const { entries } = JSON.parse(log.out) as { entries: { command?: string; code: string }[] };
  const asked = entries.filter(({ code }) => code === "ok").map(({ command }) => command);
  assert.deepEqual(
    asked.filter((one) => one !== undefined),
    ["read", "logs", "sweep", "doctor"],
  );
});

test("a release is installed in its turn and kept; one that does not come up is undone, said, and stops", async () => {
  const propose = (bundle: string) =>
    finish(programs.aggregator, [
      ...["release", "propose", bundle, "--canary", "house-unit", "--stage", "0:24:1"],
      ...["--stage", "100", "--source", source, "--trial-minutes", "5", "--config", config],
    ]);
  await until("the unit has said what it runs", async () =>
    (await units()).unit?.program === installation ? true : undefined,
  );
  await propose(await bundleOf(1, good("9.1.0-1")));
  const kept = await until(
    "the ledger has it as kept",
    async () => {
      const { unit: about, release } = await units();
      return about?.result === "kept" ? { about, release } : undefined;
    },
    300_000,
  );
  assert.deepEqual(
    [kept.about.program, kept.about.release, kept.release?.kept, kept.release?.failed],
    ["9.1.0-1", 1, 1, 0],
  );
  assert.equal((await status())?.version, "9.1.0-1");

  await propose(await bundleOf(2, bad));
  const { code } = await unit.ended;
  assert.equal(code, 1, "the new program ended by itself");
  // As a service manager would: once more, and then it is given up.
  assert.equal((await startUnit().ended).code, 1);
  unit = startUnit();
  await ready(unit);
  const undone = await until(
    "the ledger has it as undone",
    async () => {
      const { unit: about, release } = await units();
      return about?.result === "rolled-back" ? { about, release } : undefined;
    },
    300_000,
  );
  assert.deepEqual(
    [undone.about.program, undone.about.release, undone.release?.stopped],
    ["9.1.0-1", 2, "failures"],
  );
  assert.match(undone.about.reason ?? "", /started 2 times and did not prove itself/);
  assert.equal((await status())?.version, "9.1.0-1", "it says the program that runs");
  assert.ok(readFileSync(at("update/state.json"), "utf8").includes('"rolled-back"'));
});
