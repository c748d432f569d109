import assert from "node:assert/strict";
import { after, test } from "node:test";
import { type Report, Scene, until } from "../support/virtual-site.ts";

const scene = await Scene.open();
after(() => scene.end());

type Trade = { readonly slot: number; readonly scale: string; readonly origin: string };

test("a live site trades a day ahead, within the day and just before delivery, and says how much of each", async (t) => {
  // Half an hour before noon in Shanghai, when the day-ahead gate closes.
  const start = ["--start", "2026-06-21T03:25:00Z"];
  const site = scene.site("--members", "1", "--hours", "3", "--json", ...start);
  const tradedAtEach = async () => {
    assert.equal(site.process.exitCode, null, site.errors());
    const now = await scene.api<Pick<Status, "contractsByScale" | "contracts">>("status");
    const counts = Object.values(now?.contractsByScale ?? { none: 0 });
    return counts.every((count) => count > 0) ? now : undefined;
  };
  // A busy machine starts the site's processes in a minute; one that ends is noticed at once.
  const status = await until("a trade at each kind of gate", tradedAtEach, 300_000);
  assert.equal(sum(status.contractsByScale), status.contracts);
  const trades = (await scene.api<readonly Trade[]>("trades?limit=500")) ?? [];
  const ahead = trades.filter(({ scale }) => scale === "day-ahead");
  assert.ok(ahead.length > 0);
  for (const { slot, origin } of ahead) {
    const local = new Date(slot + 8 * 3_600_000).toISOString();
    assert.equal(local.slice(0, 10), "2026-06-22", "the next day of the site's own time zone");
    assert.equal(origin, "book", "the bureau is there for what is left at the last gate only");
  }
  const { code, out, errors } = await site.ended;
  assert.equal(code, 0, `${out}${errors}`);
  const report = JSON.parse(out) as Report;
  t.diagnostic(out.trim());
  assert.equal(report.ok, true);
  assert.equal(sum(report.tradesByScale), report.trades);
  assert.ok(Object.values(report.tradesByScale).every((count) => count > 0));
  assert.ok(report.settledTrades > 0);
  assert.equal(report.settledMoneySum, 0);
});

type Status = {
  readonly contracts: number;
  readonly contractsByScale: Readonly<Record<string, number>>;
};

const sum = (counts: Readonly<Record<string, number>>) =>
  Object.values(counts).reduce((all, count) => all + count, 0);
