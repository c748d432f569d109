import assert from "node:assert/strict";
import { test } from "node:test";
import { micro, microPerKwh, type Owner, wh } from "@busbar/protocol";
import { creditReports } from "../../credit.ts";
import type { Genesis } from "../../genesis.ts";
import { signerOfName, testGenesis } from "../../test-site.ts";
import { Chain, mandate, quote } from "./test-chain.ts";

const keyOf = (name: string) => signerOfName(name).publicKey;

/** Two sellers and two buyers of equal limits, each at the feeder that the test says. */
function clearedOn(
  feeders: Readonly<Record<string, string>>,
  marked: readonly string[] = [],
  changes: Partial<Genesis> = {},
): Chain {
  const ownerNamed = (id: string, party: Owner["party"]): Owner => {
    return { id, party, name: id, key: keyOf(id), boxKey: keyOf(id) };
  };
  const parties = Object.keys(feeders).map((id) =>
    ownerNamed(id, id.startsWith("company") ? "company" : "user"),
  );
  const devices = parties.map(({ id }) => ({
    id: `${id}-unit`,
    owner: id,
    key: keyOf(`${id}-unit`),
    meters: [{ id: `${id}-meter`, role: "connection" as const, feeder: feeders[id] ?? "" }],
  }));
  const bureau = testGenesis().owners.filter(({ party }) => party === "bureau");
  const run = new Chain({ owners: [...bureau, ...parties], devices, ...changes });
  for (const id of marked) {
    creditReports.set(run.state, id, { counts: [], points: 900, entries: [] });
  }
  const ask = { side: "ask", limit: microPerKwh(450_000) } as const;
  const quotes = parties.map(({ id, party }, i) =>
    quote(id, 10 + i, { quantity: wh(5_000), ...(party === "company" ? ask : {}) }),
  );
  run.block(20, ...parties.map(({ id }) => mandate(id)));
  assert.deepEqual(run.block(25, ...quotes.map(({ seal }) => seal)), []);
  assert.deepEqual(run.block(41, ...quotes.map(({ open }) => open)), []);
  run.block(51);
  return run;
}

const pairsOf = (run: Chain) =>
  run
    .of("contract-signed")
    .filter(({ origin }) => origin === "book")
    .map(({ seller, buyer }) => `${seller} ${buyer}`)
    .sort();

test("neighbours on one feeder are paired with each other", () => {
  const north = {
    "company-a": "north",
    "company-b": "south",
    "user-a": "north",
    "user-b": "south",
  };
  assert.deepEqual(pairsOf(clearedOn(north)), ["company-a user-a", "company-b user-b"]);
  const crossed = { ...north, "user-a": "south", "user-b": "north" };
  assert.deepEqual(pairsOf(clearedOn(crossed)), ["company-a user-b", "company-b user-a"]);
});

test("on one feeder a good name is paired with a good name", () => {
  const one = { "company-a": "main", "company-b": "main", "user-a": "main", "user-b": "main" };
  assert.deepEqual(pairsOf(clearedOn(one)), ["company-a user-a", "company-b user-b"]);
  const bad = clearedOn(one, ["company-a", "user-b"]);
  assert.deepEqual(pairsOf(bad), ["company-a user-b", "company-b user-a"]);
});

test("with ties by score the better name is served first at equal limits; without it all share", () => {
  const feeders = { "company-a": "main", "user-a": "main", "user-b": "main", "user-c": "main" };
  const { parameters } = testGenesis();
  const terms = { line: micro(1e12), tolerancePermille: 100 };
  const bought = (credit: NonNullable<typeof parameters.credit>) => {
    const run = clearedOn(feeders, ["user-a"], { parameters: { ...parameters, credit } });
    const book = run.of("contract-signed").filter(({ origin }) => origin === "book");
    return ["user-a", "user-b", "user-c"].map((owner) =>
      book.reduce((all, { buyer, quantityWh }) => all + (buyer === owner ? quantityWh : 0), 0),
    );
  };
  assert.deepEqual(bought(terms), [1_667, 1_667, 1_666]);
  assert.deepEqual(bought({ ...terms, tiesByScore: 1 }), [0, 2_500, 2_500]);
});
