import assert from "node:assert/strict";
import { test } from "node:test";
import { microPerKwh, type Owner, sealQuotes, utcMs, wh } from "@busbar/protocol";
import { frameOf, signerOfName, testGenesis } from "../../test-site.ts";
import { Chain, mandate, minute, quote, slot } from "./test-chain.ts";

function ownerNamed(id: string, party: Owner["party"]): Owner {
  const key = signerOfName(id).publicKey;
  return { id, party, name: id, key, boxKey: key };
}

/** A quote that an owner signs itself, without a unit. */
function ownQuote(owner: string, name: number) {
  const id = new Uint8Array(16).fill(name);
  const salt = new Uint8Array(32).fill(name);
  const quotes = [
    { side: "ask", form: "any", quantity: wh(100_000), limit: microPerKwh(0) },
  ] as const;
  const about = { id, owner, slot: utcMs(slot), gate: utcMs(slot - 20 * minute) };
  return {
    seal: frameOf(owner, "quote-commit", { ...about, hash: sealQuotes(about, quotes, salt) }),
    open: frameOf(owner, "quote-reveal", { id, quotes, salt }),
  };
}

test("nobody sells what no meter of its own can show: strangers to the feeder cannot quote", () => {
  const { owners } = testGenesis();
  const paper = [
    ownerNamed("onlooker", "operator"),
    ownerNamed("bureau-b", "bureau"),
    ownerNamed("no-meter", "user"),
  ];
  const run = new Chain({ owners: [...owners, ...paper] });
  run.block(20, mandate("user-a"));
  const quotes = paper.map(({ id }, i) => ownQuote(id, 50 + i));
  const refused = run.block(25, ...quotes.map(({ seal }) => seal));
  assert.deepEqual(refused, ["quote.no-meter", "quote.no-meter", "quote.no-meter"]);
  assert.deepEqual(run.block(26, ownQuote("bureau-a", 60).seal), [], "the one that balances may");
});

test("a commitment that was copied cannot be opened, even when its maker has", () => {
  const run = new Chain();
  run.block(20, mandate("company-a"), mandate("user-a"));
  const own = quote("user-a", 61, {});
  const gate = utcMs(slot - 20 * minute);
  const copied = { id: new Uint8Array(16).fill(62), owner: "company-a", slot: utcMs(slot), gate };
  const about = { id: own.id, owner: "user-a", slot: utcMs(slot), gate };
  const hash = sealQuotes(about, own.quotes, own.salt);
  const copy = frameOf("company-a-unit", "quote-commit", { ...copied, hash });
  assert.deepEqual(run.block(25, own.seal, copy), []);
  const { quotes, salt } = own;
  const opened = frameOf("company-a-unit", "quote-reveal", { id: copied.id, quotes, salt });
  assert.deepEqual(run.block(41, own.open, opened), ["quote.hash"]);
});

test("an owner's limits end in time: a slot that begins then, or later, takes no quote by them", () => {
  for (const [until, codes] of [
    [slot, ["quote.no-mandate"]],
    [slot + 1, []],
  ] as const) {
    const run = new Chain();
    run.block(20, mandate("company-a", { until: utcMs(until) }));
    const sold = quote("company-a", 34, { side: "ask" });
    run.block(25, sold.seal);
    assert.deepEqual(run.block(41, sold.open), codes);
  }
});
