import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeMessage, microPerKwh, utcMs, wh } from "@busbar/protocol";
import { forecast } from "@busbar/protocol/forecast";
import { usualGates } from "../../gates.ts";
import { sha256 } from "../../sha256.ts";
import {
  entry,
  frameOf,
  MeterChain,
  signerOfName,
  startTime,
  testGenesis,
} from "../../test-site.ts";
import { siteNets, slotKey } from "./tables.ts";
import { Chain, hour } from "./test-chain.ts";

const { parameters } = testGenesis();

/** A company with sun by day, and a user that draws more in the evening. */
const given = (at: number) => {
  const ofDay = (at / hour) % 24;
  return ofDay > 6 && ofDay < 18 ? 40_000 - 1_000 * Math.abs(12 - ofDay) : 0;
};
const drawn = (at: number) => ((at / hour) % 24 >= 18 ? 30_000 : 10_000 + ((at / hour) % 7) * 100);

/** Runs days with a block each quarter of an hour and readings each hour; `to` ends the user's. */
function days(count: number, { userUntil = Number.POSITIVE_INFINITY } = {}) {
  const run = new Chain({ parameters: { ...parameters, gates: usualGates(60) } });
  const [company, user] = [new MeterChain("company-a"), new MeterChain("user-a")];
  let [out, into] = [0, 0];
  for (let quarter = 0; quarter <= count * 96; quarter += 1) {
    const frames: Uint8Array[] = [];
    const at = startTime + (quarter * hour) / 4;
    if (quarter % 4 === 0) {
      frames.push(company.frame(entry(at, 0, out)));
      if (at <= userUntil) frames.push(user.frame(entry(at, into)));
      out += given(at);
      into += drawn(at);
    }
    assert.deepEqual(run.block(quarter * 15, ...frames), []);
  }
  return run;
}

test("a gate opens with the forecast of what companies and users showed, and with prices of it", () => {
  const run = days(4);
  const noon = startTime + 4 * 24 * hour + 12 * hour;
  const opened = run.of("slot-opened").filter((event) => event.slot === noon);
  const [first] = opened;
  assert.equal(first?.horizon, "day-ahead");
  const { companies, users } = first.forecast;
  assert.ok(companies !== null && users !== null);
  assert.ok(Math.abs(companies.p50 - given(noon)) < 1_000, "four equal days");
  assert.ok(Math.abs(users.p50 + drawn(noon)) < 1_000);
  assert.ok(companies.p10 <= companies.p50 && companies.p50 <= companies.p90);
  assert.notEqual(first.prices.gc, null, "a surplus beyond what the users need");

  // The core, fed with what the meters showed until the block that opened it, says the same.
  const now = startTime + 3 * 24 * hour + 9 * hour;
  // The slot that ended just then is settled at the end of the same block.
  const known = (now - startTime) / hour - 1;
  const netWh = Float64Array.from({ length: known }, (_, i) => given(startTime + i * hour));
  // The chain's first slot begins an hour after it.
  netWh[0] = Number.NaN;
  const ask = { now, from: noon, count: 1 };
  const [alone] = forecast({ slotMs: hour, start: startTime, netWh }, ask) ?? [];
  assert.equal(companies.p50, alone?.p50);
});

test("which company will give it is taken from the same hour of the day before, else from the last hours", () => {
  const price = microPerKwh;
  const genesis = testGenesis();
  const key = signerOfName("company-b").publicKey;
  const owner = { id: "company-b", party: "company", name: "b", key, boxKey: key } as const;
  const meter = { id: "company-b-meter", role: "connection", feeder: "feeder-1" } as const;
  const device = {
    id: "company-b-unit",
    owner: "company-b",
    key: signerOfName("company-b-unit").publicKey,
    meters: [meter],
  };
  const bands = {
    "company-a": [price(510_000), price(520_000)],
    "company-b": [price(650_000), price(660_000)],
  } as const;
  const run = new Chain({
    owners: [...genesis.owners, owner],
    devices: [...genesis.devices, device],
    parameters: {
      ...parameters,
      parties: Object.entries(bands).map(([id, [low, high]]) => ({
        owner: id,
        band: [low, high] as const,
      })),
    },
  });
  const meters = ["company-a", "company-b", "user-a"].map((id) => new MeterChain(id));
  const shown = [0, 0, 0];
  // Company b gives 30 kWh an hour, but for the hour from noon, in which company a does.
  const noon = (at: number) => (at / hour) % 24 === 12;
  for (let quarter = 0; quarter <= 37 * 4; quarter += 1) {
    const at = startTime + (quarter * hour) / 4;
    const frames =
      quarter % 4 === 0
        ? meters.map((chain, i) =>
            i < 2
              ? chain.frame(entry(at, 0, shown[i] ?? 0))
              : chain.frame(entry(at, shown[i] ?? 0)),
          )
        : [];
    if (quarter % 4 === 0) {
      const giver = noon(at) ? 0 : 1;
      shown[giver] = (shown[giver] ?? 0) + 30_000;
      shown[2] = (shown[2] ?? 0) + 90_000;
    }
    assert.deepEqual(run.block(quarter * 15, ...frames), []);
  }
  const gu = (slot: number) =>
    run.of("slot-opened").find((event) => event.slot === slot)?.prices.gu ?? 0;
  const inside = (value: number, [low, high]: readonly [number, number]) =>
    assert.ok(value >= low && value <= high, `${value} in ${low} … ${high}`);
  inside(gu(startTime + 36 * hour), bands["company-a"]);
  inside(gu(startTime + 35 * hour), bands["company-b"]);
  // On the first day there is no day before.
  inside(gu(startTime + 12 * hour), bands["company-b"]);
  inside(gu(startTime + 13 * hour), bands["company-b"]);
});

test("a silent user costs the forecast of the users, and nothing else", () => {
  const run = days(3, { userUntil: startTime + 24 * hour });
  const last = run.of("slot-opened").at(-1);
  assert.ok(last?.forecast.companies !== null);
  const counted = siteNets.get(run.state, slotKey(startTime + 50 * hour));
  assert.deepEqual(counted, {
    companyWh: given(startTime + 50 * hour),
    companies: 1,
    userWh: 0,
    users: 0,
  });
});

test("what late readings change is in the history once, not twice", () => {
  const run = days(1);
  const slot = startTime + 5 * hour;
  const before = siteNets.get(run.state, slotKey(slot));
  assert.equal(before?.userWh, -drawn(slot));
  const correction = {
    member: "member-a",
    meter: "user-a-meter",
    slot: utcMs(slot),
    version: 1,
    importWh: wh(7_000),
    exportWh: wh(0),
    reason: "meter-error",
  } as const;
  const motion = sha256(encodeMessage("correction", correction));
  const ruling = { member: "member-a", slot: utcMs(slot), motion, word: "uphold" } as const;
  const frames = [
    frameOf("member-a", "correction", correction),
    frameOf("member-a", "ruling", ruling),
  ];
  assert.deepEqual(run.block(24 * 60 + 1, ...frames), []);
  const after = siteNets.get(run.state, slotKey(slot));
  assert.deepEqual(after, { ...before, userWh: -7_000 });
});
