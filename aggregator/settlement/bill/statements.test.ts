import assert from "node:assert/strict";
import { before, test } from "node:test";
import {
  encodeMessage,
  type Message,
  type Micro,
  microPerKwh,
  type StatePath,
  utcMs,
  watt,
  wh,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { checkBillText } from "../../commands/bill-verify.ts";
import { accounts } from "../../ledger/accounts.ts";
import { contracts, slotKey } from "../../ledger/rules/market/tables.ts";
import { sha256 } from "../../ledger/sha256.ts";
import { rememberingVerify } from "../../ledger/verified.ts";
import { checkBill } from "./check.ts";
import { collectBill } from "./collect.ts";
import { billCsv } from "./csv.ts";
import type { AccountLine, BillFile, LineKind } from "./document.ts";
import { type Evidence, encodeEvidence } from "./evidence.ts";
import { billPage } from "./page.ts";
import { FramePaths } from "./paths.ts";
import { Community, communityGrid } from "./test-community.ts";
import {
  bent,
  canBeEncoded,
  changed,
  evidenceOf,
  forged,
  isEmpty,
  leavesOf,
  withoutKeys,
} from "./test-tampering.ts";
import { totalsOf } from "./totals.ts";

const minute = 60_000;
const hour = 60 * minute;
const first = Date.UTC(2026, 4, 1);
/** Four days on, when everybody's usual draw is known. */
const later = first + 96 * hour;
const ordered = later + 2 * hour;
const month = "2026-05";
const once = rememberingVerify(verify);
const factors = { source: "a national table of 2025", solar: 41_000, wind: 11_000, rest: 581_000 };

let community: Community;
/** By owner. */
const files = new Map<string, BillFile>();

function collected(owner: string): BillFile {
  const { store, application } = community;
  const head = store.header(store.height);
  assert.ok(head !== undefined);
  const prove = (key: string): StatePath => application.query(key).path;
  const paths = new FramePaths(store);
  const source = {
    head,
    state: store.state,
    prove,
    blocks: store,
    history: store.history,
    paths,
    steps: [],
  };
  const file = collectBill(source, { owner, month, carbon: factors, ...against() });
  assert.ok(!("ok" in file), JSON.stringify(file));
  return file;
}

function against() {
  const { chain } = community.genesis;
  return { pinned: { chain, members: community.members }, verify: once };
}

const fileOf = (owner: string) => files.get(owner) ?? assert.fail(owner);

/** An hour of sun that home-1 sells, four days of readings, two orders, payments, and an account that owes too much. */
before(() => {
  community = new Community({
    owners: 4,
    from: first,
    slotMinutes: 60,
    verify: once,
    sunny: true,
    parameters: {
      grid: communityGrid.map((segment) => ({ ...segment, lossPermille: 20 })),
      provisionalMinutes: 31 * 24 * 60,
      credit: { line: 40_000_000 as Micro, tolerancePermille: 100 },
      charges: [
        { id: "metering", sort: "fee", on: "import", rate: 5_000, to: "bureau-a" },
        { id: "roads", sort: "levy", on: "import", rate: 20_500, to: "home-4" },
        { id: "vat", sort: "tax", on: "cost", rate: 190 },
      ],
    },
  });
  const sun = (owner: string) => {
    const sells = owner === "home-1";
    // What home-4 wants and nobody else gives is the bureau's to sell.
    const quoteWh = sells ? 3_000 : owner === "home-4" ? -1_500 : -1_000;
    const limit = sells ? 420_000 : 690_000;
    return { importWh: sells ? 10 : 900, exportWh: sells ? 2_900 : 0, quoteWh, limit };
  };
  community.live(first, 1, (owner) => sun(owner));
  const { owners } = community;
  const drawn = { "home-3": 140_000, "home-4": 20_000 } as Readonly<Record<string, number>>;
  community.block(
    later + minute,
    owners.map((owner) =>
      community.reading(owner, later, { importWh: drawn[owner] ?? 47_500, exportWh: 0 }),
    ),
  );
  const mandate = {
    ...{ owner: "home-2", device: "home-2-unit", version: 1, slotsMax: 4 },
    ...{ energyMax: wh(400), limitWMin: watt(0), priceMin: microPerKwh(1) },
    until: utcMs(later + 24 * hour),
  };
  const order = (n: number, by: string, device: string) =>
    community.seal(by, "demand-order", {
      ...{ id: new Uint8Array(16).fill(n), by, device, action: "shed", slot: utcMs(ordered) },
      ...{ slots: 1, energy: wh(300), price: microPerKwh(500_000), answerBy: utcMs(ordered) },
    });
  const pay = (by: string, from: string, version: number, amount: number, collateral = false) =>
    community.seal(by, "payment", {
      ...{ by, from, version, amount: amount as Micro },
      purpose: collateral ? "collateral" : "balance",
    });
  community.block(later + 10 * minute, [
    community.seal("home-2", "demand-mandate", mandate),
    order(1, "bureau-a", "home-2-unit"),
    order(2, "home-4", "home-1-unit"),
    pay("bureau-a", "home-2", 1, 12_340_000),
    pay("bureau-a", "home-4", 2, 5_000_000, true),
    pay("bureau-a", "home-3", 3, 9_000_000, true),
  ]);
  const accept = { id: new Uint8Array(16).fill(2), owner: "home-1", word: "accept" } as const;
  community.block(later + 11 * minute, [
    community.seal("home-1", "demand-answer", accept),
    pay("home-4", "bureau-a", 1, 1_000_000, true),
  ]);
  // home-2 draws less, as it was ordered; home-1 does not.
  const hours = (owner: string, importWh: number) =>
    community.batch(owner, [
      { time: ordered, importWh: 1_000, exportWh: 0 },
      { time: ordered + hour, importWh, exportWh: 0 },
    ]);
  community.block(
    ordered + hour + minute,
    owners.map((owner) => hours(owner, owner === "home-2" ? 250 : 500)),
  );
  for (const owner of [...owners, "bureau-a"]) files.set(owner, collected(owner));
});

test("orders, payments, collateral and what was taken of it are lines, and all sums are the accounts'", () => {
  const seen = new Set<string>();
  let sum = 0;
  for (const [owner, file] of files) {
    const checked = checkBill(file, against());
    assert.ok(checked.ok, `${owner}: ${JSON.stringify(checked)}`);
    const { account, accounts: own, totals, slots } = file.bill;
    assert.equal(own.sales + own.purchase, totals.total, owner);
    assert.equal(own.balance, own.sales + own.purchase + own.paid);
    const moved = account.filter(({ kind }) => kind !== "demand");
    const bureau = owner === "bureau-a";
    const paid = moved.filter(({ kind }) => bureau || kind !== "collateral");
    assert.equal(own.paid, total(paid), owner);
    const kept = moved.filter(({ kind }) => !bureau && kind === "collateral");
    const taken = moved.filter(({ kind }) => kind === "seized");
    assert.equal(own.collateral, total(kept) - total(taken), owner);
    for (const { kind, money } of account) seen.add(`${kind} ${Math.sign(money)}`);
    const numbers = [...slots.flatMap(({ lines }) => lines), ...account].map(({ line }) => line);
    assert.deepEqual(
      numbers,
      Array.from({ length: numbers.length }, (_, i) => i + 1),
    );
    sum += own.balance + own.collateral;
  }
  const wanted = ["payment 1", "payment -1", "collateral 1", "collateral -1", "seized 1"];
  for (const one of [...wanted, "demand 1", "demand -1"]) assert.ok(seen.has(one), one);
  const site = [...accounts.scan(community.store.state)].filter(([id]) => id.startsWith("~"));
  assert.equal(sum + total(site.map(([, account]) => account)), 0, "nothing arose or was lost");
});

const total = (all: readonly { readonly money: number }[]) =>
  all.reduce((sum, { money }) => sum + money, 0);

test("an order's line says what was proven of it, made anew from the owner's own readings", () => {
  const [earned] = fileOf("home-2").bill.account.filter(({ kind }) => kind === "demand");
  assert.equal(earned?.money, 0.25 * 500_000);
  assert.deepEqual(
    { ...earned?.demand, frame: 0 },
    {
      ...{ order: "01".repeat(16), slot: ordered, slots: 1, orderedWh: 300, deliveredWh: 250 },
      ...{ price: 500_000, word: "unkept", checked: true, frame: 0 },
    },
  );
  const [unkept] = fileOf("home-1").bill.account.filter(({ kind }) => kind === "demand");
  assert.deepEqual([unkept?.money, unkept?.demand?.word], [0, "unkept"]);
  const [paid] = fileOf("bureau-a").bill.account.filter(({ kind }) => kind === "demand");
  assert.deepEqual([paid?.money, paid?.with], [-0.25 * 500_000, "home-2"]);
});

test("the bureau has a statement of all that others did, and lines' operators and payees their part", () => {
  const kinds = (owner: string) => {
    const lines = fileOf(owner).bill.slots.flatMap((slot) => slot.lines);
    return new Set<LineKind>(lines.map(({ kind }) => kind));
  };
  const bureau: readonly LineKind[] = [
    ...(["rest-sold", "shortages-sold", "surpluses-bought", "losses-sold"] as const),
    ...(["subsidies-paid", "line-share", "fees-taken"] as const),
  ];
  for (const kind of bureau) assert.ok(kinds("bureau-a").has(kind), kind);
  assert.ok(kinds("home-1").has("line-share"), "it operates the south line");
  assert.ok(kinds("home-4").has("levies-taken"));
  assert.ok(kinds("home-2").has("grid-loss"));
  const { bill } = fileOf("bureau-a");
  assert.ok(bill.slots.every(({ state, meters }) => state === "standing" && meters.length === 0));
  // What the others bought and sold besides each other is what it sold and bought.
  const energy = (file: BillFile, ...wanted: readonly LineKind[]) =>
    file.bill.slots
      .flatMap(({ lines }) => lines)
      .filter(({ kind, with: other }) => wanted.includes(kind) && other !== "home-1")
      .reduce((all, { energyWh }) => all + energyWh, 0);
  const shortage = community.owners.reduce(
    (all, owner) => all + energy(fileOf(owner), "shortage"),
    0,
  );
  assert.equal(shortage + energy(fileOf("bureau-a"), "shortages-sold"), 0);
  assert.equal(bill.carbon, null, "it uses none");
});

test("a bill has the carbon of its energy, by certificates and the maker's factors", () => {
  const { carbon } = fileOf("home-2").bill;
  assert.ok(carbon !== null && carbon.greenTakenWh > 0 && carbon.takenWh > 40_000);
  const { retiredWh, takenWh, greenTakenWh, grams } = carbon;
  assert.equal(retiredWh.solar, greenTakenWh);
  assert.equal(grams, Math.round((greenTakenWh * 41 + (takenWh - greenTakenWh) * 581) / 1000));
});

function insistOnFault(made: Pick<BillFile, "bill" | "evidence">, what: string) {
  const checked = checkBill(made, against());
  assert.ok(!checked.ok, `${what}: nobody noticed`);
  assert.ok(checked.lines.length > 0, `${what}: ${checked.code} names no line`);
  return checked;
}

test("whatever is changed in these lines, or in what they rest on, is found, and the line is named", () => {
  for (const owner of ["home-2", "home-3"]) {
    const { bill, evidence } = fileOf(owner);
    const parts = leavesOf(bill).filter(
      ([part]) => part === "account" || (part === "carbon" && owner === "home-2"),
    );
    for (const path of parts) {
      const what = `${owner} ${path.join(".")}`;
      const fault = insistOnFault({ bill: changed(bill, path, bent), evidence }, what);
      if (path[0] !== "account") continue;
      const { line } = bill.account[Number(path[1])] ?? {};
      assert.match(fault.lines[0] ?? "", new RegExp(`^line ${line} `), what);
    }
    for (const part of ["account", "slots"] as const) {
      const less = { ...bill, [part]: bill[part].slice(1) };
      insistOnFault({ bill: less, evidence }, `${owner} without the first of ${part}`);
    }
  }
  const file = fileOf("home-2");
  const evidence = evidenceOf(file);
  // One of each sort of entry: what is proved in the same way is found in the same way.
  const sorts = new Map(evidence.entries.map(({ key }, i) => [key.replace(/\/.*/, ""), i]));
  const wanted = ["account-entries", "account-entry", "demand", "takes", "green-slot", "green"];
  const places = new Set(wanted.map((sort) => sorts.get(sort) ?? assert.fail(sort)));
  for (const path of leavesOf(evidence)) {
    const [part, at] = path;
    const isNew = part === "carbon" || (part === "entries" && places.has(Number(at)));
    const isLate = part === "frames" && Number(at) >= evidence.frames.length - 2;
    if (!isNew && !isLate) continue;
    const other = changed(evidence, path, (old) => bent(old, 0));
    if (!canBeEncoded(other) || isEmpty(evidence, path)) continue;
    insistOnFault({ bill: file.bill, evidence: encodeEvidence(other) }, path.join("."));
  }
});

test("a forger leaves out no payment, no order, no certificate and nothing that was taken", () => {
  const code = (owner: string, change: (evidence: Evidence) => Evidence) => {
    const file = fileOf(owner);
    return insistOnFault(forged(file.bill, change(evidenceOf(file))), owner).code;
  };
  const without = (wanted: RegExp) => (evidence: Evidence) => {
    const { entries } = withoutKeys(community, evidence, (key) => wanted.test(key));
    assert.ok(entries.length < evidence.entries.length, String(wanted));
    return { ...evidence, entries };
  };
  for (const wanted of [
    /^account-entry\/home-2\/000000001$/,
    /^account-entry\/home-2\/000000002$/,
    /^account-entries\/home-2$/,
    /^takes\/home-2$/,
    /^account\/home-2$/,
    new RegExp(`^green-slot/${String(first).padStart(15, "0")}$`),
    /^green\/\d+\/home-2\/wind$/,
  ]) {
    assert.equal(code("home-2", without(wanted)), "bill.incomplete", String(wanted));
  }
  assert.equal(code("home-3", without(/^account-entry\/home-3\/000000002$/)), "bill.incomplete");
  const taking = new RegExp(`^taking/${String(first).padStart(15, "0")}/bureau-a$`);
  assert.equal(code("bureau-a", without(taking)), "bill.incomplete");
  const { account } = fileOf("home-2").bill;
  const frame = (kind: string) => {
    const line = account.find((one) => one.kind === kind);
    return line?.payment?.frame ?? line?.demand?.frame ?? -1;
  };
  const unsaid = (place: number) => (evidence: Evidence) => {
    return { ...evidence, frames: evidence.frames.filter((_, i) => i !== place) };
  };
  assert.equal(code("home-2", unsaid(frame("payment"))), "bill.payment");
  assert.equal(code("home-2", unsaid(frame("demand"))), "bill.demand");
  // Factors are the maker's word: another table makes another bill, and says whose it is.
  const other = { ...factors, source: "another table", rest: 100_000 };
  assert.equal(
    code("home-2", (evidence) => ({ ...evidence, carbon: other })),
    "bill.line",
  );
});

test("pages in both languages and the spreadsheet show these lines", () => {
  for (const owner of files.keys()) {
    const file = fileOf(owner);
    const { bill } = file;
    for (const language of ["en", "zh"] as const) {
      const page = billPage(file, language);
      for (const { line } of bill.account) assert.ok(page.includes(`<tr id="l${line}">`));
      assert.ok(checkBillText(page, against()).ok);
      assert.doesNotMatch(page.slice(0, page.indexOf("<script")), /undefined|NaN|~all/);
    }
    const rows = billCsv(bill).trimEnd().split("\r\n");
    const head = rows[0]?.split(",") ?? [];
    const cells = rows.slice(1).map((row) => row.split(","));
    const of = (row: readonly string[], name: string) => row[head.indexOf(name)] ?? "";
    const counted = cells.filter((row) => of(row, "counts") === "total");
    const sum = counted.reduce((all, row) => all + Math.round(Number(of(row, "money")) * 1e6), 0);
    assert.equal(sum, bill.totals.total, owner);
    assert.equal(
      cells.length - counted.length,
      bill.account.filter(({ demand }) => !demand).length,
    );
  }
  assert.match(billPage(fileOf("bureau-a"), "en"), /<h1>Statement of account<\/h1>/);
  assert.match(billPage(fileOf("home-2"), "zh"), /需求响应收入.*少用/s);
  assert.match(billPage(fileOf("home-2"), "zh"), /碳排放: \d/);
});

test("a bill of an earlier form is told apart from one that was changed", () => {
  const { bill, evidence } = fileOf("home-2");
  const older = { ...bill, format: "busbar-bill/1" };
  const checked = checkBill({ bill: older, evidence }, against());
  assert.ok(!checked.ok && checked.code === "bill.form" && /make it anew/.test(checked.message));
});

test("a correction posts an order's difference on a line of its own, and no void contract is left out", () => {
  const slot = ordered + 6 * hour;
  const { owners } = community;
  const sells = (owner: string) => owner === "home-1";
  const deed = (owner: string) => ({
    ...{ importWh: sells(owner) ? 0 : 500, exportWh: sells(owner) ? 500 : 0 },
    // The account of home-3 is in default.
    quoteWh: owner === "home-3" ? 0 : sells(owner) ? 800 : -400,
    limit: sells(owner) ? 420_000 : 690_000,
  });
  // What they owe of before is paid, so that they may buy.
  const paid = ["home-1", "home-2", "home-4"].map((from, i) => {
    const about = { by: "bureau-a", from, version: 4 + i, purpose: "balance" } as const;
    return community.seal("bureau-a", "payment", { ...about, amount: 90_000_000 as Micro });
  });
  community.block(slot - 50 * minute, paid);
  community.trade(slot, deed);
  const signed = [...contracts.scan(community.store.state, `${slotKey(slot)}-`)];
  const [contract = ""] =
    signed.find(([, { seller, buyer }]) => sells(seller) && buyer === "home-2") ?? [];
  const decide = (
    at: number,
    about: number,
    ...[kind, message]: ["objection", Message<"objection">] | ["correction", Message<"correction">]
  ) => {
    const by = kind === "objection" ? message.by : message.member;
    const payload =
      kind === "objection" ? encodeMessage(kind, message) : encodeMessage(kind, message);
    const said =
      kind === "objection" ? community.seal(by, kind, message) : community.seal(by, kind, message);
    const motion = sha256(payload);
    const ruling = { member: "member-a", slot: utcMs(about), motion, word: "uphold" } as const;
    community.block(at, [said]);
    community.block(at + minute, [community.seal("member-a", "ruling", ruling)]);
  };
  const objection = { by: "bureau-a", contract, against: "seller", reason: "price-abuse" } as const;
  decide(slot + minute, slot, "objection", objection);
  decide(slot + 3 * minute, ordered, "correction", {
    ...{ member: "member-a", meter: "home-2-meter", slot: utcMs(ordered), version: 1 },
    ...{ importWh: wh(210), exportWh: wh(0), reason: "meter-error" },
  });
  const flows = (owner: string) => [
    { time: slot, importWh: 2_500, exportWh: 0 },
    { time: slot + hour, ...deed(owner) },
  ];
  community.block(
    slot + hour + minute,
    owners.map((owner) => community.batch(owner, flows(owner))),
  );
  for (const owner of ["home-1", "home-2", "bureau-a"]) {
    const file = collected(owner);
    const checked = checkBill(file, against());
    assert.ok(checked.ok, `${owner}: ${JSON.stringify(checked)}`);
    const { accounts: own, totals } = file.bill;
    assert.equal(own.sales + own.purchase, totals.total, owner);
  }
  const file = collected("home-2");
  const demand = file.bill.account.filter(({ kind }) => kind === "demand");
  assert.deepEqual(
    demand.map(({ money, demand: of }) => [money, of?.deliveredWh, of?.word, of?.checked]),
    [
      [125_000, 250, "unkept", false],
      [20_000, 290, "kept", true],
    ],
  );
  const lines = file.bill.slots.flatMap((one) => one.lines);
  assert.ok(lines.some((line) => line.contract === contract && line.state === "void"));
  const evidence = evidenceOf(file);
  const corrected = `corrected/${slotKey(ordered)}/home-2-meter`;
  const last = String(demand[1]?.entry).padStart(9, "0");
  for (const [key, code] of [
    [`contract/${contract}`, "bill.incomplete"],
    ["voids/home-2", "bill.incomplete"],
    [corrected, "bill.energy"],
    [`account-entry/home-2/${last}`, "bill.incomplete"],
  ] as const) {
    const { entries } = withoutKeys(community, evidence, (one) => one === key);
    assert.equal(entries.length, evidence.entries.length - 1, key);
    const fault = insistOnFault(forged(file.bill, { ...evidence, entries }), key);
    assert.equal(fault.code, code, key);
  }
});

test("energy of a silence that is billed later counts as paid, and as taken by whom it is for", () => {
  const about = { time: 1, with: "x", payment: null, demand: null, entry: 1, line: 1 } as const;
  const unread = { meter: "m", from: 0, to: 1, energyWh: 5 };
  const account = [7, -12].map((money): AccountLine => {
    return { ...about, kind: "unread", money, unread };
  });
  const { paid, takings, orders, total } = totalsOf([], account, 0);
  assert.deepEqual([paid, takings, orders, total], [12, 7, 0, -5]);
  const file = fileOf("home-2");
  const told = { ...file, bill: { ...file.bill, account } };
  for (const language of ["en", "zh"] as const) assert.match(billPage(told, language), /0\.005/);
  const rows = billCsv(told.bill).split("\r\n").slice(-3, -1);
  for (const row of rows) assert.match(row, /,unread,,5,.*,total$/);
});
