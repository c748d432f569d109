import assert from "node:assert/strict";
import { test } from "node:test";
import { keepLook, lowContrasts } from "../support/page-checks.ts";
import { address, open, site, skip, startAgain, stopPortal, text, until } from "./scene.ts";

/** The board that everybody sees. */

test("the page shows the site's figures and follows its blocks", { skip }, async (t) => {
  const { page, complaints, hosts } = await open(t);
  await until(page, "#height", String(site.store.height));
  assert.equal(await text(page, "h1"), "Busbar busbar-demo");
  assert.match(await text(page, ".tile.sum"), /Σ 0 CNY✓ the books balance$/);
  assert.match(await text(page, ".tile.generation .value"), /^[\d,]+\.\d kW$/);
  assert.match(await text(page, ".tile.clearing .value"), /^0\.\d{4} CNY\/kWh$/);
  assert.match(await text(page, "#price-legend"), /bureau → companynot traded/);
  assert.equal(await page.locator("#trades tbody tr").count(), 60);

  await keepLook(page, "site");
  const seen = await text(page, "#meters tbody tr:first-child .power");
  const block = site.step();
  await until(page, "#height", String(block.header.height));
  await page.waitForFunction(
    (before) => document.querySelector("#meters .power")?.textContent !== before,
    seen,
  );
  const hash = Buffer.from(block.hash).toString("hex");
  const short = `${hash.slice(0, 6)}…${hash.slice(-4)}`;
  assert.ok((await text(page, "#blocks tbody tr:first-child")).includes(short));
  const watts = site.source.meters()[0]?.powerW ?? Number.NaN;
  assert.equal(
    await text(page, "#meters tbody tr:first-child .power"),
    `${(Math.abs(watts) / 1000).toFixed(1)} kW`,
  );
  assert.deepEqual(complaints, []);
  assert.deepEqual([...hosts], [new URL(address()).host]);
});

test("names are shown as text, never run as markup", { skip }, async (t) => {
  const { page } = await open(t);
  const evil = `<img src=x onerror="document.title='owned'">`;
  await page.route("**/api/meters", async (route) => {
    const meters = site.source.meters().map((meter) => ({ ...meter, ownerName: evil }));
    await route.fulfill({ json: meters });
  });
  await page.reload();
  await page.locator("#meters tbody tr").nth(5).waitFor();
  assert.equal(await text(page, "#meters tbody tr:first-child td:nth-child(2)"), evil);
  assert.equal(await page.locator("main img").count(), 0);
  assert.equal(await page.title(), "busbar-demo · Busbar");
});

test("a stream that ends is said so, and comes back by itself", { skip }, async (t) => {
  const { page } = await open(t);
  const port = Number(new URL(address()).port);
  await stopPortal();
  await page.locator("#live[data-state=away]").waitFor();
  assert.match(await text(page, "#live"), /Connection lost/);
  site.step();
  await startAgain(port);
  await page.locator("#live[data-state=live]").waitFor();
  await until(page, "#height", String(site.store.height));
});

test("every text has a contrast of 4.5 or more, by day and by night", { skip }, async (t) => {
  const { page, complaints } = await open(t);
  for (const [colorScheme, paper] of [
    ["light", "rgb(245, 243, 239)"],
    ["dark", "rgb(17, 23, 29)"],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    const shown = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(shown, paper);
    assert.deepEqual(await page.evaluate(lowContrasts), [], colorScheme);
  }
  assert.deepEqual(complaints, []);
});

test("nothing scrolls sideways, from a small phone to a large screen", { skip }, async (t) => {
  const { page } = await open(t, { viewport: { width: 320, height: 700 } });
  for (const width of [320, 390, 768, 1280, 1920]) {
    await page.setViewportSize({ width, height: 844 });
    await page.waitForFunction(
      (wide) =>
        document.querySelector("#flow svg")?.clientWidth !== undefined && innerWidth === wide,
      width,
    );
    await page.locator("#flow svg").evaluate(() => new Promise(requestAnimationFrame));
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
  }
});

test("everything has a name, and the keyboard reaches it", { skip }, async (t) => {
  const { page } = await open(t);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.className), "skip");
  const ids = new Set<string>();
  for (let i = 0; i < 24; i++) {
    await page.keyboard.press("Tab");
    ids.add(
      await page.evaluate(
        () => document.activeElement?.id || document.activeElement?.tagName || "",
      ),
    );
  }
  for (const id of ["energy-chart", "price-chart", "SUMMARY", "SECTION", "A"])
    assert.ok(ids.has(id), id);
  await page.locator("#price-chart").focus();
  await until(page, "#price-when", "05:00–06:00 UTC, CNY/kWh");
  await page.keyboard.press("ArrowLeft");
  await until(page, "#price-when", "04:00–05:00 UTC, CNY/kWh");
  for (const role of ["#flow svg", "#energy-chart", "#price-chart"]) {
    assert.match((await page.locator(role).getAttribute("aria-label")) ?? "", /\d/);
  }
  assert.equal(await page.locator("table:not(:has(caption))").count(), 0);
});
