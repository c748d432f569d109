import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { type Browser, type BrowserContextOptions, chromium } from "playwright-core";
import { chromiumArgs, program } from "../../test/support/programs.ts";
import { type StatusServer, serveStatus } from "./server.ts";
import type { Status } from "./status.ts";
import { meterOf, now, sickStatus, statusOfTest } from "./test-support/status.ts";

/** The page in a real browser. */

const tool = program("chromium", "chromium");
const skip = "skip" in tool && tool.skip;
const evil = `"><img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
let browser: Browser;
let server: StatusServer;
let status: () => Status = statusOfTest;

before(async () => {
  if ("skip" in tool) return;
  server = await serveStatus({ host: "127.0.0.1", port: 0 }, () => status());
  browser = await chromium.launch({ executablePath: tool.path, args: [...chromiumArgs] });
});
after(async () => {
  await browser?.close();
  await server?.close();
});

async function open(t: TestContext, options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ viewport: { width: 360, height: 780 }, ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  const hosts = new Set<string>();
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => hosts.add(new URL(request.url()).host));
  await page.goto(`http://127.0.0.1:${server.port}/`);
  return { page, complaints, hosts };
}

test("the page follows the unit, keeps opened lists open and asks nobody else", {
  skip,
}, async (t) => {
  status = statusOfTest;
  const { page, complaints, hosts } = await open(t);
  await page.locator("#live:not([hidden])").waitFor();
  assert.equal(await page.locator("article .power").textContent(), "−1.250 kW");
  assert.equal(await page.locator(".way li.ok").count(), 3);
  assert.equal(await page.locator("svg.spark").count(), 1);
  await page.locator("article summary").click();
  status = () => statusOfTest({ meters: [meterOf({ powerW: 640 })] });
  await page.locator("article .power", { hasText: "640 W" }).waitFor();
  assert.equal(await page.locator("article details[open] tr").count(), 6);
  assert.deepEqual(complaints, []);
  assert.deepEqual([...hosts], [`127.0.0.1:${server.port}`]);
});

test("text of meters and brokers is shown, never run as markup", { skip }, async (t) => {
  status = () => sickStatus(evil);
  const { page, complaints } = await open(t);
  await page.locator("#live:not([hidden])").waitFor();
  await page.waitForFunction("performance.getEntriesByType('resource').length >= 0");
  assert.ok((await page.locator(".problems").textContent())?.includes(evil));
  assert.ok((await page.locator("#main").textContent())?.includes(`serial no. ${evil}`));
  assert.equal(await page.locator("main img, main script").count(), 0);
  assert.equal(await page.title(), "unit-1 · Busbar");
  assert.deepEqual(complaints, []);
});

test("a unit that is away is said so, and the page comes back by itself", { skip }, async (t) => {
  status = statusOfTest;
  const { page } = await open(t);
  await page.locator("#live:not([hidden])").waitFor();
  const { port } = server;
  await server.close();
  await page.locator("#away:not([hidden])").waitFor();
  server = await serveStatus({ host: "127.0.0.1", port }, () => status());
  await page.locator("#live:not([hidden])").waitFor();
});

test("without script the page is whole and loads itself again", { skip }, async (t) => {
  status = statusOfTest;
  const { page } = await open(t, { javaScriptEnabled: false });
  assert.equal(await page.locator("article .power").textContent(), "−1.250 kW");
  assert.equal(await page.locator("#live").isVisible(), false);
  assert.match(await page.content(), /<noscript><meta http-equiv="refresh" content="5">/);
});

test("nothing scrolls sideways, from a small phone to a large screen", { skip }, async (t) => {
  status = () => sickStatus(`${"W".repeat(300)} ${evil}`);
  const { page } = await open(t);
  for (const width of [320, 360, 768, 1280, 1920]) {
    await page.setViewportSize({ width, height: 780 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${wide} at ${width}`);
  }
});

test("every text has a contrast of 4.5 or more, by day and by night", { skip }, async (t) => {
  status = () => sickStatus("no answer");
  const { page } = await open(t);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await page.evaluate(lowContrasts), [], colorScheme);
  }
});

test("the page speaks Chinese where the browser asks for it", { skip }, async (t) => {
  status = statusOfTest;
  const { page } = await open(t, { locale: "zh-CN" });
  await page.locator("#live:not([hidden])").waitFor();
  assert.match((await page.locator(".way").textContent()) ?? "", /账本/);
  assert.equal(await page.locator("html").getAttribute("lang"), "zh");
  assert.ok(now > 0);
});

/** Texts whose contrast with what lies below is too low (WCAG 2.1, 1.4.3). */
function lowContrasts(): string[] {
  const parse = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (rgb: number[]) => {
    const [r = 0, g = 0, b = 0] = rgb.map((v) => {
      const c = v / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = (element: Element | null): number[] => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if ((color[3] ?? 1) > 0) return color;
    }
    return [255, 255, 255];
  };
  const low: string[] = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some(
      (n) => n.nodeType === 3 && n.textContent?.trim() !== "",
    );
    if (!own || element.closest("[hidden],script,noscript,svg") !== null) continue;
    const [a, b] = [luminance(parse(getComputedStyle(element).color)), luminance(paper(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5)
      low.push(`${element.tagName} ${ratio.toFixed(2)} ${element.textContent?.slice(0, 30)}`);
  }
  return low;
}
