import assert from "node:assert/strict";
import { test } from "node:test";
import type { BillFile } from "../../aggregator/settlement/bill/document.ts";
import { bringAxe, findings, keepLook } from "../support/page-checks.ts";
import { block, go, openAs, site, skip } from "./scene.ts";

/** Bills, and proofs that prove something else than what stands beside them. */

test("an owner's bill is made anew in the page; one of which a line was changed is none", {
  skip,
}, async (t) => {
  // Who got money says so; who paid finds it on its account, and on its bill.
  const bureau = await openAs(t, "bureau");
  await go(bureau, "payments");
  const hand = bureau.getByRole("button", { name: "Sign and hand in" });
  await bureau.getByLabel("From whom").fill("nobody-here");
  await bureau.getByLabel(/^Amount/).fill("12.34");
  await bureau.getByLabel("What for").selectOption("collateral");
  await hand.click();
  await bureau.getByText("payment.unknown").waitFor();
  await bureau.getByLabel("From whom").fill("user-1");
  await hand.click();
  await bureau.getByText("Signed and handed in").waitFor();
  block();
  await bureau.getByRole("cell", { name: "−12.34 CNY" }).waitFor();
  const page = await openAs(t, "user-1");
  await go(page, "payments");
  await page.getByRole("cell", { name: "acknowledged by bureau, its no. 1" }).waitFor();
  await page.locator(".tile").filter({ hasText: "Collateral" }).getByText("12.34").waitFor();
  await keepLook(page, "payments", true);
  await go(page, "bills");
  await page.getByLabel("Month").fill("2026-06");
  const make = page.getByRole("button", { name: "Make and verify the bill" });
  await make.click();
  await page.getByText(/verified: \d+ lines follow from what the members certified/).waitFor();
  await page.getByRole("cell", { name: "acknowledged by bureau, its no. 1" }).waitFor();
  await page.getByRole("heading", { name: /^Carbon figure: \d+\.\d{3} kg/ }).waitFor();
  await page.getByLabel("Show the lines of").selectOption("Bought");
  await page.getByRole("table", { name: "Bought" }).getByText("paid").first().waitFor();
  await keepLook(page, "bill", true);
  await page.route("**/api/bill*", async (route) => {
    const file = (await (await route.fetch()).json()) as BillFile;
    const totals = { ...file.bill.totals, due: file.bill.totals.due + 10_000 };
    await route.fulfill({ json: { ...file, bill: { ...file.bill, totals } } });
  });
  await make.click();
  await page.getByText("This bill does not prove itself").waitFor();
  await page.getByText("bill.line").waitFor();
});

test("a bureau's statement shows what it took; in Chinese, on a phone, and axe-core finds nothing", {
  skip,
}, async (t) => {
  const viewport = { width: 360, height: 740 };
  const page = await openAs(t, "bureau", { locale: "zh-CN", viewport });
  await bringAxe(page);
  await go(page, "bills");
  await page.getByLabel("月份").fill("2026-06");
  await page.getByRole("button", { name: "生成并核验账单" }).click();
  await page.getByRole("heading", { name: "结算对账单: Energy bureau, 2026-06" }).waitFor();
  await page.getByRole("rowheader", { name: "因他方用电所得" }).waitFor();
  await page.getByLabel("显示明细").selectOption("售出超合同用电");
  await page.getByRole("table", { name: "售出超合同用电" }).getByText("各方").first().waitFor();
  assert.deepEqual(await findings(page), []);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
  await keepLook(page, "statement-phone", true);
});

test("a proof that proves something else than the page shows is called so", { skip }, async (t) => {
  // A link that somebody follows before signing in is gone on with afterwards.
  const [trade] = site.source.trades({ limit: 1, owner: "user-1" });
  const page = await openAs(t, "user-1", {
    link: `proof/state/${encodeURIComponent(`contract/${trade?.contract}`)}`,
  });
  await page.getByText(`Contract ${trade?.contract}`).waitFor();
  await page.getByText(/✓ verified: block/).waitFor();
  await page.route("**/api/trades*", async (route) => {
    const answer = await route.fetch();
    const trades = (await answer.json()) as { energyWh: number }[];
    await route.fulfill({
      json: trades.map((trade) => ({ ...trade, energyWh: trade.energyWh + 1 })),
    });
  });
  await go(page, "trades");
  await page
    .getByRole("button", { name: /^Verify/ })
    .first()
    .click();
  await page.getByText("says something else of energy").waitFor();
  // The proof of that contract is none of the next one.
  await page.route("**/api/proofs/state*", (route) => {
    const body = Buffer.from(site.desk.stateProof(`contract/${trade?.contract}`) ?? []);
    return route.fulfill({ body, contentType: "application/cbor" });
  });
  await page
    .getByRole("button", { name: /^Verify/ })
    .first()
    .click();
  await page.getByText("says something else of the ledger’s state").waitFor();
  // And one whose bytes were changed is none.
  await page.route("**/api/proofs/**", async (route) => {
    const body = await (await route.fetch()).body();
    body[body.length - 20] = (body[body.length - 20] ?? 0) ^ 1;
    await route.fulfill({ body, contentType: "application/cbor" });
  });
  await page
    .getByRole("button", { name: /^Verify/ })
    .first()
    .click();
  await page.getByText(/\((proof|certificate|cbor|message)\.[a-z-]+\)/).waitFor();
});
