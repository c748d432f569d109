import assert from "node:assert/strict";
import { test } from "node:test";
import { microPerKwh, type QuoteTerms, wh } from "@busbar/protocol";
import { divide } from "../../../market/game/division.ts";
import { channelPrices } from "../../../market/game/gate-prices.ts";
import { paperRules } from "../../../market/game/paper-rules.ts";
import { gateGame, type Player } from "../../../market/game/players.ts";
import type { Genesis } from "../../genesis.ts";
import { testGenesis } from "../../test-site.ts";
import { Chain, mandate, quote } from "./test-chain.ts";

/** A slot's reference prices among all who quoted, with what the parameters give each. */

const genesis = testGenesis();

/** Clears a slot in which the parties quote these Wh (above 0: an ask). */
function cleared(
  wishes: Readonly<Record<string, number>>,
  parties?: NonNullable<Genesis["parameters"]["parties"]>,
) {
  const parameters = { ...genesis.parameters, ...(parties === undefined ? {} : { parties }) };
  const run = new Chain({ parameters });
  const quotes = Object.entries(wishes).map(([owner, netWh], i) => {
    const side = netWh > 0 ? "ask" : "bid";
    const limit = microPerKwh(side === "ask" ? 400_000 : 700_000);
    const terms: Partial<QuoteTerms> = { side, quantity: wh(Math.abs(netWh)), limit };
    return { owner, ...quote(owner, i + 1, terms) };
  });
  run.block(20, ...quotes.map(({ owner }) => mandate(owner)));
  assert.deepEqual(run.block(25, ...quotes.map(({ seal }) => seal)), []);
  assert.deepEqual(run.block(41, ...quotes.map(({ open }) => open)), []);
  run.block(51);
  const [event] = run.of("slot-cleared");
  assert.ok(event !== undefined);
  return event;
}

/** What the game says of the same parties, without the ledger. */
function expected(players: readonly Player[]) {
  const game = gateGame(players, paperRules);
  const { cg, cu, gc, gu } = channelPrices(game, divide(game).shares);
  return { cg: cg ?? null, cu: cu ?? null, gc: gc ?? null, gu: gu ?? null };
}

test("a party's own weight moves the slot's prices as the game says", () => {
  const wishes = { "company-a": 324_000, "user-a": -733_000 };
  const plain = cleared(wishes);
  const strong = cleared(wishes, [{ owner: "user-a", weight: 9 }]);
  assert.ok((strong.prices.gu ?? 0) < (plain.prices.gu ?? 0));
  assert.ok((strong.prices.cu ?? 0) < (plain.prices.cu ?? 0));
  const players: Player[] = [
    { id: "company-a", role: "company", kwh: 324 },
    { id: "user-a", role: "user", kwh: -733, weight: 9 },
    { id: "bureau-a", role: "bureau", kwh: 1 },
  ];
  assert.deepEqual(strong.exact, expected(players));
  assert.deepEqual(strong.prices, strong.exact);
});

test("a party's own band holds its price, a bureau's too", () => {
  const wishes = { "company-a": 324_000, "user-a": -733_000 };
  const price = microPerKwh;
  const { prices } = cleared(wishes, [
    { owner: "company-a", band: [price(510_000), price(520_000)] },
    { owner: "bureau-a", band: [price(430_000), price(440_000)] },
  ]);
  assert.ok((prices.gu ?? 0) >= 510_000 && (prices.gu ?? 0) <= 520_000);
  assert.ok((prices.cu ?? 0) >= 430_000 && (prices.cu ?? 0) <= 440_000);
});

test("what the bureau quotes itself is part of what it delivers", () => {
  const wishes = { "company-a": 324_000, "user-a": -733_000 };
  assert.deepEqual(cleared({ ...wishes, "bureau-a": 50_000 }).prices, cleared(wishes).prices);
});
