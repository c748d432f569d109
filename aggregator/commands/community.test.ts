import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { decodeMessage, encodeMessage, Failure, microPerKwh, wh } from "@busbar/protocol";
import fc from "fast-check";
import { greenLines } from "../ledger/certificates.ts";
import { slotKey } from "../ledger/settlements.ts";
import { Overlay } from "../ledger/state/overlay.ts";
import { Store } from "../ledger/store.ts";
import { certificatesCommand } from "./certificates.ts";
import { creditCommand, ordersCommand } from "./credit.ts";
import { answerOf, certificatesOf, mandateOf, orderOf, paymentOf } from "./owner-word.ts";
import { type RouteOptions, routeCommand } from "./route.ts";
import { type ShareOptions, shareCommand } from "./share.ts";
import { testHome } from "./test-home.ts";
import { type ReportOptions, reportCommand } from "./what-if.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-what-if-"));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, "meters.csv");
const members = join(folder, "members.csv");

const table = `time,member,import,export,generation
2026-06-01T12:00:00Z,roof,0,1,1.5
2026-06-01T12:00:00Z,anna,0.8,0,
2026-06-01T12:00:00Z,ben,0.4,,
2026-06-01T12:15:00Z,roof,0.2,0,0
2026-06-01T14:15:00+02:00,anna,0.5,0,
`;
writeFileSync(file, table);
writeFileSync(members, "member,party,weight,ask\nroof,company,0,0.45\nanna,,3,\nben,user,1,\n");

function report(options: Partial<ReportOptions>): string[] {
  const lines: string[] = [];
  reportCommand({ whatIf: true, json: true, ...options }, (line) => lines.push(line));
  return lines;
}

function share(options: Partial<ShareOptions>): string[] {
  const lines: string[] = [];
  shareCommand({ key: "dynamic", csv: false, json: false, ...options }, (line) => lines.push(line));
  return lines;
}

type Told = {
  slots: number;
  slotMs: number;
  members: { id: string; slots: number; totals: { scheme: string; receivedWh: number }[] }[];
};

test("a file's meters are told under each scheme, as JSON, text and a page", () => {
  const html = join(folder, "what-if.html");
  const told = JSON.parse(report({ file, members, html })[0] ?? "") as Told;
  assert.deepEqual([told.slots, told.slotMs], [2, 900_000]);
  assert.deepEqual(
    told.members.map(({ id, slots }) => [id, slots]),
    [
      ["anna", 2],
      ["ben", 1],
      ["roof", 2],
    ],
  );
  const received = told.members[0]?.totals.map(({ scheme, receivedWh }) => [scheme, receivedWh]);
  assert.deepEqual(received?.slice(0, 3), [
    ["retail", 0],
    ["static-key", 750],
    ["dynamic-key", 667],
  ]);
  const text = report({ file, members, json: false }).join("\n");
  assert.match(text, /3 members, 2 slots of 15 minutes/);
  assert.match(text, /bargaining +\S+ +\S+ +62\.5 % +100\.0 %/);
  assert.match(readFileSync(html, "utf8"), /<h1>What if<\/h1>/);
});

test("slots are shared by a key, each member of each slot on a line", () => {
  const lines = share({ file, members, key: "hybrid", csv: true });
  assert.deepEqual(lines.slice(0, 4), [
    "time,member,import_kwh,export_kwh,received_kwh,given_kwh,paid",
    "2026-06-01T12:00:00.000Z,anna,0.800,0.000,0.750,0.000,0.412500",
    "2026-06-01T12:00:00.000Z,ben,0.400,0.000,0.250,0.000,0.137500",
    "2026-06-01T12:00:00.000Z,roof,0.000,1.000,0.000,1.000,-0.550000",
  ]);
  const dear = JSON.parse(share({ file, price: microPerKwh(600_000), json: true })[0] ?? "");
  assert.equal(dear.lines[2].paidMicro, -600_000);
  assert.match(share({ file }).join("\n"), /anna +1\.300 +0\.667/);
});

const { config, ledger } = testHome(join(folder, "home"), 120);
ledger.store.close();

test("a member's own ledger is looked at in the same way", () => {
  const told = JSON.parse(report({ config })[0] ?? "") as Told;
  assert.deepEqual(
    told.members.map(({ id }) => id),
    ["company-a", "user-a"],
  );
  assert.ok(told.slots > 2 && told.members.every(({ slots }) => slots > 2), String(told.slots));
  assert.equal(share({ config, csv: true }).length, 1 + 2 * told.slots);
  const late = { config, from: Date.parse("2030-01-01T00:00:00Z") };
  assert.throws(() => report(late), { code: "report.empty", message: /known are those from 2026/ });
});

test("what is wrong is said with file, row, column and what was expected", () => {
  const bad = join(folder, "bad.csv");
  const says = (text: string, code: string, message: RegExp) => {
    writeFileSync(bad, text);
    assert.throws(() => report({ file: bad }), { name: "Failure", code, message });
  };
  says("", "table.form", /bad\.csv: row 1: expected a header/);
  says(table.replace("import", "imports"), "table.form", /did you mean import\?/);
  says(
    table.replace("12:00:00Z,roof", "12:00:00,roof"),
    "table.form",
    /row 2, column time: .* zone/,
  );
  says(table.replace("12:15:00Z,roof", "12:07:00Z,roof"), "table.form", /divisor of an hour/);
  says(table.replace("0.8", "-1"), "table.form", /row 3, column import: expected kWh/);
  says(`${table}2026-06-01T12:00:00Z,ben,1,1,1\n`, "table.form", /row 7: expected ben .* once/);
  const strangers = join(folder, "strangers.csv");
  writeFileSync(strangers, "member,weight\ncarl,1\n");
  assert.throws(() => report({ file, members: strangers }), { message: /row 2, .*"carl"/ });
  assert.throws(() => report({}), { code: "report.usage" });
  assert.throws(() => report({ file, whatIf: false }), { code: "report.usage" });
  assert.throws(() => report({ config: "x", members }), { code: "report.usage" });
  assert.throws(() => report({ file, feedIn: microPerKwh(690_000) }), { code: "report.usage" });
  assert.throws(() => share({ file, csv: true, json: true }), { code: "report.usage" });
  const html = join(folder, "none", "page.html");
  assert.throws(() => report({ file, html }), {
    code: "report.file",
    message: /cannot be written/,
  });
});

test("members' own weights, bands, tariffs and fees of the way count, and what makes no sense is told", () => {
  const own = join(folder, "own.csv");
  const evenFile = join(folder, "even.csv");
  const paid = (text: string, meters = file) => {
    writeFileSync(own, text);
    const told = JSON.parse(report({ file: meters, members: own })[0] ?? "") as {
      members: { id: string; totals: { scheme: string; costMicro: number }[] }[];
    };
    return (id: string, scheme: string) =>
      told.members.find((one) => one.id === id)?.totals.find((total) => total.scheme === scheme)
        ?.costMicro;
  };
  const plain = paid("member,party\nroof,company\n");
  const dear = paid("member,party,retail,feed-in\nroof,company,,0.3\nanna,,0.65,\n");
  // κ · 0.65² = 0.021125 off a kWh.
  assert.equal(dear("anna", "retail"), Math.round(1.3 * 628_875));
  assert.equal(dear("roof", "retail"), 0.2 * 675_500 - 300_000);
  assert.equal(dear("ben", "retail"), plain("ben", "retail"));
  const far = paid("member,party,fee\nroof,company,\nanna,,0.02\n");
  assert.equal(far("anna", "retail"), plain("anna", "retail"), "retail needs no way from others");
  assert.equal(
    (far("anna", "dynamic-key") ?? 0) - (plain("anna", "dynamic-key") ?? 0),
    Math.round(0.667 * 20_000),
  );
  // Where the book leaves the price open the game decides it.
  const even = table.replace("roof,0,1,1.5", "roof,0,1.2,1.5");
  writeFileSync(evenFile, even);
  const [weak, strong] = ["", "9,0.6,0.69"].map((own) =>
    paid(`member,party,game-weight,band-low,band-high\nroof,company,${own || ",,"}\n`, evenFile),
  );
  assert.notEqual(strong?.("roof", "bargaining"), weak?.("roof", "bargaining"));
  assert.equal(strong?.("roof", "uniform-price"), weak?.("roof", "uniform-price"));
  for (const [text, message] of [
    ["member,band-low\nanna,0.5\n", /row 2: expected band-low below band-high/],
    ["member,band-low,band-high\nanna,0.6,0.5\n", /row 2: expected band-low below band-high/],
    ["member,game-weight\nanna,0\n", /row 2, column game-weight: expected an integer from 1/],
    ["member,fee\nanna,-0.1\n", /row 2, column fee: expected a price from 0 on/],
    ["member,feed-in,retail\nanna,0.5,0.4\n", /row 2: expected a feed-in price up to the retail/],
    ["member,feed-in\nanna,0.69\n", /member anna: expected a feed-in below what a kWh costs/],
    ["member,band-low,band-high\nanna,9,11\n", /member anna: expected a band below 10/],
  ] as const) {
    writeFileSync(own, text);
    assert.throws(() => report({ file, members: own }), { name: "Failure", message });
  }
});

test("any file is a report or one message", () => {
  const cell = fc.constantFrom("2026-06-01T12:00:00Z", "a", "b", "1", "0.5", "-1", "", '"', "NaN");
  const bad = join(folder, "any.csv");
  fc.assert(
    fc.property(
      fc.array(fc.array(cell, { minLength: 4, maxLength: 5 }), { maxLength: 9 }),
      (rows) => {
        writeFileSync(bad, ["time,member,import,export,generation", ...rows].join("\n"));
        for (const look of [() => report({ file: bad }), () => share({ file: bad })]) {
          try {
            look();
          } catch (error) {
            assert.ok(error instanceof Failure, String(error));
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("the command line prints both", async () => {
  const cli = join(import.meta.dirname, "../cli.ts");
  const ask = (...args: string[]) => promisify(execFile)(process.execPath, [cli, ...args]);
  const [one, two] = await Promise.all([
    ask("report", "--what-if", "--file", file),
    ask("share", "--key", "static", "--file", file, "--price", "0.5", "--csv"),
  ]);
  assert.match(one.stdout, /uniform price/);
  assert.match(two.stdout, /anna,0\.800,0\.000,0\.334/);
});

const lines = join(folder, "lines.csv");
const trades = join(folder, "trades.csv");
writeFileSync(lines, "id,from,to,loss,capacity\nab,a,b,10,0.1\nbc,b,c,10,0.1\nac,a,c,50,0.05\n");
writeFileSync(trades, "id,from,to,quantity\nx,a,c,0.18\n");

function route(options: Partial<RouteOptions>): string[] {
  const told: string[] = [];
  routeCommand({ json: false, ...options }, (line) => told.push(line));
  return told;
}

test("trades of a file are routed over its lines, with what is cut, why, and a drawing", () => {
  const svg = join(folder, "flows.svg");
  assert.match(
    route({ lines, trades, svg }).join("\n"),
    /x +0\.150 +0\.030 +0\.004 +lines ab, bc full/,
  );
  assert.match(readFileSync(svg, "utf8"), /^<svg [^>]*viewBox/);
  const told = JSON.parse(route({ lines, trades, json: true })[0] ?? "");
  assert.deepEqual(
    told.lines.map(({ flowWh }: { flowWh: number }) => flowWh),
    [100, 100, 50],
  );
});

test("what cannot be routed is told with the file, and any file is a picture or one message", () => {
  assert.throws(() => route({ lines }), { code: "route.usage" });
  assert.throws(() => route({ lines, trades, config }), { code: "route.usage" });
  assert.throws(() => route({ config }), { code: "route.slot", message: /no grid/ });
  assert.throws(() => route({ config, slot: 1 }), {
    code: "route.slot",
    message: /last two months/,
  });
  assert.throws(() => route({ lines, trades, svg: join(folder, "no", "x") }), {
    code: "route.file",
  });
  const odd = join(folder, "odd.csv");
  writeFileSync(odd, "id,from,to,loss\nab,a,a,10\n");
  assert.throws(() => route({ lines: odd, trades }), {
    code: "table.form",
    message: /odd\.csv: .*two buses/,
  });
  const cell = fc.constantFrom("a", "b", "1", "0.5", "-1", "1001", "", '"', "NaN");
  fc.assert(
    fc.property(
      fc.array(fc.array(cell, { minLength: 4, maxLength: 5 }), { maxLength: 6 }),
      (rows) => {
        writeFileSync(odd, ["id,from,to,loss,capacity", ...rows].join("\n"));
        for (const given of [
          { lines: odd, trades },
          { lines, trades: odd },
        ]) {
          try {
            route(given);
          } catch (error) {
            assert.ok(error instanceof Failure, String(error));
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("certificates, credit and orders of a ledger are told, with carbon where there are factors", () => {
  const told: string[] = [];
  const write = (line: string) => told.push(line);
  certificatesCommand({ config, json: false }, write);
  assert.match(told.join("\n"), /no certificates in this time/);
  assert.match(told.join("\n"), /user-a +\S+ +\S+ +no factors/);
  const factors =
    "carbon: { gramsPerKwh: { solar: 41, wind: 11, rest: 400 }, source: 'a table' }\n";
  const other = config.replace("aggregator.yaml", "carbon.yaml");
  writeFileSync(other, `${readFileSync(config, "utf8")}${factors}`);
  certificatesCommand({ config: other, owner: "user-a", json: true }, write);
  const { owners } = JSON.parse(told.at(-1) ?? "");
  assert.equal(owners.length, 1);
  assert.equal(owners[0].carbonGrams, Math.round((owners[0].takenWh * 400) / 1000));
  creditCommand(undefined, { config, json: true }, write);
  const { accounts } = JSON.parse(told.at(-1) ?? "");
  const user = accounts.find(({ id }: { id: string }) => id === "user-a");
  assert.deepEqual([user.score, user.free, user.inDefault], [1000, null, false]);
  creditCommand("user-a", { config, json: false }, write);
  assert.match(told.at(-1) ?? "", /user-a +1000 .*no limit/);
  ordersCommand({ config, json: false }, write);
  assert.equal(told.at(-1), "no orders");
});

test("what an owner says by hand is made from the ledger as it is, and the ledger would take it", () => {
  const store = new Store(join(folder, "home", "ledger.sqlite"), [], { snapshot: true });
  after(() => store.close());
  const { state } = store;
  const about = {
    owner: "bureau-a",
    from: "user-a",
    amount: 1,
    collateral: true,
    reference: "june",
  };
  const said = [
    paymentOf(about, state),
    orderOf({
      owner: "bureau-a",
      unit: "user-a-unit",
      action: "limit",
      slot: 0,
      slots: 1,
      kwh: 1,
      price: 1,
      limitKw: 5,
    }),
    orderOf({
      owner: "bureau-a",
      unit: "user-a-unit",
      action: "shift",
      slot: 0,
      slots: 1,
      kwh: 1,
      price: 1,
      to: 9,
    }),
    mandateOf(
      { owner: "user-a", unit: "user-a-unit", kwh: 1, price: 1, slots: 4, until: 9, limitKw: 0 },
      state,
    ),
  ];
  for (const { kind, message } of said) {
    assert.ok(decodeMessage(kind, encodeMessage(kind, message as never)).ok, kind);
  }
  const green = new Overlay(state);
  const line = { issuedWh: wh(700), boughtWh: wh(0), soldWh: wh(100), retiredWh: wh(200) };
  for (const slot of [7_200_000, 3_600_000]) {
    greenLines.set(green, `${slotKey(slot)}/user-a/solar`, line);
  }
  const moved = { owner: "user-a", form: "solar", kwh: 500, recipient: "company-a" } as const;
  assert.deepEqual(certificatesOf(moved, green).message, {
    ...{ owner: "user-a", version: 1, form: "solar", to: "company-a" },
    parts: [
      { slot: 3_600_000, energy: 400 },
      { slot: 7_200_000, energy: 100 },
    ],
  });
  assert.throws(() => certificatesOf({ ...moved, kwh: 801 }, green), {
    code: "certificates.held",
    message: /got 0\.801 kWh; it holds 0\.8 there/,
  });
  assert.throws(() => certificatesOf({ ...moved, to: 7_200_000 }, green), {
    message: /it holds 0\.4 there/,
  });
  assert.throws(() => answerOf("0a0a", "maybe", { owner: "user-a" }, state), {
    code: "answer.usage",
  });
  assert.throws(() => answerOf("0a0a", "accept", { owner: "user-a" }, state), {
    code: "answer.order",
    message: /offered are: none/,
  });
});
