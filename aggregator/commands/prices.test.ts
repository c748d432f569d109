import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { type PricesOptions, pricesCommand } from "./prices.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-prices-"));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, "day.csv");
// The paper's noon, an hour in which the bureau sells to both, one in which it buys, and a still one.
writeFileSync(
  file,
  `date,hour,pv,wind,own,users,pv_forecast,wind_forecast,own_forecast,users_forecast
sunny,12,572,118,366,733,600,100,360,700
sunny,19,28,175,336,780,34,182,348,754
sunny,3,0,704,236,422,0,690,240,430
sunny,4,0,0,0,0,0,0,0,0
grey,12,50,20,300,700,50,20,300,700
`,
);
const defaults: PricesOptions = {
  day: file,
  weights: "3:3:1",
  companyBand: "0.5:0.7",
  bureauBand: "0.4:0.6",
  subsidy: "0.05",
  objective: "bargaining",
  seed: "busbar",
  json: true,
};

function run(options: Partial<PricesOptions> = {}): string[] {
  const lines: string[] = [];
  pricesCommand({ ...defaults, ...options }, (line) => lines.push(line));
  return lines;
}

const json = (options: Partial<PricesOptions> = {}) => JSON.parse(run(options)[0] ?? "");

test("each hour has its energy, its exact and its colony's prices; what is not traded is null", () => {
  const { hours, worstError, weights, date } = json({ use: "real" });
  assert.deepEqual([date, weights, hours.length], ["sunny", "3:3:1", 4]);
  assert.ok(worstError <= 0.001);
  const [noon, evening, night, still] = hours;
  assert.deepEqual(noon.kwh, { cg: 0, cu: 409, gc: 0, gu: 324 });
  assert.deepEqual(noon.exact, { cg: null, cu: 0.556832, gc: null, gu: 0.688505 });
  assert.deepEqual(noon.colony, noon.exact);
  assert.deepEqual(
    Object.keys(evening.exact).filter((channel) => evening.exact[channel]),
    ["cg", "cu"],
  );
  assert.deepEqual(
    Object.keys(night.exact).filter((channel) => night.exact[channel]),
    ["gc", "gu"],
  );
  assert.deepEqual(still.colony, { cg: null, cu: null, gc: null, gu: null });
});

test("forecast values are taken where the file has them, unless real ones are asked for", () => {
  assert.equal(json().use, "forecast");
  assert.equal(json().hours[0].kwh.gu, 340);
  assert.equal(json({ use: "real" }).hours[0].kwh.gu, 324);
});

test("weights, bands, subsidy, date and objective are what was asked for", () => {
  const noon = (options: Partial<PricesOptions>) => json({ use: "real", ...options }).hours[0];
  assert.deepEqual(noon({ weights: "1:1:1" }).exact, {
    cg: null,
    cu: 0.521757,
    gc: null,
    gu: 0.646615,
  });
  assert.deepEqual(noon({ objective: "as-printed" }).exact, {
    cg: null,
    cu: 0.6,
    gc: null,
    gu: 0.5,
  });
  assert.equal(noon({ objective: "as-printed" }).colony, null);
  assert.ok(noon({ companyBand: "0.1:0.2" }).exact.gu <= 0.2);
  const below = noon({ companyBand: "-0.3:-0.1", bureauBand: "-0.2:0.1" });
  assert.ok(below.exact.gu >= -0.3 && below.exact.gu <= -0.1);
  assert.ok(Math.abs(below.exact.gu - below.colony.gu) <= 0.001);
  assert.notEqual(noon({ subsidy: "0.1" }).exact.cu, noon({}).exact.cu);
  assert.equal(json({ date: "grey" }).hours.length, 1);
});

test("how each search went is exported on request: gap, evaporation, every ant's pheromone", () => {
  assert.equal(json().histories, undefined);
  const [noon, , , still] = json({ history: true, use: "real" }).histories;
  assert.equal(noon.hour, "12");
  assert.ok(noon.gap.length > 10 && noon.gap.at(-1) <= 1e-12);
  assert.equal(noon.evaporation.length, noon.gap.length);
  assert.equal(noon.pheromone.length, noon.gap.length);
  assert.ok(noon.pheromone.every((ants: number[]) => ants.length === 35));
  assert.ok(still.gap.length <= 1, "nothing to find");
});

test("the table for people says the same", () => {
  const lines = run({ json: false, use: "real" });
  assert.match(lines[0] ?? "", /^sunny, real values, weights 3:3:1, bargaining$/);
  assert.match(
    lines[3] ?? "",
    /^ *12 +– +– +– +409\.0 +0\.556832 +0\.556832 +– +– +– +324\.0 +0\.688505 +0\.688505$/,
  );
  assert.match(lines.at(-1) ?? "", /^colony at most 0\.00000\d currency\/kWh from exact$/);
  assert.match(run({ json: false, objective: "as-printed" }).at(-1) ?? "", /to compare only/);
});

const assets = join(folder, "assets.yaml");
const battery = "{ owner: company, capacityKwh: 100, startKwh: 50, chargeKw: 60, dischargeKw: 60 }";

test("with assets the day is planned first, and its prices are for the planned energy", () => {
  writeFileSync(
    assets,
    `cost: { perKwh: [0.5, 0.6, 0.2, 0.1], slope: 0.0001 }
storages: [${battery}]
elastic: [{ owner: users, worth: 0.4, slope: 0.01, downKwh: 9, upKwh: 9 }]
flexible: [{ owner: users, kwh: 30, from: 12, to: 3, maxKw: 30 }]
`,
  );
  const { hours, plan } = json({ use: "real", assets });
  assert.ok(plan.gain > 10 && Math.abs(plan.gain - plan.exactGain) <= 0.001 * plan.exactGain);
  assert.ok(plan.storages.charge[0][3] > 0 && plan.storages.discharge[0][1] > 0);
  assert.ok(Math.abs(plan.storages.stored[0][3] - 50) < 1e-6, "it ends as it began");
  assert.deepEqual(plan.flexible[0], [0, 0, 30, 0], "in the cheapest of its hours");
  hours.forEach(({ kwh, exact, colony }: (typeof hours)[number], i: number) => {
    const drawn = kwh.cu + kwh.cg - kwh.gc;
    assert.ok(Math.abs(drawn - plan.drawnFromBureauKwh[i]) < 0.002, "to the Wh of two parties");
    assert.deepEqual(colony, exact);
  });
  assert.match(run({ json: false, use: "real", assets }).at(-1) ?? "", /^planned by the colony: /);
});

test("assets that make no sense are refused by line or by what was expected", () => {
  const says = (text: string, code: string, message: RegExp) => {
    writeFileSync(assets, text);
    assert.throws(() => run({ assets }), { code, message });
  };
  const cost = "cost: { perKwh: 0.3 }\n";
  says("", "config.invalid", /assets\.yaml/);
  says(`${cost}storage: []\n`, "config.invalid", /assets\.yaml:2.*storage/s);
  says(
    `${cost}storages:\n  - ${battery.replace("100", "-1")}\n`,
    "config.invalid",
    /assets\.yaml:3/,
  );
  says(
    `${cost}storages: [${battery.replace("50,", "500,")}]\n`,
    "prices.assets",
    /start of company: expected 0 to 100 kWh, got 500/,
  );
  says("cost: { perKwh: [1, 2] }\n", "assets.cost", /expected one number or 4, .* got 2/);
  says(
    `${cost}flexible: [{ owner: users, kwh: 1, from: 99, to: 3, maxKw: 1 }]\n`,
    "assets.hour",
    /expected an hour of 12, 19, 3, 4; got 99/,
  );
  says(
    `${cost}flexible: [{ owner: users, kwh: 9, from: 12, to: 12, maxKw: 1 }]\n`,
    "prices.assets",
    /expected 0 to 1 kWh, got 9/,
  );
  assert.throws(() => run({ assets: join(folder, "none.yaml") }), { code: "prices.file" });
});

test("what cannot be meant is refused in words", () => {
  const says = (options: Partial<PricesOptions>, code: string, message: RegExp) =>
    assert.throws(() => run(options), { name: "Failure", code, message });
  for (const weights of ["3:3", "3:3:1:1", "a:b:c", "", "0:1:1", "1.5:1:1", "101:1:1"]) {
    says({ weights }, "prices.usage", /weight/);
  }
  for (const companyBand of [
    "0.7",
    "0.7:0.5",
    "x:y",
    "0.5:0.5",
    "-1001:2",
    "--1:2",
    "0.1:1e9",
    "0:1:2",
  ]) {
    says({ companyBand }, "prices.usage", /company/);
  }
  says({ bureauBand: "1:10" }, "prices.usage", /with a subsidy of 50 ‰ its high must stay below/);
  says({ subsidy: "much" }, "prices.usage", /subsidyPermille: expected an integer/);
  says(
    { objective: "both" },
    "prices.usage",
    /--objective: expected bargaining or as-printed, got both/,
  );
  says({ weights: "-1:1:1" }, "prices.usage", /--weights: expected three integers .* got -1:1:1/);
  says({ use: "guess" }, "prices.usage", /--use: expected forecast or real, got guess/);
  says({ date: "never" }, "prices.date", /has sunny, grey; got never$/);
  says({ day: join(folder, "none.csv") }, "prices.file", /cannot read .*none\.csv/);
  const plain = join(folder, "plain.csv");
  writeFileSync(plain, "hour,pv,wind,own,users\n1,1,1,1,x\n");
  says(
    { day: plain },
    "day-file.value",
    /plain\.csv: row 2, column users: expected a number of kW/,
  );
  writeFileSync(plain, "hour,pv,wind,own,users\n1,1,1,1,1\n");
  says(
    { day: plain, use: "forecast" },
    "prices.usage",
    /the kind of values that .*plain\.csv has, got forecast/,
  );
});

test("the command is there, reads standard input, and ends with 1 on a bad file", async () => {
  const cli = join(import.meta.dirname, "../cli.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [
    cli,
    "prices",
    "--day",
    file,
    "--json",
  ]);
  assert.deepEqual(JSON.parse(stdout), json());
  const child = promisify(execFile)(process.execPath, [cli, "prices", "--day", "-"]);
  child.child.stdin?.end("hour;pv\n1;2\n");
  await assert.rejects(child, {
    code: 1,
    stderr: /^standard input: row 1: expected the columns .*\n\(day-file\.columns\)\n$/,
  });
});
