import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { takeCode } from "../../edge/claim/take.ts";
import { loadConfig } from "../../edge/config/load.ts";
import { freePort } from "../../edge/test-support/free-port.ts";
import { startMeter } from "../../edge/test-support/modbus-meter.ts";
import { program } from "../support/programs.ts";
import { programs } from "../support/virtual-site.ts";

/** From the office's labels over a card to the first receipt, with the commands and processes that people use. */

const mkfs = program("mkfs.vfat", "dosfstools");
const mcopy = program("mcopy", "mtools");
const skip = ("skip" in mkfs && mkfs.skip) || ("skip" in mcopy && mcopy.skip) || false;

const scratch = mkdtempSync(join(tmpdir(), "busbar-label-"));
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});
const at = (...names: string[]) => join(scratch, ...names);
const mib = 1024 * 1024;

function command(script: string, ...args: readonly string[]) {
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    execFile(process.execPath, [script, ...args], { cwd: scratch }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

async function done(script: string, ...args: readonly string[]): Promise<string> {
  const { code, out, err } = await command(script, ...args);
  assert.equal(code, 0, `${args.join(" ")}: ${out}${err}`);
  return out;
}

/** Starts what runs on, and gives its first line. */
async function run(script: string, ...args: readonly string[]) {
  const child = spawn(process.execPath, [script, ...args], {
    cwd: scratch,
    stdio: ["ignore", "pipe", "ignore"],
  });
  children.push(child);
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  return { child, ready: JSON.parse(String(line)) };
}

async function end(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** An image of two MiB whose second one is a FAT partition with a folder, as the card's. */
function makeImage(): void {
  const made = spawnSync("path" in mkfs ? mkfs.path : "", ["-C", at("fat"), "1024"]);
  assert.equal(made.status, 0, String(made.stderr));
  const card = Buffer.alloc(2 * mib);
  card[446 + 4] = 0x0c;
  card.writeUInt32LE(2048, 446 + 8);
  card.writeUInt32LE(2048, 446 + 12);
  card.writeUInt16LE(0xaa55, 510);
  card.set(readFileSync(at("fat")), mib);
  writeFileSync(at("card.img"), card);
  const sum = createHash("sha256").update(card).digest("hex");
  writeFileSync(at("card.sha256"), `${sum}  card.img\n`);
}

/** A unit's folder with what its card holds, as the image's first start puts it there. */
function firstStart(card: string, home: string): void {
  mkdirSync(at(home));
  const from = `${at(card)}@@${mib}`;
  const copied = spawnSync("mcopy", ["-s", "-n", "-i", from, "::site", at(home)], {
    env: { ...process.env, MTOOLS_SKIP_CHECK: "1" },
  });
  assert.equal(copied.status, 0, String(copied.stderr));
  for (const name of ["sealed.txt", "membership.json", "edge.yaml"]) {
    cpSync(at(home, "site", name), at(home, name));
  }
}

type Seen = {
  claim?: { state: string; code?: string; height?: number; problem?: string };
  link?: { lastReceiptAt?: number; connected: boolean };
  journal: { meters: { committed: number }[] };
};

const statusOf = async (port: number): Promise<Seen> =>
  (await (await fetch(`http://127.0.0.1:${port}/status`)).json()) as Seen;

/** Waits for a state of a unit; the runner's own limit ends what never comes. */
async function seen(port: number, wanted: (status: Seen) => boolean): Promise<Seen> {
  for (;;) {
    const status = await statusOf(port);
    if (wanted(status)) return status;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const enter = (port: number, code: string) =>
  fetch(`http://127.0.0.1:${port}/claim`, { method: "POST", body: new URLSearchParams({ code }) });

test("labels, a flashed card, a code at the wall before the network is there: the unit is taken in", {
  skip,
}, async () => {
  const [brokerPort, portalPort, wallPort] = [await freePort(), await freePort(), await freePort()];
  const meter = await startMeter();
  after(() => meter.close());
  const office = at("office");
  const config = join(office, "aggregator.yaml");
  await done(
    programs.aggregator,
    ...["init", "--site", "elm", "--home", office, "--broker-port", `${brokerPort}`],
    ...["--portal-port", `${portalPort}`],
  );
  await run(programs.aggregator, "run", "--config", config);
  const labels = ["site", "labels", "--config", config, "--output", at("sheet")];
  const made = await done(programs.aggregator, ...labels, "anna-unit=anna", "bob-unit=bob");
  assert.match(made, /2 labels for anna-unit, bob-unit, each good once before 2\d{3}-/);
  const sheet = JSON.parse(readFileSync(at("sheet", "labels.json"), "utf8"));
  const [code, bobs] = sheet.labels.map((label: { code: string }) => label.code);
  assert.ok(readFileSync(at("sheet", "labels.html"), "utf8").includes("<svg viewBox="));

  // In the office: a card for anna, with a secret that only her label opens.
  makeImage();
  writeFileSync(at("note.pem"), "a secret of anna's unit");
  cpSync(join(office, "membership.json"), at("membership.json"));
  const connection = `{ kind: tcp, host: 127.0.0.1, port: ${meter.port} }`;
  writeFileSync(
    at("site.yaml"),
    `membership: membership.json
secrets: [note.pem]
unit:
  site: elm
  device: { id: anna-unit }
  owner: { id: anna, name: Anna, key: owner.key }
  status: { host: 127.0.0.1, port: 0 }
  clock: { kind: system, trust: system }
  sampling: { everySeconds: 1 }
  batch: { entries: 1 }
  brokers: [{ url: "mqtt://127.0.0.1:${wallPort}", id: recorder-1 }]
  meters: [{ id: anna-grid, profile: eastron-sdm630, connection: ${connection} }]
`,
  );
  const flash = ["flash", "--image", "card.img", "--config", "site.yaml", "--to-file", "anna.img"];
  await done(programs.edge, ...flash, "--labels", at("sheet", "labels.json"));
  const onCard = readFileSync(at("anna.img"));
  for (const secret of ["a secret of anna's unit", code]) assert.equal(onCard.indexOf(secret), -1);
  assert.ok(onCard.indexOf("BUSBAR-SEALED-1") > mib);

  // At the wall: no network yet. The code is entered on the unit's page.
  firstStart("anna.img", "anna");
  const edgeYaml = at("anna", "edge.yaml");
  const unit = await run(programs.edge, "run", "--config", edgeYaml);
  const port = unit.ready.statusPort;
  assert.equal((await statusOf(port)).claim?.state, "code");
  const wrong = await enter(port, bobs);
  assert.equal(wrong.status, 422);
  assert.match(await wrong.text(), /another unit&#39;s label/);
  assert.ok(existsSync(at("anna", "sealed.txt")));
  let taken: Response;
  // The door takes one code in a few seconds.
  do {
    await new Promise((resolve) => setTimeout(resolve, 200));
    taken = await enter(port, `http://anna-unit.local:8080/claim#${code}@elm`);
  } while (taken.status !== 200);
  assert.equal(readFileSync(at("anna", "note.pem"), "utf8"), "a secret of anna's unit");
  assert.equal(existsSync(at("anna", "sealed.txt")), false);
  // What was opened is taken over by a start of the unit anew.
  const [again] = await once(createInterface({ input: unit.child.stdout }), "line");
  const later = JSON.parse(String(again)).statusPort;
  await seen(later, ({ claim, link }) => claim?.state === "asking" && link?.connected === false);

  // Days later the network comes.
  const network = createServer((socket) => {
    const there = connect(brokerPort, "127.0.0.1");
    socket.pipe(there).pipe(socket);
    for (const end of [socket, there]) end.on("error", () => socket.destroy());
  }).listen(wallPort, "127.0.0.1");
  after(() => network.close());
  await seen(later, ({ link }) => link?.lastReceiptAt !== undefined);
  assert.equal(existsSync(at("anna", "claim.json")), false);
  await end(unit.child);

  // The board dies. Its key counts no more; a new card and the old label bring another one in.
  const replaced = await done(programs.aggregator, "replace", "anna-unit", "--config", config);
  assert.match(replaced, /the old unit's key counts no more; its old label is good once more/);
  firstStart("anna.img", "anew");
  const { label } = await takeCode(code, loadConfig(at("anew", "edge.yaml")));
  const heir = await run(programs.edge, "run", "--config", at("anew", "edge.yaml"));
  await seen(
    heir.ready.statusPort,
    ({ claim, link }) => claim?.state === "admitted" || link?.connected === true,
  );
  const list = await done(programs.aggregator, "site", "list", "--config", config, "--json");
  const states = JSON.parse(list).labels.map((one: Record<string, string>) => [
    one.device,
    one.state,
  ]);
  assert.deepEqual(states.sort(), [
    ["anna-unit", "used"],
    ["bob-unit", "open"],
  ]);
  assert.ok(list.includes(label));
  // The old key is known to be gone: nobody's half hour is waited for before readings go on.
  await seen(heir.ready.statusPort, ({ journal: { meters } }) => (meters[0]?.committed ?? 0) > 0);
  const keys = ["anna", "anew"].map((home) => readFileSync(at(home, "device.key"), "utf8"));
  assert.notEqual(keys[0], keys[1]);
});
