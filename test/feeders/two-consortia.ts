import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  decodeProof,
  encodeHeader,
  encodeStateProof,
  type FeederTerms,
  feederTrade,
  micro,
  microPerKwh,
  type StateProof,
  toBeSigned,
  utcMs,
  wh,
} from "@busbar/protocol";
import { offeredAt } from "../../aggregator/commands/feeder.ts";
import { accountSums, balanceOf, moneyOf } from "../../aggregator/ledger/accounts.ts";
import {
  feederPurchases,
  feederSales,
  feeders,
} from "../../aggregator/ledger/rules/feeders/tables.ts";
import { slots } from "../../aggregator/ledger/rules/market/tables.ts";
import { slotKey } from "../../aggregator/ledger/settlements.ts";
import { signerOfName } from "../../aggregator/ledger/test-site.ts";
import { until } from "../support/virtual-site.ts";
import { Consortium, lineOf, patienceMs, siteTime, traderOf } from "./consortium.ts";

/**
 * Two consortia of real processes on one machine, and trades between their ledgers under faults: relayers and members
 * killed, each chain standing still past each of its deadlines, proofs forged, foreign, old, cut and repeated.
 */

const speed = Number(process.env.BUSBAR_SPEED ?? 120);
const minute = 60_000;
/** So long before what is traded: its slot is open, and all has time to agree on a busy machine. */
const ahead = 140 * minute;
/** A deadline that nothing waits for. */
const far = 24 * 60 * minute;
const timeout = 3_600_000;
const sold = wh(2_000);
const price = microPerKwh(500_000);
const bond = microPerKwh(100_000);

const home = mkdtempSync(join(tmpdir(), "busbar-feeders-"));
const clock = join(home, "clock.json");
let north: Consortium;
let south: Consortium;
/** What the boundary's and the traders' meters show so far, and the last slot that was metered. */
const registers = { seller: 0, buyer: 0 };
const now = () => siteTime(clock);

before(
  async () => {
    const origin = { originWallMs: Date.now(), originSiteMs: 1_780_272_000_000, speed };
    writeFileSync(clock, JSON.stringify(origin));
    ({ north, south } = await Consortium.startBoth(home, clock));
  },
  { timeout },
);

after(async () => {
  await Promise.all([north, south].map((one) => one?.end()));
  rmSync(home, { recursive: true, force: true });
});

const stageA = (trade: string) => north.look((state) => feederSales.get(state, trade)?.stage);
const stageB = (trade: string) => south.look((state) => feederPurchases.get(state, trade)?.stage);
const saleIs = (trade: string, stage: string) =>
  north.seen(`the sale is ${stage}`, (state) => {
    return feederSales.get(state, trade)?.stage === stage || undefined;
  });
const purchaseIs = (trade: string, stage: string) =>
  south.seen(`the purchase is ${stage}`, (state) => {
    return feederPurchases.get(state, trade)?.stage === stage || undefined;
  });
const comes = (time: number) =>
  until("the site's time comes", () => now() >= time || undefined, patienceMs);

let nonces = 0;

/** Terms for a slot that is open on both ledgers and leaves time to agree. */
async function termsNow(
  /** Minutes from the slot's end to a deadline; far where it is left out. */
  within: { readonly deliver?: number; readonly pay?: number; readonly close?: number } = {},
): Promise<FeederTerms> {
  const length = 15 * minute;
  const slot = Math.ceil((now() + ahead) / length) * length;
  for (const one of [north, south]) {
    await one.seen("the slot is open", (state) => slots.get(state, slotKey(slot)) && true);
  }
  const end = slot + length;
  return {
    nonce: new Uint8Array(16).fill(++nonces),
    ...{ sellerChain: "north", seller: "seller", buyerChain: "south", slotMinutes: 15 },
    ...{ energy: sold, price, bond },
    slot: utcMs(slot),
    confirmBy: utcMs(slot - 5 * minute),
    deliverBy: utcMs(end + (within.deliver === undefined ? far : within.deliver * minute)),
    payBy: utcMs(end + (within.pay === undefined ? 2 * far : within.pay * minute)),
    closeBy: utcMs(end + (within.close === undefined ? 3 * far : within.close * minute)),
  };
}

async function offer(terms: FeederTerms): Promise<string> {
  await north.say("seller", "feeder-offer", { terms });
  const trade = feederTrade(terms);
  await saleIs(trade, "offered");
  return trade;
}

async function accept(trade: string): Promise<void> {
  const proof = await offeredAt(north.portalOf(), trade);
  await south.say("buyer", "feeder-accept", { buyer: "buyer", proof });
  await purchaseIs(trade, "escrowed");
}

/** Meters a slot on both sides: what was sold flows over the line, less what lacks there. */
async function meter(
  { slot }: FeederTerms,
  { lacking = 0, on = [north, south] }: { lacking?: number; on?: readonly Consortium[] } = {},
): Promise<void> {
  const end = slot + 15 * minute;
  await comes(end + 1_000);
  const from = { ...registers };
  const over = sold - lacking;
  for (const one of on) {
    const trader = traderOf(one.chain);
    const line = lineOf(one.chain);
    const [at, to] =
      one === north ? [from.seller, from.seller + over] : [from.buyer, from.buyer + over];
    for (const [time, wh] of [
      [slot, at],
      [end, to],
    ] as const) {
      const isNorth = one === north;
      await one.read(trader, time, isNorth ? 0 : wh, isNorth ? wh : 0);
      await one.read(line, time, isNorth ? wh : 0, isNorth ? 0 : wh);
    }
    if (one === north) registers.seller = to;
    else registers.buyer = to;
  }
}

/** The proof that a consortium's portal hands out of a trade. */
async function proofOf(
  of: Consortium,
  way: "sale" | "purchase",
  trade: string,
): Promise<StateProof> {
  const response = await fetch(`${of.portalOf()}/api/feeders/proof?trade=${trade}&way=${way}`);
  const decoded = decodeProof(new Uint8Array(await response.arrayBuffer()));
  assert.ok(decoded.ok && decoded.proof.kind === "state");
  return decoded.proof.state;
}

const show = (to: Consortium, proof: Uint8Array, steps: Uint8Array[] = []) =>
  to.refused(traderOf(to.chain), "feeder-proof", {
    ...{ chain: to === north ? "south" : "north", steps, proof },
  });

test("the members of both trust the other's chain by vote", { timeout }, async () => {
  for (const [one, other] of [
    [north, south],
    [south, north],
  ] as const) {
    const [first, ...rest] = one.members;
    assert.ok(first !== undefined);
    await one.run(first, "feeder", "trust", other.membership, "--via", lineOf(one.chain));
    for (const voter of rest.slice(0, 2)) {
      await until(
        "the motion is there to vote on",
        async () => {
          const voted = await one
            .run(voter, "vote", `feeder-${other.chain}`)
            .then(() => true)
            .catch(() => undefined);
          return voted;
        },
        patienceMs,
      );
    }
    await one.seen("the chain is trusted", (state) => feeders.get(state, other.chain) && true);
    const listed = await one.run(first, "feeder", "list");
    assert.match(listed, new RegExp(`^${other.chain} through ${lineOf(one.chain)}: trusted`));
  }
  const paid = { by: "bureau-a", version: 1, purpose: "balance" } as const;
  const amount = micro(50_000_000);
  await north.say("bureau-a", "payment", { ...paid, from: "seller", amount });
  await south.say("bureau-a", "payment", { ...paid, from: "buyer", amount });
  await north.seen("the seller has money", (state) => balanceOf(state, "seller") > 0 || undefined);
  await south.seen("the buyer has money", (state) => balanceOf(state, "buyer") > 0 || undefined);
});

const trades: string[] = [];

test("a trade goes from offer to payment while members and relayers are killed, and forged proofs come", {
  timeout,
}, async (t) => {
  const terms = await termsNow();
  const trade = await offer(terms);
  trades.push(trade);
  const [n1, n2] = north.members;
  const [s1] = south.members;
  assert.ok(n1 !== undefined && n2 !== undefined && s1 !== undefined);
  // One relayer of each side dies in the midst; the others bring the proofs.
  await north.kill(n1);
  await accept(trade);
  await saleIs(trade, "confirmed");
  await south.kill(s1);
  await north.revive(n1);

  const real = await proofOf(south, "purchase", trade);
  const { header } = real;
  const signed = (names: readonly string[], of = header) => ({
    ...real,
    header: of,
    certificate: names.map(signerOfName).map(({ kid, sign }) => {
      const message = toBeSigned(encodeHeader(of), kid, { chain: of.chain, kind: "block" });
      return { kid, signature: sign(message) };
    }),
  });
  const strangers = ["one", "two", "three", "four"];
  const codes = [
    await show(north, encodeStateProof(signed(strangers))),
    await show(north, encodeStateProof({ ...real, certificate: real.certificate.slice(0, 2) })),
    await show(north, encodeStateProof({ ...real, header: { ...header, chain: "west" } })),
    await show(north, encodeStateProof({ ...real, siblings: real.siblings.slice(1) })),
    await show(north, encodeStateProof({ ...real, header: { ...header, view: header.view + 1 } })),
    await show(north, encodeStateProof(real).subarray(0, -9)),
  ];
  const wanted = [
    ...["certificate.quorum", "certificate.quorum", "proof.chain", "proof.path"],
    ...["certificate.signature", "cbor.short"],
  ];
  assert.deepEqual(codes, wanted);
  t.diagnostic(`forged proofs: ${codes.join(", ")}`);

  await south.revive(s1);
  await north.kill(n2);
  await meter(terms, { lacking: 500 });
  await purchaseIs(trade, "paid");
  await saleIs(trade, "closed");
  await north.revive(n2);
  const sale = north.look((state) => feederSales.get(state, trade));
  assert.deepEqual([sale?.paidWh, sale?.amount, sale?.compensation], [1_500, 750_000, 50_000]);
  // What was true once moves nothing twice.
  await show(north, encodeStateProof(real));
  assert.equal(stageA(trade), "closed");
});

test("the buyer's chain stands still before it is heard: the offer lapses, and the escrow comes back", {
  timeout,
}, async () => {
  const terms = await termsNow();
  const trade = await offer(terms);
  trades.push(trade);
  const proof = await offeredAt(north.portalOf(), trade);
  // Nobody of the seller's side hears of the escrow in time.
  north.standStill();
  await south.say("buyer", "feeder-accept", { buyer: "buyer", proof });
  await purchaseIs(trade, "escrowed");
  south.standStill();
  north.goOn();
  await saleIs(trade, "lapsed");
  await comes(terms.confirmBy + minute);
  south.goOn();
  await purchaseIs(trade, "released");
});

test("the seller's chain stands still past its delivery's deadline: the obligation falls, the money comes back", {
  timeout,
}, async () => {
  const terms = await termsNow({ deliver: 10 });
  const trade = await offer(terms);
  trades.push(trade);
  await accept(trade);
  await saleIs(trade, "confirmed");
  north.standStill();
  await comes(terms.deliverBy + minute);
  assert.equal(stageB(trade), "escrowed");
  north.goOn();
  await saleIs(trade, "failed");
  await purchaseIs(trade, "released");
});

test("the buyer's chain stands still past its payment's deadline: the money comes back, the bond is free", {
  timeout,
}, async () => {
  const terms = await termsNow({ deliver: 120, pay: 130 });
  const trade = await offer(terms);
  trades.push(trade);
  await accept(trade);
  await saleIs(trade, "confirmed");
  await comes(terms.slot);
  south.standStill();
  await meter(terms, { on: [north] });
  await saleIs(trade, "delivered");
  await comes(terms.payBy + minute);
  south.goOn();
  await purchaseIs(trade, "released");
  await saleIs(trade, "failed");
});

test("the seller's chain is dead past its last deadline: nothing is held, and the payment is had all the same", {
  timeout,
}, async () => {
  const terms = await termsNow({ deliver: 120, pay: 240, close: 250 });
  const trade = await offer(terms);
  trades.push(trade);
  await accept(trade);
  await saleIs(trade, "confirmed");
  await meter(terms, { on: [north] });
  await saleIs(trade, "delivered");
  const delivered = encodeStateProof(await proofOf(north, "sale", trade));
  north.standStill();
  await meter(terms, { on: [south] });
  await south.seen("the line is metered", (state) => {
    return feederPurchases.get(state, trade)?.crossedWh !== undefined || undefined;
  });
  await until(
    "the delivery is shown",
    async () => {
      await show(south, delivered);
      return stageB(trade) === "paid" || undefined;
    },
    patienceMs,
  );
  await comes(terms.closeBy + minute);
  await north.killAll();
  await saleIs(trade, "closed");
});

test("other voters are followed by steps; a proof of those before counts no more", {
  timeout,
}, async () => {
  const terms = await termsNow();
  const trade = await offer(terms);
  trades.push(trade);
  // The line between the two is down for the buyer's chain until its voters have changed.
  const [first, second, third, fourth] = south.members;
  assert.ok(first && second && third && fourth);
  await accept(trade);
  await saleIs(trade, "confirmed");
  const old = encodeStateProof(await proofOf(south, "purchase", trade));
  await south.run(first, "propose", "remove", "member-4", "--reason", "it moves away");
  for (const voter of [second, third]) {
    await until(
      "the motion is voted on",
      async () =>
        south
          .run(voter, "vote", "member-4")
          .then(() => true)
          .catch(() => undefined),
      patienceMs,
    );
  }
  await until(
    "three vote",
    async () => {
      return (await first.status())?.consensus.voters === 3 || undefined;
    },
    patienceMs,
  );
  await south.kill(fourth);
  await meter(terms);
  await purchaseIs(trade, "paid");
  await saleIs(trade, "closed");
  const council = north.look((state) => feeders.get(state, "south")?.council);
  assert.deepEqual([council?.epoch, council?.voters.length], [1, 3]);
  assert.equal(await show(north, old), "feeder.old-council");
});

test("in the end nothing is held on either ledger, each sums to nothing, and what both say of the line mirrors", {
  timeout,
}, async (t) => {
  const paid = { north: 0, south: 0 };
  for (const trade of trades) {
    const sale = north.look((state) => feederSales.get(state, trade));
    const purchase = south.look((state) => feederPurchases.get(state, trade));
    assert.equal(sale?.stage === "closed", purchase?.stage === "paid", trade);
    const of = (one: typeof sale | typeof purchase) =>
      (one?.amount ?? 0) - (one?.compensation ?? 0);
    assert.equal(of(sale), of(purchase));
    paid.north += of(sale);
    paid.south += of(purchase);
    t.diagnostic(`${trade.slice(0, 8)}: ${sale?.stage}, ${purchase?.stage}, ${of(sale)}`);
  }
  assert.ok(paid.north > 0 && paid.north === paid.south);
  for (const one of [north, south]) {
    for (const member of one.up) {
      const { sums, held } = one.look(
        (state) => ({
          sums: accountSums(state),
          held: moneyOf(state, traderOf(one.chain), "escrow"),
        }),
        member,
      );
      assert.deepEqual([sums.money, sums.energyWh, held], [0n, 0n, 0], `${one.chain} ${member.id}`);
    }
  }
  await Promise.all([north.stop(), south.stop()]);
  for (const one of [north, south]) {
    for (const member of one.up) {
      const out = await one.run(member, "verify", "--json");
      const { ok, moneySum, countedTwice } = JSON.parse(out);
      assert.deepEqual([ok, moneySum, countedTwice], [true, 0, 0], `${one.chain} ${member.id}`);
    }
  }
});
