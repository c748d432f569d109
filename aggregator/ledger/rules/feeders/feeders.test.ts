import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeStateProof, microPerKwh, type StateProof, utcMs } from "@busbar/protocol";
import fc from "fast-check";
import { billOf } from "../../../commands/bill-source.ts";
import { billPage } from "../../../settlement/bill/page.ts";
import { lastSettlement } from "../../settlements.ts";
import { contracts } from "../market/tables.ts";
import { feeders } from "./tables.ts";
import { certificateOf, type Feeder, minute, Pair, slot, termsOf } from "./test-feeders.ts";

/** Money of both, free and aside, that trades across moved. */
const own = { seller: 1_000_000, buyer: 5_000_000 };
const contractOf = ({ north }: Pair, name: string | undefined) =>
  contracts.get(north.state, name ?? "");

test("a trade between two ledgers: each step by the other's proof, both sums mirror each other", () => {
  const pair = new Pair();
  const { north, south } = pair;
  const trade = pair.offer(15);
  assert.equal(north.aside("seller"), 200_000);
  assert.deepEqual(pair.accept(16, trade), []);
  assert.equal(south.aside("buyer"), 1_000_000);
  assert.equal(pair.purchase(trade)?.stage, "escrowed");
  assert.deepEqual(pair.toNorth(17, trade), []);
  assert.equal(pair.sale(trade)?.stage, "confirmed");
  assert.equal(pair.sale(trade)?.buyer, "buyer");
  // What was shown before moves nothing.
  assert.deepEqual(pair.toNorth(18, trade), ["tx.exists"]);
  assert.deepEqual(pair.toSouth(18, trade), ["tx.exists"]);
  pair.deliver();
  assert.equal(pair.sale(trade)?.stage, "delivered");
  assert.equal(pair.purchase(trade)?.crossedWh, 2_000);
  assert.deepEqual(pair.toSouth(122, trade), []);
  assert.equal(pair.purchase(trade)?.stage, "paid");
  assert.deepEqual(pair.toNorth(123, trade), []);
  assert.deepEqual(
    [pair.sale(trade)?.stage, pair.sale(trade)?.amount, pair.sale(trade)?.compensation],
    ["closed", 1_000_000, 0],
  );
  assert.deepEqual([north.aside("seller"), south.aside("buyer")], [0, 0]);
  assert.equal(north.free("seller"), own.seller + 1_000_000);
  assert.equal(south.free("buyer"), own.buyer - 1_000_000);
  assert.equal(north.free("line-north") + south.free("line-south"), 0);
  // The energy is nobody's imbalance: it was sold and bought.
  for (const [feeder, owner] of [
    [north, "seller"],
    [north, "line-north"],
    [south, "buyer"],
    [south, "line-south"],
  ] as const) {
    const settled = lastSettlement(feeder.state, slot, owner)?.settlement;
    assert.equal(settled?.imbalanceWh, 0, owner);
  }
  // Proofs of before are worth nothing once more.
  assert.deepEqual(pair.toSouth(124, trade), ["tx.exists"]);
  assert.deepEqual(pair.toNorth(124, trade), ["tx.exists"]);
});

test("what does not cross by both meters is not paid; the seller's bond answers for what it did not give", () => {
  const pair = new Pair();
  const { north, south } = pair;
  const trade = pair.bound();
  pair.deliver(1_500, 1_400);
  pair.toSouth(122, trade);
  pair.toNorth(123, trade);
  const paid = 700_000;
  const owed = 50_000;
  assert.deepEqual([pair.sale(trade)?.paidWh, pair.purchase(trade)?.paidWh], [1_400, 1_400]);
  assert.equal(south.free("buyer") - balanceOfImbalance(south, "buyer"), own.buyer - paid + owed);
  assert.equal(
    north.free("seller") - balanceOfImbalance(north, "seller"),
    own.seller + paid - owed,
  );
  const [one, other] = [north, south].map((f) => {
    return f.free(`line-${f.chain}`) - balanceOfImbalance(f, `line-${f.chain}`);
  });
  assert.equal((one ?? 0) + (other ?? 0), 0);
  assert.equal(contractOf(pair, pair.sale(trade)?.contract)?.energy, 1_400);
});

/** What an owner's imbalance of the slot came to. */
function balanceOfImbalance(feeder: Feeder, owner: string): number {
  return lastSettlement(feeder.state, slot, owner)?.settlement.money ?? 0;
}

test("the parties' bills prove themselves, with the contract at what crossed, the escrow and the bond", () => {
  const pair = new Pair();
  const trade = pair.bound();
  pair.deliver(1_500, 1_400);
  pair.toSouth(122, trade);
  pair.toNorth(123, trade);
  for (const [feeder, owner, kinds, energy] of [
    [pair.north, "seller", ["payment", "escrow", "escrow", "bond"], 1_400],
    [pair.north, "line-north", ["bond"], -1_400],
    [pair.south, "buyer", ["payment", "escrow", "escrow", "bond"], -1_400],
  ] as const) {
    const { store, application, genesis } = feeder;
    const file = billOf(
      { store, application, genesis, blocks: store },
      { owner, month: "2026-06" },
    );
    assert.ok("bill" in file, JSON.stringify(file));
    assert.deepEqual(
      file.bill.account.map(({ kind }) => kind),
      kinds,
    );
    const [line] = file.bill.slots.flatMap(({ lines }) => lines);
    assert.deepEqual([line?.energyWh, line?.order, line?.state], [energy, null, "paid"]);
    for (const language of ["en", "zh"] as const)
      assert.ok(billPage(file, language).length > 1_000);
  }
});

test("each deadline lets go of what its step holds, whatever the other chain does", () => {
  const offered = new Pair();
  const first = offered.offer(15);
  offered.north.block(55);
  assert.equal(offered.sale(first)?.stage, "lapsed");
  assert.equal(offered.north.free("seller"), own.seller);

  const escrowed = new Pair();
  const second = escrowed.offer(15);
  escrowed.accept(16, second);
  escrowed.south.block(239);
  assert.equal(escrowed.purchase(second)?.stage, "escrowed");
  escrowed.south.block(240);
  assert.equal(escrowed.purchase(second)?.stage, "released");
  assert.equal(escrowed.south.free("buyer"), own.buyer);

  const confirmed = new Pair();
  const third = confirmed.bound();
  confirmed.north.block(180);
  assert.equal(confirmed.sale(third)?.stage, "failed");
  assert.equal(contractOf(confirmed, confirmed.sale(third)?.contract)?.isVoid, 1);
  assert.equal(confirmed.north.aside("seller"), 0);
  // The buyer need not wait for its own deadline.
  confirmed.toSouth(181, third);
  assert.equal(confirmed.purchase(third)?.stage, "released");
  assert.equal(confirmed.south.aside("buyer"), 0);

  const delivered = new Pair();
  const fourth = delivered.bound();
  delivered.deliver();
  delivered.north.block(300);
  assert.equal(delivered.sale(fourth)?.stage, "abandoned");
  assert.equal(delivered.north.aside("seller"), 0);
  // Its energy went to the bureau as a surplus.
  const settled = lastSettlement(delivered.north.state, slot, "seller")?.settlement;
  assert.equal(settled?.imbalanceWh, 2_000);
});

test("a payment that is shown after the seller's chain had let go makes the contract good again", () => {
  const pair = new Pair();
  const trade = pair.bound();
  pair.deliver();
  pair.toSouth(122, trade);
  pair.north.block(300);
  assert.equal(pair.sale(trade)?.stage, "abandoned");
  assert.deepEqual(pair.toNorth(400, trade), []);
  assert.equal(pair.sale(trade)?.stage, "closed");
  assert.equal(pair.north.free("seller"), own.seller + 1_000_000);
  assert.equal(pair.north.free("line-north") + pair.south.free("line-south"), 0);
  assert.equal(lastSettlement(pair.north.state, slot, "seller")?.settlement.imbalanceWh, 0);
});

test("a proof of delivery that comes after the buyer's deadline pays nobody, and frees the seller", () => {
  const pair = new Pair();
  const trade = pair.bound();
  pair.deliver();
  const late = pair.saleProof(trade);
  pair.south.block(240);
  assert.deepEqual(pair.show(pair.south, 241, late), ["tx.exists"]);
  // In the very block that is the first behind the deadline, too.
  const first = new Pair();
  const other = first.bound();
  first.deliver();
  assert.deepEqual(first.toSouth(240, other), []);
  assert.equal(first.purchase(other)?.stage, "released");
  assert.equal(pair.south.free("buyer") - balanceOfImbalance(pair.south, "buyer"), own.buyer);
  assert.deepEqual(pair.toNorth(242, trade), []);
  assert.equal(pair.sale(trade)?.stage, "failed");
  assert.equal(pair.north.aside("seller"), 0);
});

test("forged, foreign, old and cut proofs are refused, each with its reason", () => {
  const pair = new Pair();
  const { north, south } = pair;
  const trade = pair.offer(15);
  pair.accept(16, trade);
  const proof = pair.purchaseProof(trade);
  const { header } = proof;
  const forged = (changes: Partial<StateProof>) => pair.show(north, 20, { ...proof, ...changes });
  const strangers = ["north-a", "north-b", "north-c"];
  assert.deepEqual(forged({ certificate: certificateOf(header, strangers) }), [
    "certificate.quorum",
  ]);
  const two = ["south-a", "south-b"];
  assert.deepEqual(forged({ certificate: certificateOf(header, two) }), ["certificate.quorum"]);
  assert.deepEqual(forged({ siblings: proof.siblings.slice(1) }), ["proof.path"]);
  const { value: _, ...absent } = proof;
  assert.deepEqual(pair.show(north, 20, absent), ["proof.path"]);
  const other = { ...header, chain: "elsewhere" };
  assert.deepEqual(forged({ header: other }), ["proof.chain"]);
  assert.deepEqual(forged({ header: { ...header, height: header.height + 1 } }), [
    "certificate.signature",
  ]);
  const cut = encodeStateProof(proof).subarray(0, -3);
  const message = { chain: "south", steps: [], proof: cut };
  assert.deepEqual(north.block(21, north.frame("north-d", "feeder-proof", message)), [
    "cbor.short",
  ]);
  const unknown = { ...message, chain: "elsewhere" };
  assert.deepEqual(north.block(21, north.frame("north-d", "feeder-proof", unknown)), [
    "feeder.unknown",
  ]);
  assert.deepEqual(north.block(21, north.frame("seller-unit", "feeder-proof", message)), [
    "feeder.rights",
  ]);
  assert.deepEqual(pair.show(north, 21, south.prove("parameters/current")), ["feeder.entry"]);
  assert.deepEqual(pair.show(north, 21, south.prove(`feeder-purchase/${"0".repeat(64)}`)), [
    "feeder.entry",
  ]);
  // Nothing of all that moved the trade; an old clock binds nobody, a sound proof does.
  assert.equal(pair.sale(trade)?.stage, "offered");
  assert.deepEqual(pair.toNorth(22, trade), []);
});

test("a proof whose clock is more than an hour away binds nobody", () => {
  const pair = new Pair();
  const { south } = pair;
  const terms = termsOf({ slot: utcMs(slot + 120 * minute), ...later(120) });
  const trade = pair.offer(15, terms);
  const proof = encodeStateProof(pair.saleProof(trade));
  const taken = south.frame("buyer", "feeder-accept", { buyer: "buyer", proof });
  assert.deepEqual(south.block(76, taken), ["feeder.stale"]);
  // One that is slower, too.
  pair.north.block(75);
  pair.offer(76, termsOf({ ...terms, nonce: new Uint8Array(16).fill(2) }));
  const other = pair.offer(170, termsOf({ ...terms, nonce: new Uint8Array(16).fill(3) }));
  assert.deepEqual(pair.accept(77, other), ["feeder.stale"]);
  assert.deepEqual(pair.accept(110, other), []);
  assert.equal(pair.sale(other)?.stage, "offered");

  const slow = new Pair();
  const second = slow.offer(15, terms);
  assert.deepEqual(slow.accept(16, second), []);
  assert.deepEqual(slow.toNorth(77, second), ["feeder.stale"]);
  assert.equal(slow.sale(second)?.stage, "offered");
});

const later = (minutes: number) => {
  const { confirmBy, deliverBy, payBy, closeBy } = termsOf();
  const by = (at: number) => utcMs(at + minutes * minute);
  return {
    confirmBy: by(confirmBy),
    deliverBy: by(deliverBy),
    payBy: by(payBy),
    closeBy: by(closeBy),
  };
};

test("offers and acceptances are held to the parties, the slot, the deadlines and the money", () => {
  const pair = new Pair();
  const { north, south } = pair;
  const offer = (changes: object, signer = "seller") =>
    north.block(15, north.frame(signer, "feeder-offer", { terms: termsOf(changes) }));
  assert.deepEqual(offer({}, "line-north"), ["feeder.rights"]);
  assert.deepEqual(offer({ buyerChain: "elsewhere" }), ["feeder.unknown"]);
  assert.deepEqual(offer({ sellerChain: "south" }), ["feeder.terms"]);
  assert.deepEqual(offer({ slotMinutes: 30 }), ["feeder.terms"]);
  assert.deepEqual(offer({ confirmBy: utcMs(slot + 1) }), ["feeder.terms"]);
  assert.deepEqual(offer({ deliverBy: utcMs(slot + 61 * minute) }), ["feeder.terms"]);
  assert.deepEqual(offer({ payBy: utcMs(slot + 121 * minute) }), ["feeder.terms"]);
  assert.deepEqual(offer({ closeBy: utcMs(slot + 181 * minute) }), ["feeder.terms"]);
  assert.deepEqual(offer({ closeBy: utcMs(slot + 40 * 24 * 60 * minute) }), ["feeder.terms"]);
  assert.deepEqual(offer({ slot: utcMs(slot + 600 * minute), ...later(600) }), ["feeder.slot"]);
  assert.deepEqual(offer({ seller: "line-north" }, "line-north"), ["feeder.party"]);
  assert.deepEqual(offer({ bond: microPerKwh(600_000) }), ["feeder.cover"]);
  assert.deepEqual(offer({}), []);
  assert.deepEqual(offer({}), ["tx.exists"]);
  const trade = pair.offer(16, termsOf({ nonce: new Uint8Array(16).fill(7), buyer: "nobody" }));
  assert.deepEqual(pair.accept(17, trade), ["feeder.buyer"]);
  const dear = termsOf({ nonce: new Uint8Array(16).fill(8), price: microPerKwh(2_600_000) });
  const costly = pair.offer(18, dear);
  assert.deepEqual(pair.accept(19, costly), ["feeder.cover"]);
  const proof = encodeStateProof(pair.saleProof(trade));
  const stranger = south.frame("bureau-a", "feeder-accept", { buyer: "buyer", proof });
  assert.deepEqual(south.block(20, stranger), ["feeder.rights"]);
  const taken = pair.offer(21, termsOf({ nonce: new Uint8Array(16).fill(9) }));
  assert.deepEqual(pair.accept(22, taken), []);
  assert.deepEqual(pair.accept(23, taken), ["tx.exists"]);
  const again = encodeStateProof(pair.saleProof(taken));
  const line = south.frame("line-south", "feeder-accept", { buyer: "line-south", proof: again });
  assert.deepEqual(south.block(24, line), ["feeder.exists-different"]);
  // The members trade with it no longer.
  const revoke = {
    nonce: new Uint8Array(16).fill(5),
    member: "north-a",
    action: "revoke",
    chain: "south",
  } as const;
  north.agree(25, revoke);
  assert.equal(feeders.get(north.state, "south")?.state, "revoked");
  const third = termsOf({ nonce: new Uint8Array(16).fill(10) });
  assert.deepEqual(north.block(26, north.frame("seller", "feeder-offer", { terms: third })), [
    "feeder.revoked",
  ]);
  // Trades that are under way end as they would.
  assert.deepEqual(pair.toNorth(27, taken), []);
});

test("a council follows the other chain's by steps; one that was relieved proves nothing", () => {
  const pair = new Pair();
  const { north, south } = pair;
  const trade = pair.offer(15);
  pair.accept(16, trade);
  const before = pair.purchaseProof(trade);
  south.relieve(17, "south-d", "south-e");
  const after = pair.purchaseProof(trade);
  const steps = south.store.councilSteps.after(0).map(({ proof }) => proof);
  assert.ok(steps.length > 0);
  // Signed by those who vote there now, whom nobody named to the north yet.
  const newest = { ...after, certificate: certificateOf(after.header, southNow(south)) };
  assert.deepEqual(pair.show(north, 25, newest), ["certificate.quorum"]);
  assert.deepEqual(pair.show(north, 26, newest, steps), []);
  assert.equal(pair.sale(trade)?.stage, "confirmed");
  assert.equal(feeders.get(north.state, "south")?.council.epoch, steps.length);
  assert.deepEqual(pair.show(north, 27, before), ["feeder.old-council"]);
  assert.deepEqual(pair.show(north, 28, newest, steps), ["tx.exists"]);
});

/** The newcomer among those who sign. */
const southNow = (south: Feeder) =>
  south.application
    .council()
    .voters.map(({ id }) => id)
    .slice(-3);

test("two blocks of one height freeze the chain: nothing of it is believed, and all is let go of in time", () => {
  const pair = new Pair();
  const { north } = pair;
  const trade = pair.bound();
  const proof = pair.purchaseProof(trade);
  const header = { ...proof.header, view: 7 };
  const signers = ["south-a", "south-b", "south-c"];
  const twin = { ...proof, header, certificate: certificateOf(header, signers) };
  assert.deepEqual(pair.show(north, 20, twin), []);
  assert.equal(feeders.get(north.state, "south")?.state, "frozen");
  assert.deepEqual(pair.toNorth(21, trade), ["feeder.frozen"]);
  north.block(300);
  assert.equal(pair.sale(trade)?.stage, "failed");
  assert.equal(north.free("seller"), own.seller);
});

test("in any order of steps, proofs and clocks both ledgers end with nothing held and sums that mirror", () => {
  const step = fc.oneof(
    fc.record({
      do: fc.constant("tick"),
      north: fc.boolean(),
      minutes: fc.integer({ min: 1, max: 70 }),
    }),
    fc.record({ do: fc.constant("note"), north: fc.boolean(), minutes: fc.constant(0) }),
    fc.record({ do: fc.constant("show"), north: fc.boolean(), minutes: fc.nat(6) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 14 }), fc.boolean(), (steps, meters) => {
      const pair = new Pair();
      const { north, south } = pair;
      const trade = pair.bound();
      if (meters) pair.deliver(1_900, 2_000);
      const at = { north: meters ? 121 : 18, south: meters ? 121 : 18 };
      const noted = { north: [pair.saleProof(trade)], south: [pair.purchaseProof(trade)] };
      for (const one of steps) {
        const [name, feeder] = one.north
          ? (["north", north] as const)
          : (["south", south] as const);
        if (one.do === "tick") {
          at[name] += one.minutes;
          feeder.block(at[name]);
        } else if (one.do === "note") {
          noted.north.push(pair.saleProof(trade));
          noted.south.push(pair.purchaseProof(trade));
        } else {
          const shown = noted[one.north ? "south" : "north"];
          const proof = shown[one.minutes % shown.length];
          if (proof !== undefined) pair.show(feeder, at[name], proof);
        }
      }
      for (const [name, feeder] of [
        ["north", north],
        ["south", south],
      ] as const) {
        feeder.block(Math.max(at[name], 301));
      }
      const isPaid = pair.purchase(trade)?.stage === "paid";
      pair.toNorth(400, trade);
      assert.deepEqual([north.aside("seller"), south.aside("buyer")], [0, 0]);
      assert.equal(pair.sale(trade)?.stage === "closed", isPaid);
      assert.equal(pair.sale(trade)?.amount ?? 0, pair.purchase(trade)?.amount ?? 0);
      assert.equal(pair.sale(trade)?.compensation ?? 0, pair.purchase(trade)?.compensation ?? 0);
    }),
    { numRuns: 10 },
  );
});
