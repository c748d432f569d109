import assert from "node:assert/strict";
import { test } from "node:test";
import { cost, encodeMessage, type GridSegment, microPerKwh, utcMs, wh } from "@busbar/protocol";
import fc from "fast-check";
import { pricesOfSlot } from "../../../publish/prices.ts";
import { accountId, accountSums, accounts, gridOwner } from "../../accounts.ts";
import { parametersOf } from "../../parameters.ts";
import { paidIn, paymentOf } from "../../settlements.ts";
import { sha256 } from "../../sha256.ts";
import { meters } from "../../tables.ts";
import { frameOf, startTime, testGenesis } from "../../test-site.ts";
import { cutToLines } from "./cutting.ts";
import { linesOf, placeOf, strayFeeder } from "./lines.ts";
import { positionOf } from "./positions.ts";
import { contracts, slotKey, slots } from "./tables.ts";
import { Chain, hour, minute, quote, slot } from "./test-chain.ts";
import { GridChain, line, slotStart, type Wish } from "./test-grid.ts";

const feesPaid = (run: Chain) => accounts.get(run.state, accountId(gridOwner, "sales"))?.money ?? 0;
const ask = (owner: string, quantity: number, limit: number): Wish => {
  return { owner, side: "ask", quantity, limit };
};
const bid = (owner: string, quantity: number, limit: number): Wish => {
  return { ...ask(owner, quantity, limit), side: "bid" };
};

const twoFeeders = { "company-a": ["north"], "user-a": ["south"], "user-b": ["north"] };
const twoLines = [line("north", 20_000, {}), line("south", 30_000, { capacity: 4_000 })];

test("the buyer pays its feeder's price, the seller gets its own, the lines get the difference", () => {
  // Limits that leave one price, whose parts round another way than their sum.
  const uneven = [line("north", 20_333, {}), line("south", 30_111, {})];
  const run = new GridChain(twoFeeders, uneven);
  run.trade(0, [ask("company-a", 5_000, 600_777), bid("user-a", 3_003, 651_221)]);
  const [cleared] = run.of("slot-cleared");
  const [north, south] = [cleared?.grid?.feeders[1], cleared?.grid?.feeders[2]];
  assert.ok(north?.price && south?.price);
  assert.equal(south.price - north.price, 50_444, "by the fees of both segments");
  assert.deepEqual([north.exportWh, south.exportWh], [3_003, -3_003]);
  assert.equal(cleared?.grid?.feeders[0]?.price, null, "nobody trades at the busbar");
  assert.equal(cleared?.clearing, north.price, "what sellers got");
  const [contract] = [...contracts.scan(run.state)].map(([, terms]) => terms);
  assert.deepEqual(
    [contract?.price, contract?.fee, contract?.from, contract?.to],
    [north.price, 50_444, "north", "south"],
  );
  run.trade(1, []);
  run.trade(2, []);
  const feeders = pricesOfSlot(run.state, slotStart, 1)?.feeders;
  assert.deepEqual(feeders, [
    { feeder: null, price: null, sentWh: 0 },
    { feeder: "north", price: north.price, sentWh: 3_003 },
    { feeder: "south", price: south.price, sentWh: -3_003 },
  ]);
  const net = { "company-a": 3_003, "user-a": -3_003 } as Record<string, number>;
  run.deliver((owner) => net[owner] ?? 0);
  const [settled] = run.of("contract-settled");
  assert.equal(settled?.amount, cost(microPerKwh(north.price), wh(3_003)));
  assert.equal(
    settled.amount + (settled.gridFee ?? 0),
    cost(microPerKwh(south.price), wh(3_003)),
    "the buyer pays exactly what its energy costs at its feeder",
  );
  assert.deepEqual(
    [feesPaid(run), run.money("user-a")],
    [settled.gridFee, -settled.amount - (settled.gridFee ?? 0)],
  );
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

test("what a line loses is part of what its energy costs, and the lines' account buys it", () => {
  const lossy = twoLines.map((own) =>
    own.feeder === "south" ? { ...own, lossPermille: 20 } : own,
  );
  const run = new GridChain(twoFeeders, lossy);
  run.trade(0, [ask("company-a", 5_000, 600_000), bid("user-a", 3_000, 690_000)]);
  const [contract] = [...contracts.scan(run.state)].map(([, terms]) => terms);
  // 20 ‰ of a kWh at retail, on top of both fees.
  assert.deepEqual([contract?.fee, contract?.lossWh], [20_000 + 30_000 + 14_000, 60]);
  run.trade(1, []);
  run.trade(2, []);
  run.deliver((owner) => ({ "company-a": 3_000, "user-a": -3_000 })[owner] ?? 0);
  assert.equal(run.of("contract-settled")[0]?.lossWh, 60);
  // It pays 60 Wh at retail, and hands on what is left of the fee: it keeps nothing.
  const spent = accounts.get(run.state, accountId(gridOwner, "purchase"));
  assert.deepEqual(spent, { money: -42_000 - 150_000, energyWh: 60 });
  assert.equal(accounts.get(run.state, accountId(gridOwner, "sales"))?.money, 3 * 64_000);
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
  const poor = new GridChain(twoFeeders, lossy);
  poor.trade(0, [ask("company-a", 5_000, 600_000), bid("user-a", 3_000, 663_999)]);
  assert.equal(poor.of("slot-cleared")[0]?.quantityWh, 0, "nobody pays for less than is lost");
});

test("a line's capacity is for all gates of a slot, and a trade against it makes room", () => {
  const run = new GridChain(twoFeeders, twoLines);
  const wishes = [ask("company-a", 5_000, 450_000), bid("user-a", 3_000, 690_000)];
  const flow = () => run.flows(twoLines).get("south");
  run.trade(0, wishes);
  assert.equal(flow(), -3_000);
  run.trade(1, wishes);
  assert.equal(flow(), -4_000, "as much as the line carries");
  run.trade(2, [ask("user-a", 8_000, 450_000), bid("user-b", 9_000, 690_000)]);
  assert.equal(flow(), 4_000, "back to the other end's limit");
  assert.deepEqual(
    slots.get(run.state, slotKey(slot))?.feeders?.map(({ sentWh }) => sentWh),
    [0, -4_000, 4_000],
  );
});

test("a void contract leaves its line free", () => {
  const run = new GridChain(twoFeeders, twoLines);
  run.trade(0, [ask("company-a", 5_000, 450_000), bid("user-a", 3_000, 690_000)]);
  const sent = () => linesOf(run.state, slot, twoLines).map(({ sentWh }) => sentWh);
  assert.deepEqual(sent(), [3_000, -3_000]);
  const [id, terms] = [...contracts.scan(run.state)][0] ?? [];
  assert.ok(id && terms);
  contracts.set(run.state, id, { ...terms, isVoid: 1 });
  assert.deepEqual(sent(), [0, 0]);
});

/** North sells 4 kWh less than it buys back over a line that carries 4: the second stands in the first's room. */
function crossed() {
  const run = new GridChain(twoFeeders, twoLines);
  run.trade(0, [ask("user-a", 4_000, 450_000), bid("user-b", 4_000, 690_000)]);
  run.trade(1, [ask("company-a", 9_000, 450_000), bid("user-a", 9_000, 690_000)]);
  const [first, second] = run.of("contract-signed");
  assert.deepEqual([first?.quantityWh, second?.quantityWh], [4_000, 8_000]);
  const objection = {
    by: "bureau-a",
    contract: first?.contract ?? "",
    against: "seller",
    reason: "fraud",
  } as const;
  const motion = sha256(encodeMessage("objection", objection));
  const ruling = { member: "member-a", slot: utcMs(slot), motion, word: "uphold" } as const;
  const voided = (minutes: number) => {
    const frames = [
      frameOf("bureau-a", "objection", objection),
      frameOf("member-a", "ruling", ruling),
    ];
    assert.deepEqual(run.block(minutes, ...frames), []);
    assert.equal(run.of("contract-void").length, 1);
  };
  const south = () => linesOf(run.state, slot, twoLines)[1]?.sentWh;
  return { run, voided, south, second: second?.contract ?? "" };
}

test("what stood in the room of a contract that is void is cut to what the line carries", () => {
  const { run, voided, south, second } = crossed();
  assert.equal(south(), -4_000);
  voided(41);
  assert.equal(south(), -4_000);
  assert.deepEqual(
    run.of("contract-cut").map(({ contract, byWh, quantityWh, feeder }) => {
      return [contract, byWh, quantityWh, feeder];
    }),
    [[second, 4_000, 4_000, "south"]],
  );
  assert.deepEqual(
    ["user-a", "user-b", "company-a"].map((owner) => positionOf(run.state, owner, slot)),
    [-4_000, 0, 4_000],
    "the last gate trades on from there",
  );
  run.block(45);
  run.block(50);
  const net = { "company-a": 4_000, "user-a": -4_000 } as Record<string, number>;
  run.deliver((owner) => net[owner] ?? 0);
  assert.equal(run.of("imbalance-settled").length, 0);
  assert.equal(run.of("contract-settled")[0]?.deliveredWh, 4_000);
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

test("an objection that is rejected before delivery pays no contract yet; the next one may void its own", () => {
  const lines = [line("west", 0, { capacity: 10_000 }), line("east", 0, {})];
  const places = {
    "company-w": ["west"],
    "company-e": ["east"],
    "user-w": ["west"],
    "user-e": ["east"],
  };
  const run = new GridChain(places, lines);
  run.trade(0, [ask("company-e", 6_000, 500_000), bid("user-w", 6_000, 600_000)]);
  run.trade(1, [ask("company-w", 16_000, 500_000), bid("user-e", 16_000, 600_000)]);
  const ofSeller = (seller: string) =>
    [...contracts.scan(run.state)].find(([, one]) => one.seller === seller);
  const rule = (minutes: number, seller: string, word: "uphold" | "reject") => {
    const contract = ofSeller(seller)?.[0] ?? "";
    const objection = {
      by: "bureau-a",
      contract,
      against: "seller",
      reason: "price-abuse",
    } as const;
    const motion = sha256(encodeMessage("objection", objection));
    const ruling = { member: "member-a", slot: utcMs(slotStart), motion, word };
    const frames = [
      frameOf("bureau-a", "objection", objection),
      frameOf("member-a", "ruling", ruling),
    ];
    assert.deepEqual(run.block(minutes, ...frames), []);
  };
  rule(41, "company-w", "reject");
  const paid = () => [...paidIn(run.state, slotStart)].length;
  assert.equal(paid(), 0, "delivery is to come");
  assert.equal(run.of("contract-settled").length, 0);
  rule(41.5, "company-e", "uphold");
  assert.deepEqual(
    run.of("contract-cut").map(({ byWh, quantityWh }) => [byWh, quantityWh]),
    [[6_000, 10_000]],
  );
  // Paid as others are, once the meters have told; company-e's is void.
  run.trade(2, []);
  run.deliver((owner) => ({ "company-w": 10_000, "user-e": -10_000 })[owner] ?? 0);
  assert.equal(paid(), 1);
  const [id = "", terms] = ofSeller("company-w") ?? [];
  assert.ok(terms !== undefined && paymentOf(run.state, id, terms) !== undefined);
});

test("in a slot that has begun nothing is cut any more: what flows there flows", () => {
  const { run, voided, south } = crossed();
  run.block(45);
  run.block(50);
  voided(60);
  assert.equal(run.of("contract-cut").length, 0);
  assert.equal(south(), -8_000);
});

test("however contracts cross, after one is void no line carries more than it can", () => {
  const chainOf = (lines: readonly GridSegment[]) => {
    const feeders = Object.fromEntries(owners.map((id, i) => [id, [`f${i % 4}`]]));
    return new GridChain(feeders, lines);
  };
  const terms = fc.record({
    from: fc.nat(4),
    to: fc.nat(4),
    energy: fc.integer({ min: 1, max: 9_000 }),
  });
  let cuts = 0;
  fc.assert(
    fc.property(grids, fc.array(terms, { minLength: 1, maxLength: 9 }), (lines, list) => {
      const run = chainOf(lines);
      const place = (at: number) => (at === 4 ? {} : { feeder: `f${at}` });
      list.forEach(({ from, to, energy }, i) => {
        const [starts, ends] = [place(from).feeder, place(to).feeder];
        contracts.set(run.state, `${slotKey(slot)}-${String(i).padStart(4, "0")}`, {
          slot: slotStart,
          seller: "company-a",
          buyer: "user-a",
          energy: wh(energy),
          price: microPerKwh(500_000),
          origin: "book",
          scale: "real-time",
          ...(starts === undefined ? {} : { from: starts }),
          ...(ends === undefined ? {} : { to: ends }),
        });
      });
      const parameters = { ...parametersOf(run.state, slot), grid: lines };
      const context = {
        ...{
          height: 9,
          time: startTime,
          seed: new Uint8Array(32),
          chain: "x",
          verify: () => false,
        },
        ...{ state: run.state, parameters, emit: () => (cuts += 1) },
      };
      cutToLines(context, slotStart);
      for (const { capacity, sentWh = 0 } of linesOf(run.state, slot, lines)) {
        assert.ok(Math.abs(sentWh) <= (capacity ?? Number.POSITIVE_INFINITY));
      }
    }),
    { numRuns: 60 },
  );
  assert.ok(cuts > 50, `${cuts} cuts`);
});

test("a party with meters at several feeders stands where the way to the busbar costs most", () => {
  const grid = [
    line("west", 10_000, {}),
    line("far", 5_000, { parent: "west" }),
    line("east", 15_000, {}),
  ];
  const run = new GridChain(
    {
      "company-a": ["west", "far"],
      "user-a": ["far", "east"],
      "user-b": ["unknown", "west"],
    },
    grid,
  );
  const retail = microPerKwh(700_000);
  const at = (owner: string) => placeOf(run.state, owner, { grid, retail });
  assert.equal(at("company-a"), "far");
  assert.equal(at("user-a"), "east", "of equals that with the smallest id");
  assert.equal(at("user-b"), "west");
  assert.equal(strayFeeder(run.state, "user-b", { grid }), "unknown");
  assert.equal(strayFeeder(run.state, "user-a", { grid }), undefined);
  assert.equal(at("bureau-a"), undefined);
  assert.equal(
    placeOf(run.state, "company-a", { retail }),
    "west",
    "without a grid: the first meter's",
  );
});

const owners = ["company-a", "company-b", "user-a", "user-b", "user-c"];
const feederNames = ["f0", "f1", "f2", "f3"];
/** The bureau quotes as well, at the busbar. */
const quoting = [...owners, "bureau-a"];

const grids = fc
  .array(
    fc.record({
      parent: fc.nat(4),
      fee: fc.constantFrom(0, 1, 20_000, 60_001),
      capacity: fc.option(fc.nat(6_000), { nil: undefined }),
    }),
    { minLength: 4, maxLength: 4 },
  )
  .map((list) =>
    list.map(({ parent, fee, capacity }, i): GridSegment => {
      const more = capacity === undefined ? {} : { capacity };
      return line(`f${i}`, fee, parent < i ? { ...more, parent: `f${parent}` } : more);
    }),
  );

const wishes = fc
  .array(
    fc.record({
      side: fc.constantFrom("ask" as const, "bid" as const),
      quantity: fc.integer({ min: 0, max: 7_000 }),
      limit: fc.constantFrom(0, 400_000, 450_000, 520_000, 600_000, 640_000, 700_000, 900_000),
    }),
    { minLength: quoting.length, maxLength: quoting.length },
  )
  .map((list) =>
    list.flatMap((terms, i) =>
      terms.quantity === 0 ? [] : [{ owner: quoting[i] ?? "", ...terms }],
    ),
  );

const lives = fc.record({
  grid: grids,
  places: fc.array(fc.constantFrom(...feederNames), { minLength: 5, maxLength: 5 }),
  rounds: fc.array(wishes, { minLength: 3, maxLength: 3 }),
  given: fc.array(fc.integer({ min: -9_000, max: 9_000 }), { minLength: 5, maxLength: 5 }),
});

/** What the two of a contract agreed to at the gate that it was signed at. */
function checkContracts(
  run: GridChain,
  grid: readonly GridSegment[],
  round: readonly Wish[],
  from: number,
) {
  const { feedIn, retail } = { feedIn: 400_000, retail: 700_000 };
  for (const event of run.of("contract-signed").slice(from)) {
    const { seller, buyer, price, fee = 0, origin } = event;
    assert.ok(price >= feedIn && price + fee <= retail, "inside what anybody has from the bureau");
    if (origin !== "book") {
      assert.equal(fee, 0);
      continue;
    }
    const [offer, wish] = [seller, buyer].map((id) => round.find(({ owner }) => owner === id));
    assert.ok(offer?.side === "ask" && wish?.side === "bid" && seller !== buyer);
    assert.ok(price >= offer.limit && price + fee <= wish.limit, "inside both limits");
    const [out, back] = [run.way(seller, grid), run.way(buyer, grid)];
    const path = [...out.filter((f) => !back.includes(f)), ...back.filter((f) => !out.includes(f))];
    const owed = grid.reduce((sum, one) => sum + (path.includes(one.feeder) ? one.fee : 0), 0);
    const free = grid.every(
      ({ feeder, capacity }) => !path.includes(feeder) || capacity === undefined,
    );
    assert.ok(free ? fee === owed : fee >= owed, `the way costs ${owed}, the buyer pays ${fee}`);
  }
}

test("over random gates and grids nothing arises, no line is overloaded, nobody pays beyond a limit", () => {
  let [congested, charged] = [0, 0];
  fc.assert(
    fc.property(lives, ({ grid, places, rounds, given }) => {
      const feeders = Object.fromEntries(owners.map((id, i) => [id, [places[i] ?? ""]]));
      const run = new GridChain(feeders, grid);
      rounds.forEach((round, gate) => {
        const before = run.of("contract-signed").length;
        run.trade(gate, round);
        checkContracts(run, grid, round, before);
        const flows = run.flows(grid);
        for (const { feeder, capacity = Number.POSITIVE_INFINITY } of grid) {
          const flow = Math.abs(flows.get(feeder) ?? 0);
          assert.ok(flow <= capacity, `${feeder} carries ${flow} of ${capacity} Wh`);
          if (flow === capacity && flow > 0) congested += 1;
        }
        const known = slots.get(run.state, slotKey(slot))?.feeders ?? [];
        for (const { feeder, sentWh } of known) {
          assert.equal(sentWh, feeder === undefined ? 0 : flows.get(feeder));
        }
      });
      run.deliver((owner) => given[owners.indexOf(owner)] ?? 0);
      const signed = run.of("contract-signed");
      assert.equal(run.of("contract-settled").length, signed.length);
      assert.equal(run.of("slot-settled").length, 1);
      assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });

      const money = new Map<string, number>();
      const pay = (payer: string, payee: string, sum: number) => {
        money.set(payer, (money.get(payer) ?? 0) - sum);
        money.set(payee, (money.get(payee) ?? 0) + sum);
      };
      for (const { seller, buyer, quantityWh, price, fee = 0 } of signed) {
        const [got, paid] = [price, price + fee].map((p) => cost(microPerKwh(p), wh(quantityWh)));
        pay(buyer, seller, got ?? 0);
        // Into the lines' account, and out of it to the bureau, which operates them.
        pay(buyer, "bureau-a", (paid ?? 0) - (got ?? 0));
      }
      for (const { buyer, subsidy } of run.of("contract-settled")) pay("bureau-a", buyer, subsidy);
      for (const { owner, side, amount } of run.of("imbalance-settled")) {
        pay("bureau-a", owner, side === "ask" ? amount : -Math.abs(amount));
      }
      for (const id of [...owners, "bureau-a", gridOwner]) {
        assert.equal(run.money(id), money.get(id) ?? 0, id);
      }
      if (feesPaid(run) > 0) charged += 1;
      for (const owner of owners) {
        const sold = signed.reduce((sum, { seller, buyer, quantityWh }) => {
          return sum + (seller === owner ? quantityWh : buyer === owner ? -quantityWh : 0);
        }, 0);
        const imbalance = run
          .of("imbalance-settled")
          .filter((event) => event.owner === owner)
          .reduce((sum, event) => sum + (event.side === "ask" ? 1 : -1) * event.imbalanceWh, 0);
        assert.equal(
          imbalance,
          (given[owners.indexOf(owner)] ?? 0) - sold,
          `imbalance of ${owner}`,
        );
      }

      const again = new GridChain(feeders, grid);
      for (const { minutes, frames } of run.sent.slice(1)) again.block(minutes, ...frames);
      assert.deepEqual(again.events, run.events, "another member comes to the same");
      assert.deepEqual([...again.state.scan("")], [...run.state.scan("")]);
    }),
    { numRuns: 40 },
  );
  assert.ok(congested > 0 && charged > 0, "lines were full and fees were paid");
});

test("a grid of lines that cost nothing and carry everything gives all what one place gives", () => {
  fc.assert(
    fc.property(wishes, (round) => {
      const feeders = Object.fromEntries(owners.map((id) => [id, ["f0"]]));
      const sold = (grid: readonly GridSegment[] | undefined) => {
        const run = new GridChain(feeders, grid);
        // Over a grid neighbours go first, and the bureau is nobody's.
        run.trade(
          0,
          round.filter(({ owner }) => owner !== "bureau-a"),
        );
        const [{ clearing, quantityWh, grid: _ } = { clearing: 1, quantityWh: 1 }] =
          run.of("slot-cleared");
        const signed = run
          .of("contract-signed")
          .map(({ contract: _, ...terms }) => JSON.stringify(terms));
        return { clearing, quantityWh, signed: signed.sort() };
      };
      assert.deepEqual(sold([line("f0", 0, {})]), sold(undefined));
    }),
    { numRuns: 25 },
  );
});

test("who stands at a feeder without a line cannot quote, and what it sealed before is void", () => {
  const run = new GridChain({ "company-a": ["north"], "user-a": ["nowhere"] }, twoLines);
  const closes = slot - 35 * minute;
  const other = quote("user-a", 201, {}, slot, closes);
  const own = quote("company-a", 202, { side: "ask", limit: microPerKwh(450_000) }, slot, closes);
  run.block(20);
  assert.deepEqual(run.block(21, other.seal, own.seal), ["quote.no-feeder"]);
  const known = meters.get(run.state, "company-a-meter");
  assert.ok(known);
  meters.set(run.state, "company-a-meter", { ...known, feeder: "nowhere" });
  assert.deepEqual(run.block(25, own.open), []);
  run.block(30);
  assert.match(run.of("quote-void")[0]?.reason ?? "", /nowhere stands in no line/);
  assert.equal(run.of("violation").length, 0, "nobody is blamed for it");
});

test("members decide for a grid, which holds for the slots that they say", () => {
  const { parameters } = testGenesis();
  const from = utcMs(slot + 2 * hour);
  const motion = (grid: readonly GridSegment[], nonce: number) =>
    frameOf("member-a", "parameters-motion", {
      nonce: new Uint8Array(16).fill(nonce),
      member: "member-a",
      from,
      parameters: { ...parameters, grid },
    });
  const run = new Chain();
  run.block(1);
  const circle = [line("a", 1, { parent: "b" }), line("b", 1, { parent: "a" })];
  for (const [i, grid] of [
    circle,
    [line("a", 1, { parent: "b" })],
    [...twoLines, ...twoLines],
  ].entries()) {
    assert.deepEqual(run.block(2 + i, motion(grid, i)), ["parameters.unsound"]);
  }
  assert.deepEqual(run.block(10, motion(twoLines, 8)), ["parameters.feeder"]);
  const grid = [...twoLines, line("feeder-1", 0, {})];
  assert.deepEqual(run.block(11, motion(grid, 9)), []);
  assert.equal(parametersOf(run.state, slot + hour).grid, undefined);
  assert.deepEqual(parametersOf(run.state, from).grid, grid);
});
