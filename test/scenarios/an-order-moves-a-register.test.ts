import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { openKeyFile, publicKeysOf, verify } from "@busbar/protocol/node";
import { ServerTCP } from "modbus-serial";
import { stringify } from "yaml";
import { checkBillText } from "../../aggregator/commands/bill-verify.ts";
import { readMembership } from "../../aggregator/commands/membership-file.ts";
import { moneyOf } from "../../aggregator/ledger/accounts.ts";
import { creditReports } from "../../aggregator/ledger/credit.ts";
import { type Demand, demands } from "../../aggregator/ledger/demand.ts";
import { meterStates } from "../../aggregator/ledger/rules/meter-state.ts";
import { SqliteState } from "../../aggregator/ledger/state/sqlite-state.ts";
import type { StateReader } from "../../aggregator/ledger/state/state.ts";
import { sdm630 } from "../../edge/test-support/modbus-meter.ts";
import { finish, programs, ready, Scene, start, until } from "../support/virtual-site.ts";

const hour = 3_600_000;
const begin = Date.UTC(2026, 5, 21, 2);
/** When three days are known of what is usual. */
const later = begin + 72 * hour;
/** The order's first slot. */
const slot = later + 2 * hour;
const site = "ordered";
/** Drawn all day. */
const usualW = 1_000;
/** Of the limit register. */
const [register, scaleW, safeW] = [261, 10, 11_000];

const scene = await Scene.open();
const ports = { broker: scene.portBase, portal: scene.portBase + 1, meter: scene.portBase + 2 };
const clockFile = scene.file("clock.json");
const home = scene.file("home");
const config = join(home, "aggregator.yaml");
/** What the device has, and what it was told, in the order of the writes. */
const inputs = new Map<number, number>();
const holding = new Map<number, number>([[register, safeW / scaleW]]);
const written: number[] = [];
let now = begin;
/** The meter and, beside it, the register. */
const device = openDevice();

before(async () => {
  setClock(begin);
  inputs.set(sdm630.voltage, 230).set(sdm630.importKwh, 500).set(sdm630.exportKwh, 7);
  await once(device, "initialized");
  const requests = [writeUnit("house"), writeBureau()];
  await finish(programs.edge, ["enrol", "--config", join(scene.file("house"), "edge.yaml")]);
  await finish(programs.aggregator, [
    "init",
    ...["--home", home, "--site", site, "--clock", clockFile],
    ...["--time", new Date(begin).toISOString()],
    ...["--broker-port", String(ports.broker), "--portal-port", String(ports.portal)],
    ...requests.flatMap((request) => ["--admit", request]),
  ]);
  // Nobody trades here: one gate is enough.
  const genesis = JSON.parse(readFileSync(join(home, "genesis.json"), "utf8"));
  const gates = genesis.parameters.gates.filter(
    ({ scale }: { scale: string }) => scale === "real-time",
  );
  const parameters = { ...genesis.parameters, gates };
  writeFileSync(join(home, "genesis.json"), JSON.stringify({ ...genesis, parameters }));
});
after(async () => {
  await scene.end();
  device.close(() => undefined);
});

test("a signed order goes to the relay and back to safe, is proven by readings, paid, and on the bill", async () => {
  await ready(start(programs.aggregator, ["run", "--config", config]));
  await ready(start(programs.edge, ["run", "--config", join(scene.file("house"), "edge.yaml")]));
  await move(begin + hour);
  await move(later);

  await said("allow-orders", "house", [
    ...["--unit", "house-unit", "--kwh", "0.5", "--price", "0.1", "--slots", "4"],
    ...["--until", new Date(slot + 9 * hour).toISOString()],
  ]);
  // A unit's own word is not enough: what the ledger has not proven is not carried out.
  assert.equal(holding.get(register), safeW / scaleW);
  await said("order", "bureau", [
    ...["--unit", "house-unit", "--action", "shed", "--slot", new Date(slot).toISOString()],
    ...["--slots", "3", "--kwh", "0.4", "--price", "0.5"],
  ]);
  await orderIs("the unit has acknowledged it", ({ status }) => status === "acknowledged");
  assert.equal(holding.get(register), safeW / scaleW, "its slot has not begun");

  await move(slot);
  const limit = (usualW - 400) / scaleW;
  await until("the register holds what the order leaves", () => holds(limit));
  await move(slot + hour, 600);
  assert.equal(holding.get(register), limit, "the second slot is under it as well");
  // Nothing is held for more than two hours here, whatever orders say.
  await move(slot + 2 * hour, 600);
  await until("it is back in its safe state by its own time-out", () => holds(safeW / scaleW));
  await move(slot + 3 * hour);
  // A block that comes before the last reading looks again a slot later.
  await move(slot + 4 * hour);

  const proven = await orderIs("it is settled", ({ status }) => status === "settled");
  assert.deepEqual([proven.deliveredWh, proven.money], [800, 400_000]);
  look((state) => {
    assert.equal(moneyOf(state, "house", "sales") - 400_000, 0);
    const kinds = creditReports.get(state, "house")?.counts.map(({ kind }) => kind);
    assert.deepEqual(kinds, ["order-unkept"], "a third of it was not carried out");
  });
  assert.deepEqual(new Set(written), new Set([safeW / scaleW, limit]), "and nothing else was set");
  await billed();
});

/** The bill of the house has the order as a line, made anew from its own readings. */
async function billed(): Promise<void> {
  const bill = await finish(programs.aggregator, [
    ...["bill", "--owner", "house", "--month", "2026-06", "--json", "--config", config],
  ]);
  const pinned = readMembership(join(home, "membership.json"));
  const checked = checkBillText(bill, { pinned, verify });
  assert.ok(checked.ok, JSON.stringify(checked));
  const [line] = checked.bill.account;
  assert.deepEqual([line?.kind, line?.money, line?.with], ["demand", 400_000, "bureau"]);
  assert.deepEqual(
    [line?.demand?.deliveredWh, line?.demand?.orderedWh, line?.demand?.word, line?.demand?.checked],
    [800, 1_200, "unkept", true],
  );
}

/**
 * The site's time is the test's: it stands still until it is moved on, so nothing here depends on how fast the
 * machine is. The meter shows what was drawn until then, and the ledger has that reading before it goes on.
 */
async function move(to: number, drawnW = usualW): Promise<void> {
  const kwh = inputs.get(sdm630.importKwh) ?? 0;
  inputs.set(sdm630.importKwh, kwh + (drawnW * (to - now)) / hour / 1000);
  setClock(to);
  await readUpTo(to);
}

function setClock(to: number): void {
  now = to;
  // As long as its origin lies ahead the site stands still, and the file may be written anew.
  const clock = { originWallMs: Date.now() + 10 * 24 * hour, originSiteMs: to, speed: 3_600 };
  writeFileSync(`${clockFile}.new`, JSON.stringify(clock));
  renameSync(`${clockFile}.new`, clockFile);
}

let ledger: DatabaseSync | undefined;

/** Looks at the ledger's state beside the aggregator that writes it. */
function look<T>(at: (state: StateReader) => T): T {
  ledger ??= new DatabaseSync(join(home, "ledger.sqlite"), { readOnly: true });
  // Anew each time: it remembers what it has read.
  return at(new SqliteState(ledger));
}

function untilLedger<T>(what: string, at: (state: StateReader) => T | undefined): Promise<T> {
  return until(what, () => look(at));
}

async function readUpTo(time: number): Promise<void> {
  await untilLedger(`readings up to ${new Date(time).toISOString()}`, (state) => {
    const known = meterStates.get(state, "house-net")?.energyTime ?? 0;
    return known >= time ? true : undefined;
  });
}

function orderIs(what: string, isSo: (order: Demand) => boolean): Promise<Demand> {
  return untilLedger(what, (state) => {
    const [[, order] = []] = [...demands.scan(state)];
    return order !== undefined && isSo(order) ? order : undefined;
  });
}

function holds(counts: number): true | undefined {
  return holding.get(register) === counts ? true : undefined;
}

async function said(command: string, owner: string, args: readonly string[]): Promise<void> {
  const key = join(scene.file(owner), "owner.key");
  await finish(programs.aggregator, [
    command,
    ...["--owner", owner, "--key", key, "--config", config],
    ...args,
  ]);
}

/** A meter with a limit register beside it, on one Modbus unit. */
function openDevice(): ServerTCP {
  const word = (address: number): number => {
    const view = new DataView(new ArrayBuffer(4));
    view.setFloat32(0, inputs.get(address - (address % 2)) ?? 0);
    return view.getUint16(2 * (address % 2));
  };
  const vector = {
    getInputRegister: word,
    getHoldingRegister: (address: number) => holding.get(address) ?? 0,
    setRegister: (address: number, value: number) => {
      written.push(value);
      holding.set(address, value);
    },
  };
  return new ServerTCP(vector, { host: "127.0.0.1", port: ports.meter, unitID: 1 });
}

/** Returns where enrolling writes its request. */
function writeUnit(owner: string): string {
  const folder = scene.file(owner);
  mkdirSync(folder);
  const connection = { kind: "tcp", host: "127.0.0.1", port: ports.meter };
  const unit = {
    site,
    membership: join(home, "membership.json"),
    device: { id: `${owner}-unit` },
    owner: { id: owner, party: "user", name: owner, key: "owner.key" },
    clock: { kind: "file", path: clockFile },
    brokers: [{ url: `mqtt://127.0.0.1:${ports.broker}` }],
    status: { port: scene.portBase + 3 },
    meters: [{ id: `${owner}-net`, profile: "eastron-sdm630", connection, unit: 1 }],
    sampling: { everySeconds: 3_600 },
    // Each by itself at once: time stands still behind it.
    batch: { entries: 1 },
    demand: {
      ...{ enabled: true, dryRun: false, refreshSeconds: 1, holdHoursMax: 2 },
      actuator: {
        ...{ kind: "modbus", connection, unit: 1, register, scaleW },
        ...{ minW: 100, maxW: safeW, safeW },
      },
    },
  };
  writeFileSync(join(folder, "edge.yaml"), stringify(unit));
  return join(folder, "request.json");
}

/** Who orders; its own unit is not there. */
function writeBureau(): string {
  const folder = scene.file("bureau");
  mkdirSync(folder);
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64url");
  const { key, boxKey } = publicKeysOf(openKeyFile(join(folder, "owner.key")));
  const about = { id: "bureau", party: "bureau", name: "Bureau" };
  const owner = { ...about, key: text(key), boxKey: text(boxKey) };
  const device = { id: "bureau-unit", owner: "bureau", meters: [] };
  const unit = publicKeysOf(openKeyFile(join(folder, "device.key")));
  const request = { owner, device: { ...device, key: text(unit.key) } };
  writeFileSync(join(folder, "request.json"), JSON.stringify(request));
  return join(folder, "request.json");
}
