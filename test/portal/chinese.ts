import assert from "node:assert/strict";
import { test } from "node:test";
import { bringAxe, findings, keepLook } from "../support/page-checks.ts";
import { go, openAs, site, skip } from "./scene.ts";

/** A page in Chinese says in Chinese what was refused, found and told. */

test("in Chinese: a refusal, a verdict, a bill's fault, what was found, and notices in their own language", {
  skip,
}, async (t) => {
  const page = await openAs(t, "user-1", { locale: "zh-CN" });
  assert.equal(await page.locator("html").getAttribute("lang"), "zh-CN");
  await go(page, "orders");
  await page.getByLabel("装置").fill("edge-user-1");
  await page.getByLabel("每时段少用 kWh").fill("1");
  await page.getByLabel("每kWh CNY", { exact: true }).fill("0.5");
  await page.getByRole("button", { name: "签名并下达" }).click();
  const refusal = page.getByRole("alert");
  await refusal.getByText("不能给自己下达指令。").waitFor();
  // Its own words stand below, in the language that they are in.
  assert.match((await refusal.locator("[lang=en]").textContent()) ?? "", /\w/);
  await bringAxe(page);
  assert.deepEqual(await findings(page), []);
  await keepLook(page, "refusal-zh");

  await page.route("**/api/proofs/**", async (route) => {
    const body = await (await route.fetch()).body();
    body[body.length - 20] = (body[body.length - 20] ?? 0) ^ 1;
    await route.fulfill({ body, contentType: "application/cbor" });
  });
  await go(page, "trades");
  await page.getByRole("button", { name: /^核验/ }).first().click();
  const verdict = page.locator(".verdict").first();
  await verdict.waitFor();
  assert.match(
    (await verdict.textContent()) ?? "",
    /✗ [\u4e00-\u9fff]+.*\((proof|certificate|cbor|message)\./,
  );
  await page.unroute("**/api/proofs/**");

  await go(page, "bills");
  await page.getByLabel("或您收到的账单(JSON)").setInputFiles({
    name: "bill.json",
    mimeType: "application/json",
    buffer: Buffer.from('{"bill":{},"evidence":"AAAA"}'),
  });
  await page.getByText("这不是本系统的账单,或版本不同。").waitFor();

  await go(page, "notices");
  // The owner reads English; a screen reader is told so.
  const told = page.locator("tbody span[lang=en]").first();
  await told.waitFor();
  assert.match((await told.textContent()) ?? "", /[A-Za-z]{3}/);
  // The proof's page makes its words itself, in the page's language.
  await page
    .getByRole("link", { name: /^核对: Bought/ })
    .first()
    .click();
  await page.getByText("其全部内容均经成员认证。").first().waitFor();
  assert.match((await page.locator(".notice-words").first().textContent()) ?? "", /买入/);
  await keepLook(page, "proof-zh");

  const member = await openAs(t, "recorder-1", { locale: "zh-CN" });
  await go(member, "blocks");
  const [newest] = site.source.blocks({ limit: 1 });
  await member.getByRole("searchbox").fill(newest?.hash ?? "");
  await member.keyboard.press("Enter");
  const found = member.getByRole("list", { name: "找到的" }).getByRole("link");
  assert.equal(await found.textContent(), `区块${newest?.height}`);
});
