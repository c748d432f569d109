import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeCbor,
  encodeCbor,
  encodeMessage,
  type Message,
  micro,
  microPerKwh,
  sealEnvelope,
  UnitError,
  utcMs,
  watt,
  wh,
} from "@busbar/protocol";
import { SchemaError } from "@busbar/protocol/schema";
import fc from "fast-check";
import { ordersOf } from "../../../portal/views/orders.ts";
import { accountSums, balanceOf } from "../../accounts.ts";
import { creditReports } from "../../credit.ts";
import {
  type Demand,
  demandDues,
  demandOffers,
  demandSlots,
  demands,
  offersMax,
} from "../../demand.ts";
import { exposures } from "../../exposure.ts";
import {
  chain,
  entry,
  frameOf,
  MeterChain,
  signerOfName,
  startTime,
  testGenesis,
} from "../../test-site.ts";
import { boundaryKeepMs } from "../boundaries.ts";
import { rules, type TxRules } from "../index.ts";
import { creditRule } from "../market/credit-rule.ts";
import { Chain, hour, minute } from "../market/test-chain.ts";
import { waitMsMax } from "../market/waiting.ts";
import { prove } from "./prove.ts";
import { demandRule } from "./settle-rule.ts";

const day = 24 * 60;
const id = (n: number) => new Uint8Array(16).fill(n);
const hexOf = (n: number) => Buffer.from(id(n)).toString("hex");
/** The user draws 1 000 Wh an hour for four days; the order is about two hours of the fifth. */
const slot = startTime + 4 * day * minute + 2 * hour;

class Home extends Chain {
  readonly user = new MeterChain("user-a");

  constructor(line?: number, tx: TxRules = {}) {
    const { parameters } = testGenesis();
    const credit =
      line === undefined ? {} : { credit: { line: micro(line), tolerancePermille: 100 } };
    // Without the market's own stages, which have nothing to do with orders.
    super(
      { parameters: { ...parameters, ...credit } },
      { ...rules, tx: { ...rules.tx, ...tx }, block: [demandRule, creditRule] },
    );
    const past = [entry(startTime, 0), entry(startTime + 4 * day * minute, 96_000)];
    assert.deepEqual(this.block(4 * day, this.user.frame(...past)), []);
  }

  one(frame: Uint8Array, minutes = 4 * day + 10): string {
    return this.block(minutes, frame)[0] ?? "ok";
  }

  status(n = 1): string | undefined {
    return demands.get(this.state, hexOf(n))?.status;
  }

  /** Readings at the slot's start and at the end of each hour from there on. */
  draws(...hours: number[]): void {
    let register = 98_000;
    const all = [entry(slot, register)];
    for (const [i, drawn] of hours.entries()) {
      register += drawn;
      all.push(entry(slot + (i + 1) * hour, register));
    }
    const minutes = (slot - startTime) / minute + hours.length * 60 + 1;
    assert.deepEqual(this.block(minutes, this.user.frame(...all)), []);
  }
}

type Order = Message<"demand-order">;

const order = (changes: Partial<Order> = {}, signer = "bureau-a"): Uint8Array =>
  frameOf(signer, "demand-order", orderOf(changes));

function orderOf(changes: Partial<Order> = {}): Order {
  return {
    id: id(1),
    by: "bureau-a",
    device: "user-a-unit",
    action: "shed",
    slot: utcMs(slot),
    slots: 2,
    energy: wh(400),
    price: microPerKwh(500_000),
    answerBy: utcMs(slot),
    ...changes,
  };
}

const answer = (signer: string, word: "accept" | "refuse", changes = {}) =>
  frameOf(signer, "demand-answer", { id: id(1), owner: "user-a", word, ...changes });

const allow = (changes: Partial<Message<"demand-mandate">> = {}, signer = "user-a") =>
  frameOf(signer, "demand-mandate", {
    owner: "user-a",
    device: "user-a-unit",
    version: 1,
    energyMax: wh(400),
    limitWMin: watt(300),
    priceMin: microPerKwh(400_000),
    slotsMax: 4,
    until: utcMs(slot + 100 * hour),
    ...changes,
  });

test("an order that the owner takes is proven by its meter against what is usual, and paid", () => {
  const home = new Home();
  assert.equal(home.one(order()), "ok");
  assert.deepEqual(demands.get(home.state, hexOf(1))?.usual, [1000, 1000]);
  assert.equal(home.status(), "offered");
  assert.equal(home.one(answer("user-a-unit", "accept")), "demand.answer-rights");
  assert.equal(home.one(answer("user-a", "accept")), "ok");
  assert.equal(home.one(answer("user-a", "accept")), "tx.exists");
  assert.equal(home.one(answer("user-a-unit", "accept")), "ok");
  assert.equal(home.status(), "acknowledged");
  home.draws(600, 650);
  assert.equal(home.status(), "settled");
  // The portal shows it to both sides and to nobody else.
  const shown = ["user-a", "bureau-a", "company-a"].map((owner) =>
    ordersOf(home.state, owner).orders.map(({ status, deliveredWh, money }) => [
      ...[status, deliveredWh, money],
    ]),
  );
  assert.deepEqual(shown, [[["settled", 750, 375_000]], [["settled", 750, 375_000]], []]);
  const [settled] = home.of("demand-settled");
  assert.deepEqual(
    [settled?.orderedWh, settled?.deliveredWh, settled?.amount, settled?.kept],
    [800, 750, 375_000, true],
  );
  assert.equal(balanceOf(home.state, "user-a"), 375_000);
  assert.equal(balanceOf(home.state, "bureau-a"), -375_000);
  assert.deepEqual(accountSums(home.state), { money: 0n, energyWh: 0n });
  assert.equal(home.one(order(), 4 * day + 300), "tx.exists");
  assert.equal(home.one(answer("user-a", "refuse"), 4 * day + 300), "demand.closed");
});

test("inside of the owner's mandate an order is a contract at once, outside it is an offer", () => {
  const outside: Partial<Order>[] = [
    { energy: wh(401) },
    { price: microPerKwh(399_999) },
    { slots: 5 },
    { action: "limit", limitW: watt(299) },
  ];
  for (const changes of outside) {
    const home = new Home();
    assert.equal(home.one(allow()), "ok");
    assert.equal(home.one(order(changes)), "ok");
    assert.equal(home.status(), "offered", JSON.stringify(changes));
  }
  for (const mandate of [{ by: "company-a" }, { until: utcMs(slot) }, { slotsMax: 1 }]) {
    const home = new Home();
    assert.equal(home.one(allow(mandate)), "ok");
    assert.equal(home.one(order()), "ok");
    assert.equal(home.status(), "offered", JSON.stringify(mandate));
  }
  const home = new Home();
  assert.equal(home.one(allow({ by: "bureau-a" })), "ok");
  assert.equal(home.one(order()), "ok");
  assert.equal(home.status(), "contracted");
  // Four slots in a day and night, whatever the orders.
  const later = { slot: utcMs(slot + 3 * hour), answerBy: utcMs(slot) };
  assert.equal(home.one(order({ id: id(2), ...later })), "ok");
  assert.equal(home.status(2), "contracted");
  const next = { slot: utcMs(slot + 6 * hour), answerBy: utcMs(slot), slots: 1 };
  assert.equal(home.one(order({ id: id(3), ...next })), "ok");
  assert.equal(home.status(3), "offered");
});

test("a contract that is not kept, or refused, stands on the owner's credit report", () => {
  const unkept = new Home();
  unkept.one(allow());
  unkept.one(order());
  unkept.draws(600, 690);
  assert.equal(unkept.of("demand-settled")[0]?.kept, false);
  assert.equal(unkept.of("demand-settled")[0]?.amount, 355_000, "what is proven is paid");
  assert.deepEqual(creditReports.get(unkept.state, "user-a")?.counts, [
    { kind: "order-unkept", times: 1 },
  ]);

  const refused = new Home();
  refused.one(allow());
  refused.one(order());
  assert.equal(refused.one(answer("user-a-unit", "refuse", { reason: "unsafe" })), "ok");
  assert.equal(refused.one(answer("user-a-unit", "refuse", { reason: "unsafe" })), "tx.exists");
  assert.deepEqual(creditReports.get(refused.state, "user-a")?.counts, [
    { kind: "order-refused", times: 1 },
  ]);
  refused.draws(600, 600);
  assert.deepEqual(refused.of("demand-settled"), []);

  const offered = new Home();
  offered.one(order());
  assert.equal(offered.one(answer("user-a", "refuse")), "ok");
  assert.equal(creditReports.get(offered.state, "user-a"), undefined, "an offer binds nobody");
  assert.deepEqual([...demandSlots.scan(offered.state)], []);
});

test("an offer that nobody takes lapses, and its orderer is bound no more", () => {
  const home = new Home(1_000_000);
  assert.equal(
    home.one(order({ by: "company-a", answerBy: utcMs(slot - hour) }, "company-a")),
    "ok",
  );
  assert.equal(exposures.get(home.state, "company-a")?.money, 400_000);
  const more = { by: "company-a", id: id(2), slot: utcMs(slot + 5 * hour), answerBy: utcMs(slot) };
  assert.equal(home.one(order({ ...more, energy: wh(601) }, "company-a")), "demand.beyond-credit");
  home.block((slot - hour - startTime) / minute);
  assert.equal(home.status(), "lapsed");
  assert.equal(exposures.get(home.state, "company-a"), undefined);
  assert.equal(home.one(answer("user-a", "accept"), 4 * day + 61), "demand.closed");
});

test("what never flowed is not paid: limits that were passed, shifts that were not made up for", () => {
  const base = {
    usual: [1000, 1000],
    usualLater: [1000, 1000],
    energy: wh(400),
  } as unknown as Demand;
  const shift = { ...base, action: "shift" } as const;
  const limit = { ...base, action: "limit", limitW: watt(700) } as const;
  const at = (during: number[], later: number[] = []) => ({ during, later });
  assert.equal(prove(shift, at([600, 600], [1400, 1300]), hour).deliveredWh, 700);
  assert.equal(prove(shift, at([600, 600], [900, 1000]), hour).deliveredWh, 0);
  assert.deepEqual(prove(limit, at([700, 701]), hour), {
    deliveredWh: 300,
    withinLimit: false,
    isLimit: true,
  });
  // Half an hour of 700 W is 350 Wh.
  assert.equal(prove(limit, at([350]), hour / 2).withinLimit, true);
  assert.equal(prove(limit, at([351]), hour / 2).withinLimit, false);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -5000, max: 5000 }), { maxLength: 2 }), (during) => {
      const { deliveredWh } = prove({ ...base, action: "shed" } as Demand, at(during), hour);
      assert.ok(deliveredWh >= 0 && deliveredWh <= 400 * during.length);
    }),
  );
});

test("days under an order count in no baseline, and three days are needed", () => {
  const home = new Home();
  home.one(allow({ slotsMax: 96 }));
  assert.equal(home.one(order({ slots: 1 })), "ok");
  home.draws(0, 1000);
  // The next day: the usual is what it was without the order.
  const next = {
    id: id(2),
    slots: 1,
    slot: utcMs(slot + 24 * hour),
    answerBy: utcMs(slot + 24 * hour),
  };
  assert.equal(home.one(order(next), 4 * day + 700), "ok");
  assert.deepEqual(demands.get(home.state, hexOf(2))?.usual, [1000]);
  const early = new Chain({}, { ...rules, block: [demandRule] });
  const meter = new MeterChain("user-a");
  early.block(
    2 * day,
    meter.frame(entry(startTime, 0), entry(startTime + 2 * day * minute, 48_000)),
  );
  const soon = {
    slot: utcMs(startTime + 2 * day * minute + hour),
    answerBy: utcMs(startTime + 2 * day * minute + hour),
  };
  assert.deepEqual(early.block(2 * day + 1, order(soon)), ["demand.no-baseline"]);
});

test("a silent meter proves nothing: after a month nothing is paid, and nobody is blamed", () => {
  const home = new Home();
  home.one(allow());
  home.one(order());
  const end = (slot + 2 * hour - startTime) / minute;
  home.block(end + 1);
  assert.equal(home.status(), "contracted");
  home.block(end + waitMsMax / minute);
  assert.equal(home.of("demand-settled")[0]?.kept, null);
  assert.equal(balanceOf(home.state, "user-a"), 0);
  assert.equal(creditReports.get(home.state, "user-a"), undefined);
  home.block(end + boundaryKeepMs / minute);
  assert.equal(home.status(), undefined, "forgotten with its slots");
  assert.deepEqual([...demandSlots.scan(home.state), ...demandDues.scan(home.state)], []);
});

test("each wrong order and mandate is refused with its code and changes nothing", () => {
  const home = new Home();
  const wrong: readonly (readonly [Partial<Order>, string, string?])[] = [
    [{}, "demand.rights", "user-a"],
    [{ device: "nobody" }, "demand.device-unknown"],
    [{ device: "bureau-a-unit", by: "company-a" }, "demand.device-unknown", "company-a"],
    [{ by: "user-a" }, "demand.own", "user-a"],
    [{ action: "limit" }, "demand.shape"],
    [{ limitW: watt(5) }, "demand.shape"],
    [{ action: "shift" }, "demand.shape"],
    [{ energy: wh(0) }, "demand.shape"],
    [{ energy: wh(100_000_001) }, "demand.shape"],
    [{ action: "shift", toSlot: utcMs(slot + hour) }, "demand.slot"],
    [{ slot: utcMs(slot + 1) }, "demand.slot"],
    [{ slot: utcMs(startTime) }, "demand.slot"],
    [{ slot: utcMs(slot + 8 * 24 * hour) }, "demand.slot"],
    [{ answerBy: utcMs(startTime) }, "demand.answer-by"],
    [{ answerBy: utcMs(slot + 1) }, "demand.answer-by"],
  ];
  for (const [changes, code, signer] of wrong) {
    assert.equal(home.one(order(changes, signer)), code, JSON.stringify(changes));
  }
  assert.equal(home.one(answer("user-a", "accept")), "demand.unknown");
  assert.equal(home.one(allow({}, "bureau-a")), "demand.mandate-rights");
  assert.equal(home.one(allow({ device: "bureau-a-unit" })), "demand.device-unknown");
  assert.equal(home.one(allow({ version: 2 })), "ok");
  assert.equal(home.one(allow({ version: 2 })), "tx.exists");
  assert.equal(home.one(allow({ version: 2, slotsMax: 0 })), "demand.exists-different");
  assert.equal(home.one(allow()), "demand.version");
  assert.equal(home.one(order()), "ok");
  assert.equal(home.one(order({ slots: 1 })), "demand.exists-different");
  assert.equal(home.one(order({ id: id(2), slots: 1 })), "demand.taken");
  assert.equal(home.one(answer("company-a", "accept")), "demand.answer-rights");
});

test("nobody orders for nothing, or for less: no frame of a price below 1 is an order or a mandate", () => {
  for (const price of [0, -1, -500_000, -1_000_000_000]) {
    assert.throws(() => order({ price: microPerKwh(price) }), SchemaError);
    assert.throws(() => allow({ priceMin: microPerKwh(price) }), SchemaError);
  }
  const home = new Home();
  const sound = new Map(
    decodeCbor(encodeMessage("demand-order", orderOf())) as Map<number, number>,
  );
  for (const price of [0, -1, -500_000, -1_000_000_000]) {
    const domain = { chain, kind: "demand-order" } as const;
    const payload = encodeCbor(new Map([...sound, [8, price]]));
    const envelope = sealEnvelope(payload, domain, signerOfName("bureau-a"));
    assert.equal(home.one(encodeCbor([domain.kind, envelope])), "message.shape");
  }
});

test("a rule that leaves the ledger's range refuses its frame; what is a machine's own goes on up", () => {
  for (const error of [new UnitError("too much"), new SchemaError("bound", "an integer", -1)]) {
    const home = new Home(undefined, {
      "demand-order": ({ state }) => {
        exposures.set(state, "bureau-a", { money: 1 });
        throw error;
      },
    });
    assert.equal(home.one(order()), "tx.beyond-range");
    assert.equal(exposures.get(home.state, "bureau-a"), undefined, "nothing of it stays");
  }
  const full = () => {
    throw new RangeError("Maximum call stack size exceeded");
  };
  assert.throws(() => new Home(undefined, { "demand-order": full }).one(order()), /call stack/);
});

test("only the owner itself spends by ordering: its unit, which has limits for quotes alone, does not", () => {
  assert.equal(new Home().one(order({}, "bureau-a-unit")), "demand.rights");
});

test("an offer locks nobody out: the owner takes the one it likes, and the other can be no contract then", () => {
  const home = new Home();
  assert.equal(home.one(order({ by: "company-a", price: microPerKwh(1) }, "company-a")), "ok");
  assert.equal(home.one(order({ id: id(2) })), "ok", "the slots are free");
  assert.deepEqual([...demandSlots.scan(home.state)], []);
  assert.equal(home.one(answer("user-a", "accept", { id: id(2) })), "ok");
  assert.equal(home.one(answer("user-a", "accept")), "demand.taken");
  assert.equal(home.one(answer("user-a", "refuse")), "ok");
  assert.equal([...demandSlots.scan(home.state)].length, 2, "another's refusal frees no contract");
  assert.equal(home.one(order({ id: id(3) })), "demand.taken");
});

test("an owner has so many offers open at most; an answered or lapsed one makes room", () => {
  const home = new Home();
  const offers = Array.from({ length: offersMax }, (_, n) => order({ id: id(n + 1) }));
  assert.deepEqual(home.block(4 * day + 10, ...offers), []);
  const more = order({ id: id(200) });
  assert.equal(home.one(more), "demand.too-many");
  assert.equal(home.one(answer("user-a", "refuse")), "ok");
  assert.equal(home.one(more), "ok");
  assert.equal(home.one(order({ id: id(201) })), "demand.too-many");
  assert.equal(home.one(answer("user-a", "accept", { id: id(2) })), "ok");
  home.block((slot - startTime) / minute + 1);
  assert.deepEqual([...demandOffers.scan(home.state)], [], "the others have lapsed");
});

test("orders between friends choose no baseline: only days that they changed are left out, few of them", () => {
  const usualAfter = (drawn: number, orders: number) => {
    const home = new Home();
    home.one(allow({ slotsMax: 96, until: utcMs(slot + 999 * hour) }));
    let [register, at] = [98_000, 4 * day + 10];
    for (let n = 0; n < 5; n += 1) {
      const start = slot + n * 24 * hour;
      const one = { id: id(n + 1), slots: 1, slot: utcMs(start), answerBy: utcMs(start) };
      if (n < orders) assert.equal(home.one(order(one), at), "ok");
      const [from, to] = [register, register + drawn];
      const readings = home.user.frame(entry(start, from), entry(start + hour, to));
      at = (start + hour - startTime) / minute + 1;
      assert.deepEqual(home.block(at, readings), []);
      register = to + 23_000;
    }
    const next = utcMs(slot + 5 * 24 * hour);
    assert.equal(home.one(order({ id: id(99), slots: 1, slot: next, answerBy: next }), at), "ok");
    return demands.get(home.state, Buffer.from(id(99)).toString("hex"))?.usual[0];
  };
  assert.equal(usualAfter(900, 5), 900, "a tenth less is a day like any other");
  assert.equal(
    usualAfter(500, 2),
    700,
    "two days of five that were changed are replaced by older ones",
  );
  assert.equal(usualAfter(500, 5), 800, "no more than three are: two changed days count");
});
