import assert from "node:assert/strict";
import { lstatSync, readlinkSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { stringify } from "yaml";
import { program } from "../support/programs.ts";
import { journalEntries } from "../support/stores.ts";
import {
  finish,
  programs,
  type Running,
  ready,
  Scene,
  start,
  until,
} from "../support/virtual-site.ts";

/** What one meter of three does, on a bus of its own for each. */
const misbehaviours = {
  babbles: { babble: 1 },
  late: { late: 1, lateMs: [700, 2500] },
  wrong: { damaged: 0.5, wrongUnit: 0.5, cut: 0.5 },
  dead: { dead: 1 },
} as const;
const names = Object.keys(misbehaviours);
const readings = 6;

const socat = program("socat", "socat");
const needsSocat = { skip: "skip" in socat && socat.skip };
const scene = await Scene.open();
const linkOf = (name: string) => scene.file(`tty-${name}`);
const config = scene.file("edge.yaml");
let meters: Running;
let unit: Running;

before(async () => {
  if ("skip" in socat) return;
  const buses = Object.entries(misbehaviours).map(([name, faults]) => {
    const device = { profile: "eastron-sdm120", serialNumber: 1, source: "user.1" };
    const bad = { ...device, unit: 2, source: "company.net", faults };
    const other = { ...device, unit: 3, source: "user.2" };
    return { kind: "rtu", link: linkOf(name), devices: [{ ...device, unit: 1 }, bad, other] };
  });
  writeFileSync(scene.file("meters.json"), JSON.stringify({ clock: { kind: "system" }, buses }));
  meters = start(programs.meters, ["--config", scene.file("meters.json")]);
  await ready(meters);
  const edge = {
    site: "bad-meters",
    device: { id: "unit-1" },
    owner: { id: "owner", key: "owner.key" },
    status: { port: 0 },
    sampling: { everySeconds: 1 },
    meters: names.flatMap((name) =>
      [1, 2, 3].map((id) => ({
        id: `${name}-${id}`,
        profile: "eastron-sdm120",
        unit: id,
        connection: { kind: "rtu", path: linkOf(name), baud: 9600 },
      })),
    ),
  };
  writeFileSync(config, stringify(edge));
  await finish(programs.edge, ["enrol", "--config", config]);
  unit = start(programs.edge, ["run", "--config", config]);
  await ready(unit);
});
after(() => scene.end());

type Entry = {
  readonly meter: string;
  readonly registers: Readonly<Record<string, readonly [number, number]>>;
};

async function entries(): Promise<ReadonlyMap<string, readonly Entry[]>> {
  const text = await finish(programs.edge, [
    ...["journal", "export", "--config", config, "--format", "json"],
  ]);
  const all = text.split("\n").filter((line) => line !== "");
  return Map.groupBy(
    all.map((line) => JSON.parse(line) as Entry),
    ({ meter }) => meter,
  );
}

/** How many readings of each meter the unit's journal has. */
function counts(): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const key of journalEntries([scene.file("data", "journal.db")]).keys()) {
    const [id = ""] = key.split(" ");
    found.set(id, (found.get(id) ?? 0) + 1);
  }
  return found;
}

/** Waits until each of these meters has so many readings more. */
async function read(ids: readonly string[], more: number) {
  const before = counts();
  return until(`${ids} were read`, () => {
    const now = counts();
    const enough = (id: string) => (now.get(id) ?? 0) >= (before.get(id) ?? 0) + more;
    return ids.every(enough) ? now : undefined;
  });
}

const good = names.flatMap((name) => [`${name}-1`, `${name}-3`]);

test(
  "a meter that babbles, is late, wrong or dead keeps its neighbours from nothing",
  needsSocat,
  async () => {
    const all = await read(good, readings);
    for (const name of names) {
      const [first = 0, bad = 0, third = 0] = [1, 2, 3].map((id) => all.get(`${name}-${id}`) ?? 0);
      assert.ok(bad < Math.min(first, third) / 2, `${name}: ${bad} beside ${first} and ${third}`);
    }
  },
);

test("no value of the bad meter stands in a neighbour's readings", needsSocat, async () => {
  const all = await entries();
  const energies = (id: string) =>
    (all.get(id) ?? []).flatMap(({ registers }) => {
      const [mantissa, exponent] = registers["1-0:1.8.0"] ?? [Number.NaN, 0];
      return [mantissa * 10 ** exponent];
    });
  for (const id of good) {
    const shown = energies(id);
    assert.ok(shown.length >= readings && shown.every((wh) => wh > 0), id);
    assert.deepEqual(
      shown,
      shown.toSorted((a, b) => a - b),
      id,
    );
    assert.ok((shown.at(-1) ?? 0) - (shown[0] ?? 0) < 100_000, `${id}: ${shown}`);
  }
});

test(
  "an adapter that is unplugged under a running unit is read again when it is back",
  needsSocat,
  async () => {
    const link = linkOf("dead");
    const terminal = readlinkSync(link);
    meters.process.kill("SIGUSR2");
    await until("the terminals are gone", () => (exists(link) ? undefined : true));
    await until("the unit has noticed", () =>
      /meter\.port-(lost|away|missing)/.test(unit.errors()) ? true : undefined,
    );
    const { process: running } = unit;
    meters.process.kill("SIGUSR2");
    await until("the terminals are back", () => (exists(link) ? true : undefined));
    await read(good, 2);
    assert.equal(running.exitCode, null, "it is the same process");
    assert.ok(terminal.startsWith("/dev/pts/"));
  },
);

function exists(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    // Unplugged: there is nothing at its name.
    return false;
  }
}
