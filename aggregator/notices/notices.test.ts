import assert from "node:assert/strict";
import { test } from "node:test";
import type { Micro, NoticePreferences } from "@busbar/protocol";
import fc from "fast-check";
import type { LedgerEvent } from "../ledger/events.ts";
import type { Notice } from "./notice.ts";
import { planOf } from "./plan.ts";
import type { Preferences } from "./preferences.ts";
import { noticesOf } from "./tell/notices.ts";
import { digestOf, toldOf } from "./told.ts";
import { chinese } from "./words/chinese.ts";
import { english } from "./words/english.ts";
import { decimal } from "./words/format.ts";
import { factsIn } from "./words/pieces.ts";
import { type Reader, wordsOf } from "./words/words.ts";

const slot = Date.UTC(2026, 5, 21, 3);
const english0: Reader = { language: "en", timeZone: "UTC0" };
const shanghai: Reader = { language: "zh", timeZone: "CST-8" };
const portal = "https://portal.elm.example/";

/** What a block with these events, the first of them a transaction's own, tells whom. */
function told(...events: readonly object[]): Notice[] {
  const header = { chain: "elm", height: 7, time: slot } as never;
  const block = { header, events: events as LedgerEvent[], eventCounts: [1] };
  return noticesOf(block, { currency: "CNY", isOwner: (id) => !id.startsWith("member") });
}

const signed = {
  type: "contract-signed",
  contract: "001781000000000-0001",
  slot,
  seller: "company",
  buyer: "user-1",
  quantityWh: 324_500,
  price: 688_500,
  origin: "book",
  scale: "intraday",
};

/** One of each event that owners are told of, as the ledger makes them. */
const story: readonly (readonly [object, readonly string[]])[] = [
  [signed, ["company", "user-1"]],
  [{ ...signed, fee: 11_500 }, ["company", "user-1"]],
  ...(["price", "nobody", "shared", null] as const).map(
    (why) =>
      [
        cleared({ why, filledWh: why === null ? 5_000 : why === "shared" ? 2_000 : 0 }),
        ["user-1"],
      ] as const,
  ),
  [cleared({ price: 900_000, expected: 600_000 }), ["user-1", "user-1"]],
  [cleared({ price: 300_000, expected: 600_000 }), ["user-1", "user-1"]],
  [cleared({ price: null, expected: null, why: "nobody", rest: "next-gate" }), ["user-1"]],
  [
    {
      type: "quote-void",
      id: "a",
      owner: "user-1",
      slot,
      reason: "it was not opened before clearing",
    },
    ["user-1"],
  ],
  [
    {
      type: "quote-void",
      id: "a",
      owner: "user-1",
      slot,
      reason: "feeder x stands in no line of the grid",
    },
    ["user-1"],
  ],
  [
    { ...signed, type: "contract-held", by: "bureau", against: "seller", reason: "fraud" },
    ["company", "user-1"],
  ],
  [{ ...signed, type: "contract-stands", outcome: "rejected" }, ["company", "user-1"]],
  [{ ...signed, type: "contract-void", against: "buyer" }, ["company", "user-1"]],
  [{ ...signed, type: "contract-cut", byWh: 4, feeder: "f1" }, ["company", "user-1"]],
  [settled(), ["company", "user-1"]],
  [settled({ gridFee: 11_500, subsidy: 7 }), ["company", "user-1"]],
  ...([5_000, -5_000, 0] as const).flatMap((soldWh) =>
    (["ask", "bid"] as const).map((side) => [imbalance({ side, soldWh }), ["user-1"]] as const),
  ),
  ...(["delivered", "provisional", "late-readings", "correction", "contract-void"] as const).map(
    (why) =>
      [
        {
          ...{ type: "settlement-corrected", owner: "user-1", slot, version: 2, why },
          ...{
            imbalanceWh: 1,
            money: 2,
            imbalanceDifferenceWh: -1_500,
            moneyDifference: 1_000_000,
          },
        },
        ["user-1"],
      ] as const,
  ),
  [imbalance({ method: "profile" }), ["user-1"]],
  [
    {
      ...{ type: "charges-settled", owner: "user-1", slot },
      charges: [{ id: "grid", sort: "fee", to: "~grid", money: 5_000 }],
    },
    ["user-1"],
  ],
  [
    { type: "settlement-held", slot, contract: null, seller: "company", buyer: "user-1" },
    ["company", "user-1"],
  ],
  ...(
    ["meter-error", "clock-error", "wrong-assignment", "missing-readings", "late-readings"] as const
  ).map(
    (reason) =>
      [
        {
          ...{
            type: "slot-corrected",
            meter: "user-1-net",
            owner: "user-1",
            slot,
            version: 1,
            reason,
          },
          ...{
            before: reason === "late-readings" ? null : { importWh: 9, exportWh: 8 },
            importWh: 1,
            exportWh: 2,
          },
        },
        ["user-1"],
      ] as const,
  ),
  ...(
    ["quote-unopened", "void-contract", "wrong-objection", "equivocation", "deviation"] as const
  ).map(
    (kind) =>
      [
        { type: "violation", id: "user-1", kind, points: 5, reason: "quote a" },
        ["user-1"],
      ] as const,
  ),
  [{ type: "violation", id: "member-a", kind: "equivocation", points: 5, reason: "" }, []],
  ...(["lost", "stolen", "defective", "tampering", "maintenance", "cleared"] as const).map(
    (reason) =>
      [
        { type: "device-suspended", device: "unit-1", owner: "user-1", by: "member-a", reason },
        ["user-1"],
      ] as const,
  ),
  [
    {
      type: "device-resumed",
      device: "unit-1",
      owner: "user-1",
      by: "member-a",
      reason: "cleared",
    },
    ["user-1"],
  ],
  [
    { type: "meter-silent", meter: "user-1-net", device: "unit-1", owner: "user-1", since: slot },
    ["user-1"],
  ],
  [{ type: "meter-heard", meter: "user-1-net", owner: "user-1", since: slot }, ["user-1"]],
  [
    {
      type: "energy-unallocated",
      meter: "m",
      owner: "user-1",
      from: 0,
      to: slot,
      importWh: 1,
      exportWh: 2,
    },
    ["user-1"],
  ],
  ...(["reset", "replaced", "implausible"] as const).map(
    (quality) =>
      [
        { type: "registers-restarted", meter: "m", owner: "user-1", quality, from: 0, to: slot },
        ["user-1"],
      ] as const,
  ),
  ...(["offered", "contracted"] as const).map(
    (status) => [order({ type: "demand-ordered", status }), ["user-1"]] as const,
  ),
  ...(["contracted", "acknowledged", "refused", "lapsed"] as const).map(
    (status) =>
      [
        order({ type: "demand-answered", status, reason: status === "refused" ? "unsafe" : null }),
        ["user-1", "company"],
      ] as const,
  ),
  ...([true, false, null] as const).map(
    (kept) =>
      [
        order({ type: "demand-settled", orderedWh: 2_000, deliveredWh: 1_000, amount: 9, kept }),
        ["user-1", "company"],
      ] as const,
  ),
  [
    order({
      ...{ type: "demand-settled", orderedWh: 2_000, deliveredWh: 500, amount: 9, kept: false },
      difference: -4,
    }),
    ["user-1", "company"],
  ],
  [
    { type: "payment-acknowledged", by: "company", from: "user-1", amount: 9, purpose: "balance" },
    ["user-1", "company"],
  ],
  [{ type: "default-began", owner: "user-1", owed: 9, seized: 0 }, ["user-1"]],
  [{ type: "default-began", owner: "user-1", owed: 9, seized: 5 }, ["user-1"]],
  ...(["suspend", "reinstate"] as const).map(
    (action) =>
      [{ type: "account-changed", owner: "user-1", action, reason: null }, ["user-1"]] as const,
  ),
  [{ type: "collateral-seized", owner: "user-1", money: 5 }, ["user-1"]],
  [{ type: "default-ended", owner: "user-1" }, ["user-1"]],
  [
    { type: "violation-struck", id: "user-1", kind: "order-unkept", height: 3, points: 10 },
    ["user-1"],
  ],
  [{ type: "credit-faded", id: "user-1", points: 3, left: 0 }, ["user-1"]],
  [{ type: "credit-faded", id: "user-1", points: 3, left: 9 }, ["user-1"]],
  [{ type: "credit-faded", id: "member-a", points: 3, left: 9 }, []],
  [
    {
      ...{ type: "slot-certified", slot, version: 1, sales: [] },
      certificates: ["company", "user-1"].map((owner) => ({
        ...{ owner, form: "solar", issuedWh: 1, boughtWh: 2, soldWh: 3, retiredWh: 4 },
      })),
    },
    ["company", "user-1"],
  ],
  ...[
    { total: -34_100_000 },
    { total: 34_100_000, provisional: 3 },
    { total: 0, open: 2 },
    { total: -1, open: 1, provisional: 1 },
  ].map((changes) => [bill(changes), ["user-1"]] as const),
  [{ type: "slot-settled", slot, rounding: 0 }, []],
  [{ type: "quote-committed", id: "a", owner: "user-1", slot }, []],
];

function order(changes: object): object {
  return {
    ...{ order: "0a", by: "company", owner: "user-1", device: "unit-1", action: "shed", slot },
    ...{ slots: 4, energyWh: 500, price: 400_000 },
    ...changes,
  };
}

function cleared(changes: object): object {
  return {
    ...{ type: "quote-cleared", id: "a-0", owner: "user-1", slot, scale: "day-ahead", side: "bid" },
    ...{
      quantityWh: 5_000,
      filledWh: 0,
      nettedWh: 0,
      limit: 650_000,
      price: 620_000,
      expected: 600_000,
    },
    ...{ why: "price", rest: "bureau" },
    ...changes,
  };
}

function settled(changes: object = {}): object {
  const { contract, seller, buyer } = signed;
  return {
    type: "contract-settled",
    contract,
    slot,
    seller,
    buyer,
    deliveredWh: 1_000,
    amount: 688_500,
    subsidy: 0,
    ...changes,
  };
}

function bill(changes: object): object {
  return {
    ...{ type: "bill-ready", owner: "user-1", month: "2026-06", to: slot, total: -34_100_000 },
    ...{ importWh: 120_500, exportWh: 0, final: 720, provisional: 0, open: 0 },
    ...changes,
  };
}

function imbalance(changes: object): object {
  return {
    ...{ type: "imbalance-settled", owner: "user-1", slot, side: "bid", imbalanceWh: 1_000 },
    ...{ amount: -770_000, soldWh: 5_000, penalty: 70_000 },
    ...changes,
  };
}

const textOf = (event: object, who: string, reader = english0) => {
  const notice = told(event).find(({ owner }) => owner === who);
  assert.ok(notice);
  return wordsOf(notice, reader);
};

test("each event tells those whom it concerns, in whole sentences of both languages, with its proof", () => {
  for (const [event, who] of story) {
    const notices = told(event);
    assert.deepEqual(
      notices.map(({ owner }) => owner),
      who,
      JSON.stringify(event),
    );
    assert.equal(new Set(notices.map(({ id }) => id)).size, notices.length);
    for (const notice of notices) {
      for (const reader of [english0, shanghai]) {
        const { title, text, numbers, proof } = toldOf(notice, { reader, portal });
        for (const said of [title, text]) {
          assert.doesNotMatch(said, /[{}[\]]|undefined|NaN|–/, `${notice.key} ${said}`);
        }
        assert.match(text, reader.language === "en" ? /[.]$/ : /。$/, text);
        assert.ok(numbers.every(({ label, value }) => label !== "" && value !== ""));
        assert.equal(proof?.height, 7);
        assert.match(
          proof?.link ?? "",
          /^https:\/\/portal\.elm\.example\/#\/proof\/(payment|result)\//,
        );
        assert.match(proof?.command ?? "", /^busbar-aggregator prove (payment|result) /);
      }
      assert.equal(notice.money === null || notice.money >= 0, true);
    }
  }
});

test("the words are plain, the numbers the owner's, and dates by its own clock", () => {
  assert.deepEqual(textOf(signed, "company"), {
    title: "Sold 324.500 kWh",
    text: "You sold 324.500 kWh at 0.6885 CNY/kWh to user-1 for 21 Jun 2026, 03:00. Contract 001781000000000-0001.",
    numbers: [
      { label: "Energy", value: "324.500 kWh" },
      { label: "Delivery from", value: "21 Jun 2026, 03:00" },
      { label: "Price", value: "0.6885 CNY/kWh" },
    ],
  });
  assert.equal(
    textOf({ ...signed, fee: 11_500 }, "user-1", shanghai).text,
    "您以0.7000元/千瓦时从company买入324.500千瓦时,交割时间2026年6月21日11:00,其中过网费0.0115元/千瓦时。合同001781000000000-0001。",
  );
  const summer = { language: "en", timeZone: "CET-1CEST,M3.5.0,M10.5.0/3" } as const;
  assert.match(textOf(signed, "company", summer).text, /for 21 Jun 2026, 05:00/);
  assert.match(
    textOf(cleared({}), "user-1").text,
    /^Your bid of 5\.000 kWh for .* was not filled: the price was beyond your limit \(price 0\.6200 CNY\/kWh, your limit 0\.6500 CNY\/kWh\)\. The bureau takes the rest\.$/,
  );
  assert.match(
    textOf(cleared({ why: null, rest: null, filledWh: 5_000 }), "user-1").text,
    /was filled at 0\.6200 CNY\/kWh, \+3\.3 % against the expected 0\.6000 CNY\/kWh\.$/,
  );
  const above = told(cleared({ price: 900_000 })).find(({ topic }) => topic === "price");
  assert.ok(above);
  assert.equal(wordsOf(above, english0).title, "Price +50.0 % against the forecast");
  assert.match(textOf(imbalance({}), "user-1").title, /^1\.000 kWh short$/);
  assert.match(
    textOf(imbalance({}), "user-1").text,
    /0\.77 CNY, of which 0\.07 CNY is the penalty/,
  );
  assert.match(
    textOf(imbalance({ soldWh: -5_000 }), "user-1").text,
    /drew 1\.000 kWh more than the 5\.000 kWh that you had bought/,
  );
  assert.equal(textOf(settled({ gridFee: 11_500 }), "user-1").title, "0.70 CNY paid");
  assert.deepEqual(textOf(bill({ total: -34_105_000, provisional: 3 }), "user-1"), {
    title: "Your bill for June 2026: 34.10 CNY to pay",
    text: "Your bill for June 2026 is ready. You drew 120.500 kWh and gave 0.000 kWh, and all of it together leaves 34.10 CNY to pay. 3 of its slots are estimates. The portal shows each line, down to the signed readings.",
    numbers: [
      { label: "Amount", value: "34.10 CNY" },
      { label: "Drawn", value: "120.500 kWh" },
      { label: "Given", value: "0.000 kWh" },
      { label: "Slots estimated", value: "3" },
    ],
  });
  assert.equal(
    textOf(bill({ total: 34_100_000 }), "user-1", shanghai).title,
    "2026年6月账单:应收34.10元",
  );
  assert.match(textOf(settled({ amount: 12 }), "company").title, /^0\.000012 CNY received$/);
});

test("numbers are rounded half away from zero, in groups of three, and never minus nothing", () => {
  for (const [value, scale, places, text] of [
    [0, 3, 3, "0.000"],
    [1_234_567_890, 3, 3, "1,234,567.890"],
    [-1_500, 3, 3, "−1.500"],
    [5, 1, 0, "1"],
    [-4, 1, 0, "0"],
    [999_999, 6, 2, "1.00"],
    [Number.MAX_SAFE_INTEGER, 6, 2, "9,007,199,254.74"],
  ] as const) {
    assert.equal(decimal(value, scale, places), text);
  }
});

test("both languages have a text for each notice, which asks for the same facts", () => {
  for (const key of Object.keys(english.notices) as (keyof typeof english.notices)[]) {
    for (const part of ["title", "text"] as const) {
      const [one, other] = [english.notices[key][part], chinese.notices[key][part]];
      assert.deepEqual([...new Set(factsIn(one))].sort(), [...new Set(factsIn(other))].sort(), key);
    }
  }
  for (const part of ["labels", "words", "phrases"] as const) {
    assert.deepEqual(Object.keys(chinese[part]).sort(), Object.keys(english[part]).sort());
  }
});

/** Numbers of a party, so that whoever reads one knows whose it is. */
const of = (owner: number) =>
  fc.integer({ min: 1, max: 999 }).map((n) => owner * 1_000_000 + n * 1_000 + 7);

test("a notice holds nothing of another owner but its name, whatever the events say", () => {
  const events = fc
    .tuple(of(3), of(4), of(5), of(6), of(7), of(8))
    .map(([shared, price, buyersFee, sellersOwn, buyersOwn, buyersSubsidy]) => ({
      // What seller and buyer both know; what is the buyer's alone; what is one party's alone.
      shared: [shared, price],
      buyer: [buyersFee, buyersOwn, buyersSubsidy],
      seller: [sellersOwn],
      list: [
        { ...signed, quantityWh: shared, price, fee: buyersFee },
        settled({ deliveredWh: shared, amount: price, gridFee: buyersFee, subsidy: buyersSubsidy }),
        imbalance({ owner: "company", imbalanceWh: sellersOwn }),
        imbalance({ owner: "user-1", imbalanceWh: buyersOwn }),
        cleared({ owner: "user-1", quantityWh: buyersOwn }),
        cleared({ owner: "company", side: "ask", quantityWh: sellersOwn }),
        ...[
          ["company", sellersOwn],
          ["user-1", buyersOwn],
        ].flatMap(([owner, n]) => [
          bill({ owner, total: n, importWh: n }),
          { type: "default-began", owner, owed: n, seized: n },
          {
            ...{ type: "charges-settled", owner, slot },
            charges: [{ id: "grid", sort: "fee", to: "~grid", money: n }],
          },
          {
            ...{ type: "settlement-corrected", owner, slot, version: 2, why: "correction" },
            ...{ imbalanceWh: n, money: n, imbalanceDifferenceWh: n, moneyDifference: n },
          },
          {
            ...{ type: "slot-corrected", meter: "m", owner, slot, version: 1, before: null },
            ...{ reason: "meter-error", importWh: n, exportWh: n },
          },
        ]),
        { type: "violation", id: "user-1", kind: "quote-unopened", points: buyersOwn, reason: "x" },
        {
          ...{ type: "slot-certified", slot, version: 1, sales: [] },
          certificates: [
            {
              owner: "company",
              form: "solar",
              issuedWh: sellersOwn,
              boughtWh: 0,
              soldWh: 0,
              retiredWh: 0,
            },
            {
              owner: "user-1",
              form: "wind",
              issuedWh: buyersOwn,
              boughtWh: 0,
              soldWh: 0,
              retiredWh: 0,
            },
          ],
        },
        {
          type: "meter-silent",
          meter: "user-1-net",
          device: "user-1-unit",
          owner: "user-1",
          since: slot,
        },
      ],
    }));
  fc.assert(
    fc.property(events, ({ list, buyer, seller }) => {
      const notices = told(...list);
      for (const [who, others, names] of [
        ["company", buyer, /user-1-net|user-1-unit/],
        ["user-1", seller, /company-/],
        ["bureau", [...buyer, ...seller], /./],
      ] as const) {
        const own = notices.filter(({ owner }) => owner === who);
        const all = own.map((notice) => toldOf(notice, { reader: english0, portal }));
        const text = JSON.stringify([
          own,
          all,
          digestOf(own, { owner: who, channel: "email", at: 1 }, { reader: english0, portal }),
        ]);
        for (const number of others) {
          assert.ok(!text.includes(String(number)), `${who} reads ${number}`);
          assert.ok(!text.includes(decimal(number, 3, 3)) && !text.includes(decimal(number, 6, 4)));
        }
        if (own.length > 0) assert.doesNotMatch(text, names);
      }
    }),
    // Products of numbers are numbers too: with a seed none is another's by chance.
    { numRuns: 200, seed: 5 },
  );
});

const usual: Preferences = {
  version: 1,
  language: "en",
  timeZone: "CET-1CEST,M3.5.0,M10.5.0/3",
  ways: [],
  digestAt: 18 * 60,
  threshold: 0 as Micro,
  muted: [],
};
type Ways = NoticePreferences["ways"];

test("what is muted is not sent, what is small only in a digest, what cannot wait at once", () => {
  const at = Date.UTC(2026, 5, 21, 10);
  const ways: Ways = [
    { channel: "push", when: "at-once", quiet: true },
    { channel: "email", when: "daily", quiet: false },
  ];
  const notice = { topic: "imbalance", urgent: false, money: 70_000, time: at } as const;
  const plan = (changes: Partial<Preferences>, of: Partial<Notice> = {}) =>
    planOf({ ...notice, ...of }, { ...usual, ways, ...changes }).map(
      ({ channel, digest }) => `${channel} ${digest > 0 ? "digest" : "alone"}`,
    );
  assert.deepEqual(plan({}), ["push alone", "email digest"]);
  assert.deepEqual(plan({ muted: ["imbalance"] }), []);
  assert.deepEqual(plan({ threshold: 70_001 as Micro }), ["email digest"]);
  assert.deepEqual(plan({ threshold: 70_000 as Micro }), ["push alone", "email digest"]);
  assert.deepEqual(plan({ threshold: 70_001 as Micro }, { money: null }), [
    "push alone",
    "email digest",
  ]);
  assert.deepEqual(plan({ threshold: 70_001 as Micro }, { urgent: true }), [
    "push alone",
    "email alone",
  ]);
});

test("quiet hours and digests are by the owner's clock, when clocks are turned too", () => {
  const push: Ways = [{ channel: "push", when: "at-once", quiet: true }];
  const quiet = { from: 22 * 60, to: 7 * 60, urgent: false };
  const hold = (time: number, changes: Partial<Preferences>, urgent = false) =>
    planOf({ topic: "meter", urgent, money: null, time }, { ...usual, ...changes })[0]?.hold;
  // 21 June, by a clock two hours ahead of UTC.
  const night = Date.UTC(2026, 5, 21, 20);
  assert.equal(hold(night, { ways: push, quiet }), Date.UTC(2026, 5, 22, 5));
  assert.equal(hold(night - 1, { ways: push, quiet }), 0);
  assert.equal(hold(Date.UTC(2026, 5, 22, 4, 59), { ways: push, quiet }), Date.UTC(2026, 5, 22, 5));
  assert.equal(hold(Date.UTC(2026, 5, 22, 5), { ways: push, quiet }), 0);
  assert.equal(hold(night, { ways: push, quiet }, true), Date.UTC(2026, 5, 22, 5));
  assert.equal(hold(night, { ways: push, quiet: { ...quiet, urgent: true } }, true), 0);
  assert.equal(
    hold(night, { ways: [{ channel: "push", when: "at-once", quiet: false }], quiet }),
    0,
  );
  assert.equal(hold(night, { ways: push, quiet: { ...quiet, from: 9, to: 9 } }), 0);
  // 29 March 2026: at 2 o'clock it is 3; 25 October: at 3 it is 2.
  assert.equal(hold(Date.UTC(2026, 2, 28, 22), { ways: push, quiet }), Date.UTC(2026, 2, 29, 5));
  assert.equal(hold(Date.UTC(2026, 9, 24, 21), { ways: push, quiet }), Date.UTC(2026, 9, 25, 6));

  const daily: Ways = [{ channel: "email", when: "daily", quiet: true }];
  const digest = (time: number, changes: Partial<Preferences> = {}) =>
    planOf(
      { topic: "bill", urgent: false, money: null, time },
      { ...usual, ways: daily, ...changes },
    )[0];
  assert.equal(digest(Date.UTC(2026, 5, 21, 10))?.digest, Date.UTC(2026, 5, 21, 16));
  assert.equal(
    digest(Date.UTC(2026, 5, 21, 16))?.digest,
    Date.UTC(2026, 5, 22, 16),
    "not its own instant",
  );
  assert.equal(digest(Date.UTC(2026, 2, 28, 18))?.digest, Date.UTC(2026, 2, 29, 16));
  const hourly: Ways = [{ channel: "email", when: "hourly", quiet: true }];
  const india = { ways: hourly, timeZone: "IST-5:30" };
  assert.equal(digest(Date.UTC(2026, 5, 21, 10, 10), india)?.digest, Date.UTC(2026, 5, 21, 10, 30));
  const late = digest(Date.UTC(2026, 5, 21, 10), { quiet, digestAt: 23 * 60 });
  assert.deepEqual(
    [late?.digest, late?.hold],
    [Date.UTC(2026, 5, 21, 21), Date.UTC(2026, 5, 22, 5)],
  );
});

test("whenever it is, nothing is held for longer than a day, and nothing into the quiet hours", () => {
  const minute = fc.nat(1439);
  fc.assert(
    fc.property(
      fc.integer({ min: Date.UTC(2025, 0), max: Date.UTC(2027, 0) }),
      fc.record({ from: minute, to: minute, urgent: fc.boolean() }),
      fc.constantFrom(
        "UTC0",
        "CST-8",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "NST3:30NDT,M3.2.0,M11.1.0",
        "<+1245>-12:45",
      ),
      fc.constantFrom("at-once", "hourly", "daily"),
      minute,
      (time, quiet, timeZone, when, digestAt) => {
        const ways: Ways = [{ channel: "email", when, quiet: true }];
        const preferences = { ...usual, ways, quiet, timeZone, digestAt };
        const [planned] = planOf({ topic: "bill", urgent: false, money: null, time }, preferences);
        assert.ok(planned);
        const { hold, digest } = planned;
        // A day of 25 hours, and a night behind it.
        assert.ok(hold === 0 || (hold > time && hold - time <= 50 * 3_600_000), `${hold - time}`);
        assert.equal(digest > 0, when !== "at-once");
        if (hold === 0) return;
        const again = planOf(
          { topic: "bill", urgent: false, money: null, time: hold },
          { ...preferences, ways: [{ channel: "email", when: "at-once", quiet: true }] },
        );
        assert.equal(again[0]?.hold, 0, "it is let go outside of the quiet hours");
      },
    ),
    { numRuns: 500 },
  );
});

test("a digest tells the oldest first, counts what it leaves out, and is another one when more is in it", () => {
  const many = Array.from({ length: 50 }, (_, i) => told({ ...signed, contract: `k-${i}` })[0]);
  const notices = many.filter((notice) => notice !== undefined);
  const about = { owner: "company", channel: "email", at: slot };
  const digest = digestOf(notices, about, { reader: english0, portal });
  assert.deepEqual([digest.items?.length, digest.more, digest.title], [40, 10, "50 notices"]);
  assert.match(digest.text, /And 10 more/);
  assert.equal(
    digest.items?.[0]?.facts.contract && JSON.stringify(digest.items[0].facts.contract),
    '{"name":"k-0"}',
  );
  const fewer = digestOf(notices.slice(0, 49), about, { reader: english0, portal });
  assert.notEqual(fewer.id, digest.id, "nobody drops what came late as a repetition");
  assert.equal(digestOf(notices, about, { reader: shanghai, portal }).id, digest.id);
});
