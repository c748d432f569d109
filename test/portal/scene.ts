import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext } from "node:test";
import { parseRequestText, requestText, sealFrame, utcMs } from "@busbar/protocol";
import { pino } from "pino";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { sha256 } from "../../aggregator/ledger/sha256.ts";
import { buildPortal } from "../../aggregator/portal/build.ts";
import { type Portal, startPortal } from "../../aggregator/portal/server.ts";
import { MemoryPool } from "../support/memory-pool.ts";
import { keyFileOf, PortalSite, portalSiteStart, signerOfName } from "../support/portal-site.ts";
import { chromiumArgs, program } from "../support/programs.ts";

/** One browser, one portal and one site, which all tests of the page share. */

export const hour = 3_600_000;
const tools = [program("chromium", "chromium"), program("qrencode", "qrencode")] as const;
const [tool, qrencode] = tools;
export const skip = tools.flatMap((one) => ("skip" in one ? [one.skip] : []))[0] ?? false;
const folder = mkdtempSync(join(tmpdir(), "busbar-page-"));
/** The page as it is built. */
export const dist = join(folder, "dist");
export const site = new PortalSite();
export const pool = new MemoryPool();
let browser: Browser;
let portal: Portal;

/** Where the portal is, now. */
export const address = () => portal.url;

/** Ends the portal, or lets it come back where it was. */
export const stopPortal = () => portal.stop();
export async function startAgain(port: number): Promise<void> {
  portal = await serve(port);
}

/** Puts what was handed in into a block. */
export const block = () => site.commit(pool.frames.splice(0).map(({ bytes }) => bytes));

function serve(port = 0): Promise<Portal> {
  const log = pino({ level: "silent" });
  const at = { host: "127.0.0.1", port, open: true, log, page: dist };
  const quotes = site.quoteDoor(pool);
  return startPortal({ ...at, source: site.source, quotes, access: site.access(pool, { rates }) });
}

/** A whole day of people comes from one address here. */
const plenty = { burst: 100_000, perSecond: 1_000 };
const rates = { requests: plenty, signIns: plenty, messages: plenty };

before(async () => {
  await buildPortal(dist);
  if (skip !== false || !("path" in tool)) return;
  const seen = join(folder, "camera.y4m");
  writeFileSync(seen, filmOf(invitation("ben")));
  site.runUntil(portalSiteStart + 24 * hour);
  portal = await serve();
  browser = await chromium.launch({
    executablePath: tool.path,
    args: [
      ...chromiumArgs,
      "--use-fake-ui-for-media-stream",
      "--use-fake-device-for-media-stream",
      `--use-file-for-fake-video-capture=${seen}`,
    ],
  });
});

after(async () => {
  await browser?.close();
  await portal?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const wide = { viewport: { width: 1280, height: 900 }, locale: "en-GB" } as const;

/** Opens the page in a fresh context; what it says on the console and whom it calls is kept. */
export async function open(t: TestContext, options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ ...wide, ...options });
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

/** Opens the page as somebody who signs in with a key file. */
export async function openAs(
  t: TestContext,
  name: string,
  {
    at = portal.url,
    link,
    ...options
  }: BrowserContextOptions & { readonly at?: string; readonly link?: string } = {},
) {
  const context = await browser.newContext({ ...wide, ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  page.on("pageerror", (error) => assert.fail(`${name}: ${error.message}`));
  await page.goto(`${at}/#/${link ?? "sign-in"}`);
  if (link !== undefined)
    await page.getByRole("main").getByRole("link", { name: "Sign in" }).click();
  await signInAs(page, name);
  return page;
}

/** On a page that asks for a key. */
export async function signInAs(page: Page, name: string): Promise<void> {
  await chooseKey(page, name);
  await page.locator("#who").getByText(name, { exact: true }).waitFor();
}

export const chooseKey = (page: Page, name: string) =>
  page
    .locator("input[type=file]")
    .first()
    .setInputFiles({
      name: `${name}.key`,
      mimeType: "application/json",
      buffer: Buffer.from(keyFileOf(name)),
    });

export const go = async (page: Page, place: string) => {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, `#/${place}`);
  await page.locator(".waiting").first().waitFor({ state: "detached" });
};

/** Ends long lists after some rows: each row is like the one before. */
export async function shorten(page: Page): Promise<void> {
  await page.route(/\/api\/(trades|blocks|statement|notices)(\?|$)/, async (route) => {
    const { searchParams } = new URL(route.request().url());
    if (searchParams.has("before")) return route.fulfill({ json: [] });
    const response = await route.fetch();
    if (!response.ok()) return route.fulfill({ response });
    const all = (await response.json()) as unknown[];
    await route.fulfill({ json: all.slice(0, 8) });
  });
}

/** Opens what is folded away. */
export const unfold = (page: Page) =>
  page.evaluate(() => {
    for (const one of document.querySelectorAll("main details")) one.setAttribute("open", "");
  });

export const text = async (page: Page, selector: string) =>
  (await page.locator(selector).textContent()) ?? "";

/** Waits until an element's text is this. */
export const until = (page: Page, selector: string, expected: string) =>
  page.waitForFunction(
    ([where = "", what]) => document.querySelector(where)?.textContent === what,
    [selector, expected],
  );

/** A household with a unit, as busbar-edge enrol asks for it. */
export function invitation(owner: string): string {
  const person = {
    id: owner,
    party: "user" as const,
    name: `${owner}’s house`,
    key: signerOfName(owner).publicKey,
    boxKey: signerOfName(`${owner} box`).publicKey,
  };
  const meters = [{ id: `${owner}-net`, role: "connection" as const, feeder: "feeder-1" }];
  const key = signerOfName(`edge-${owner}`).publicKey;
  return requestText(
    { owner: person, device: { id: `edge-${owner}`, owner, key, meters } },
    sha256,
  );
}

/** A member admits a household, by its own tools. */
export function admit(owner: string): void {
  const parsed = parseRequestText(invitation(owner), sha256);
  assert.ok(parsed.ok);
  const { request } = parsed;
  const admission = {
    nonce: sha256(Buffer.from(owner)).subarray(0, 16),
    member: "recorder-1",
    owners: [request.owner],
    devices: [request.device],
    until: utcMs(site.time + hour),
  };
  const signing = { chain: "busbar-demo", signer: signerOfName("recorder-1") };
  site.commit([sealFrame("admission", admission, signing)]);
}

/** The QR code of a text as a picture's bytes, drawn by another program than reads it. */
export const pictureOf = (word: string) => drawn(word, "PNG", ["-s", "4"]);

function drawn(word: string, type: string, options: readonly string[] = []): Buffer {
  assert.ok("path" in qrencode);
  return execFileSync(qrencode.path, ["-t", type, "-l", "L", "-o", "-", ...options, word]);
}

/** A film of one picture for a camera to show: a QR code in the middle of a grey wall (YUV4MPEG2, 4:2:0). */
function filmOf(word: string): Buffer {
  const [width, height, scale] = [640, 480, 5];
  // Two characters for a module, with the quiet zone around.
  const rows = drawn(word, "ASCII").toString().trimEnd().split("\n");
  const light = Buffer.alloc(width * height, 200);
  const left = Math.floor((width - (scale * (rows[0] ?? "").length) / 2) / 2);
  const top = Math.floor((height - scale * rows.length) / 2);
  for (const [row, line] of rows.entries()) {
    for (let x = 0; x < (scale * line.length) / 2; x += 1) {
      const isDark = line[2 * Math.floor(x / scale)] === "#";
      for (let y = 0; y < scale; y += 1)
        light[(top + row * scale + y) * width + left + x] = isDark ? 20 : 235;
    }
  }
  const colour = Buffer.alloc((width * height) / 2, 128);
  const frame = Buffer.concat([Buffer.from("FRAME\n"), light, colour]);
  const head = `YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420mpeg2\n`;
  return Buffer.concat([Buffer.from(head), ...Array.from({ length: 4 }, () => frame)]);
}
