import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { encodeProof, feederSaleTable, utcMs } from "@busbar/protocol";
import { minute, Pair, slot } from "../ledger/rules/feeders/test-feeders.ts";
import {
  councilIn,
  feederLines,
  feedersAbout,
  findTrade,
  offeredAt,
  offerOf,
  tradesAbout,
} from "./feeder.ts";

const pair = new Pair();
const { north, south } = pair;
const trade = pair.bound();

test("trades and chains are told as the ledger has them, and a trade is found by its first digits", () => {
  const [chain] = feedersAbout(north.state);
  assert.deepEqual(
    [chain?.chain, chain?.via, chain?.state, chain?.voters.length],
    ["south", "line-north", "trusted", 4],
  );
  const sale = findTrade(north.state, trade.slice(0, 10));
  assert.deepEqual(
    [sale.trade, sale.way, sale.stage, sale.buyer],
    [trade, "sale", "confirmed", "buyer"],
  );
  const [purchase] = tradesAbout(south.state);
  assert.deepEqual(
    [purchase?.way, purchase?.chain, purchase?.stage],
    ["purchase", "north", "escrowed"],
  );
  const lines = feederLines(feedersAbout(north.state), tradesAbout(north.state));
  assert.match(
    lines[0] ?? "",
    /^south through line-north: trusted, 4 voters of epoch 0, block \d+ shown$/,
  );
  assert.match(
    lines[1] ?? "",
    new RegExp(`^${trade.slice(0, 12)}  confirmed  seller → south  2026-`),
  );
  assert.match(feederLines([], [])[0] ?? "", /trust no other/);
  for (const which of ["", trade.slice(0, 7), "0".repeat(8)]) {
    assert.throws(() => findTrade(north.state, which), { code: "feeder.which" });
  }
});

test("an offer's deadlines follow its slot by a day each, where nothing else is said", () => {
  const options = { owner: "seller", to: "south", slot, kwh: 2_000, price: 500_000, bond: 1 };
  const day = 24 * 60 * minute;
  const made = offerOf(options, north.state, "north");
  const end = slot + 60 * minute;
  const wanted = [slot, end + day, end + 2 * day, end + 3 * day].map(utcMs);
  assert.deepEqual([made.confirmBy, made.deliverBy, made.payBy, made.closeBy], wanted);
  const said = offerOf({ ...options, buyer: "buyer", payBy: end + 2 * day }, north.state, "north");
  assert.deepEqual([said.buyer, said.payBy, said.slotMinutes], ["buyer", end + 2 * day, 60]);
  assert.deepEqual(north.block(19, north.frame("seller", "feeder-offer", { terms: made })), []);
});

test("a membership's file names who votes, in the order of their ids", () => {
  const key = new Uint8Array(32);
  const member = (id: string, voting: boolean) => ({ id, key, voting });
  const members = [member("b", true), member("c", false), member("a", true)];
  const { voters, ...rest } = councilIn({ chain: "south", members, epoch: 3, since: 9 });
  assert.deepEqual([voters.map(({ id }) => id), rest], [["a", "b"], { epoch: 3, since: 9 }]);
});

test("an offer is fetched from a portal, which may be away or answer anything", async () => {
  const state = north.prove(`${feederSaleTable}/${trade}`);
  const other = north.prove("parameters/current");
  const answers = new Map<string, Uint8Array | number>([
    ["/good", encodeProof({ kind: "state", state })],
    ["/other", encodeProof({ kind: "state", state: other })],
    ["/nonsense", new Uint8Array([1, 2, 3])],
    ["/none", 404],
  ]);
  const server = createServer(({ url = "" }, response) => {
    const found = answers.get(new URL(url, "http://x").pathname.replace("/api/feeders/proof", ""));
    if (typeof found === "number") response.writeHead(found).end();
    else response.end(found);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const at = (path: string) => offeredAt(`http://127.0.0.1:${port}${path}`, trade);
  try {
    assert.ok((await at("/good")).length > 500);
    for (const path of ["/other", "/nonsense", "/none"]) {
      await assert.rejects(at(path), { code: "feeder.portal" }, path);
    }
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  await assert.rejects(at("/good"), { code: "feeder.portal" });
});
