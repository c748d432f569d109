import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { pino } from "pino";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { PortalSite, portalSiteStart } from "../../test/support/portal-site.ts";
import { chromiumArgs, program } from "../../test/support/programs.ts";
import { buildPortal } from "./build.ts";
import { type Portal, startPortal } from "./server.ts";

/** The portal's page in a real browser, on the real ledger. */

const hour = 3_600_000;
const tool = program("chromium", "chromium");
const skip = "skip" in tool && tool.skip;
const folder = mkdtempSync(join(tmpdir(), "busbar-page-"));
const site = new PortalSite();
let browser: Browser;
let portal: Portal;

before(async () => {
  await buildPortal(join(folder, "dist"));
  if ("skip" in tool) return;
  site.runUntil(portalSiteStart + 24 * hour);
  const log = pino({ level: "silent" });
  const page = join(folder, "dist");
  portal = await startPortal({ host: "127.0.0.1", port: 0, source: site.source, log, page });
  browser = await chromium.launch({
    executablePath: tool.path,
    args: [...chromiumArgs],
  });
});

after(async () => {
  await browser?.close();
  await portal?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Opens the page in a fresh context; what it says on the console and whom it calls is kept. */
async function open(t: TestContext, options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  const hosts = new Set<string>();
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => hosts.add(new URL(request.url()).host));
  await page.goto(portal.url);
  await page.locator("#meters tbody tr").nth(5).waitFor();
  await page.locator("#live[data-state=live]").waitFor();
  return { page, complaints, hosts };
}

const text = async (page: Page, selector: string) =>
  (await page.locator(selector).textContent()) ?? "";

/** Waits until an element's text is this. */
const until = (page: Page, selector: string, expected: string) =>
  page.waitForFunction(
    ([where = "", what]) => document.querySelector(where)?.textContent === what,
    [selector, expected],
  );

test("the page shows the site's figures and follows its blocks", { skip }, async (t) => {
  const { page, complaints, hosts } = await open(t);
  await until(page, "#height", String(site.store.height));
  assert.equal(await text(page, "h1"), "Busbar busbar-demo");
  assert.match(await text(page, ".tile.sum"), /Σ 0 CNY✓ the books balance$/);
  assert.match(await text(page, ".tile.generation .value"), /^[\d,]+\.\d kW$/);
  assert.match(await text(page, ".tile.clearing .value"), /^0\.\d{4} CNY\/kWh$/);
  assert.match(await text(page, "#price-legend"), /bureau → companynot traded/);
  assert.equal(await page.locator("#trades tbody tr").count(), 60);

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
  assert.deepEqual([...hosts], [new URL(portal.url).host]);
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
  const port = Number(new URL(portal.url).port);
  await portal.stop();
  await page.locator("#live[data-state=away]").waitFor();
  assert.match(await text(page, "#live"), /Connection lost/);
  site.step();
  const options = { host: "127.0.0.1", source: site.source, log: pino({ level: "silent" }) };
  portal = await startPortal({ ...options, port, page: join(folder, "dist") });
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
  for (let i = 0; i < 14; i++) {
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

test("the page's parts weigh at most 150 kB compressed", () => {
  const bytes = ["app.js", "app.css", "index.html", "icon.svg"].map(
    (file) => gzipSync(readFileSync(join(folder, "dist", file))).length,
  );
  const sum = bytes.reduce((all, size) => all + size, 0);
  assert.ok(sum <= 150_000, `${sum} bytes`);
});

/** Runs in the page: texts whose contrast against what is behind them is below 4.5 (WCAG 2.2, 1.4.3). */
function lowContrasts(): string[] {
  const channels = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (color: string) => {
    const [r = 0, g = 0, b = 0] = channels(color).map((value) => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (start: Element): string => {
    for (let at: Element | null = start; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (channels(backgroundColor)[3] !== 0) return backgroundColor;
    }
    return "rgb(255, 255, 255)";
  };
  const poor: string[] = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some(
      (node) => node.nodeType === 3 && node.textContent?.trim(),
    );
    if (!own || ["SCRIPT", "NOSCRIPT", "title"].includes(element.tagName)) continue;
    if (element.closest(".skip, noscript") !== null) continue;
    const style = getComputedStyle(element);
    const color = element instanceof SVGElement ? style.fill : style.color;
    const [one, two] = [luminance(color), luminance(behind(element))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) poor.push(`${element.textContent?.trim()}: ${ratio.toFixed(2)}`);
  }
  return poor;
}
