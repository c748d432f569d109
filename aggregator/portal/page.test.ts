import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type Micro, requestText, sealFrame } from "@busbar/protocol";
import { openAddresses } from "@busbar/protocol/notice";
import { pino } from "pino";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { MemoryPool } from "../../test/support/memory-pool.ts";
import { bringAxe, findings, keepLook, lowContrasts } from "../../test/support/page-checks.ts";
import {
  keyFileOf,
  PortalSite,
  portalSiteStart,
  signerOfName,
} from "../../test/support/portal-site.ts";
import { chromiumArgs, program } from "../../test/support/programs.ts";
import { demandMandates } from "../ledger/demand.ts";
import { noticePreferencesTable } from "../ledger/rules/notices/tables.ts";
import { sha256 } from "../ledger/sha256.ts";
import type { BillFile } from "../settlement/bill/document.ts";
import { places } from "./app/route.ts";
import { buildPortal } from "./build.ts";
import { type Portal, startPortal } from "./server.ts";

/** The portal's page in a real browser, on the real ledger. */

const hour = 3_600_000;
const tool = program("chromium", "chromium");
const skip = "skip" in tool && tool.skip;
const folder = mkdtempSync(join(tmpdir(), "busbar-page-"));
const site = new PortalSite();
const pool = new MemoryPool();
let browser: Browser;
let portal: Portal;

/** Puts what was handed in into a block. */
const block = () => site.commit(pool.frames.splice(0).map(({ bytes }) => bytes));

function serve(port = 0): Promise<Portal> {
  const log = pino({ level: "silent" });
  const page = join(folder, "dist");
  const at = { host: "127.0.0.1", port, open: true, log, page };
  const quotes = site.quoteDoor(pool);
  return startPortal({ ...at, source: site.source, quotes, access: site.access(pool, { rates }) });
}

/** A whole day of people comes from one address here. */
const plenty = { burst: 100_000, perSecond: 1_000 };
const rates = { requests: plenty, signIns: plenty, messages: plenty };

before(async () => {
  await buildPortal(join(folder, "dist"));
  if ("skip" in tool) return;
  site.runUntil(portalSiteStart + 24 * hour);
  portal = await serve();
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
  portal = await serve(port);
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

test("the bundle weighs at most 150 kB compressed, all its parts together", () => {
  const read = (file: string) => readFileSync(join(folder, "dist", file), "utf8");
  const weight = (files: Iterable<string>) =>
    [...files].reduce((sum, file) => sum + gzipSync(read(file), { level: 9 }).length, 0);
  /** A part with all that it loads at once. */
  const whole = (file: string, known = new Set<string>()): Set<string> => {
    if (known.has(file)) return known;
    known.add(file);
    for (const [, next = ""] of read(file).matchAll(/(?:from|import)"\.\/([\w-]+\.js)"/g))
      whole(next, known);
    return known;
  };
  const first = new Set([...whole("app.js"), "app.css"]);
  assert.ok(weight(first) <= 120_000, `${weight(first)} bytes before anything is shown`);
  const parts = readdirSync(join(folder, "dist")).filter((file) => /\.(?:js|css)$/.test(file));
  assert.ok(parts.length > first.size + 1, parts.join(", "));
  assert.ok(weight(parts) <= 150_000, `${weight(parts)} bytes in ${parts.join(", ")}`);
});

/** Opens the page as somebody who signs in with a key file. */
async function openAs(
  t: TestContext,
  name: string,
  {
    at = portal.url,
    link,
    ...options
  }: BrowserContextOptions & { readonly at?: string; readonly link?: string } = {},
) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    locale: "en-GB",
    ...options,
  });
  t.after(() => context.close());
  const page = await context.newPage();
  page.on("pageerror", (error) => assert.fail(`${name}: ${error.message}`));
  await page.goto(`${at}/#/${link ?? "sign-in"}`);
  if (link !== undefined)
    await page.getByRole("main").getByRole("link", { name: "Sign in" }).click();
  await chooseKey(page, name);
  await page.locator("#who").waitFor();
  return page;
}

const chooseKey = (page: Page, name: string) =>
  page
    .locator("input[type=file]")
    .first()
    .setInputFiles({
      name: `${name}.key`,
      mimeType: "application/json",
      buffer: Buffer.from(keyFileOf(name)),
    });

const go = async (page: Page, place: string) => {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, `#/${place}`);
  await page.locator(".waiting").first().waitFor({ state: "detached" });
};

/** A household with a unit, as busbar-edge enrol asks for it. */
function invitation(owner: string) {
  const person = {
    id: owner,
    party: "user" as const,
    name: "Anna’s house",
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

test("an owner, from the invitation to the first notice and a verified hour", {
  skip,
}, async (t) => {
  const word = invitation("anna");
  const { page } = await open(t, { locale: "en-GB" });
  await go(page, "ask");
  await page.getByLabel(/QR code/).fill(word);
  await page.getByRole("button", { name: "Hand it in" }).click();
  await page.getByText(/A member compares it/).waitFor();

  const member = await openAs(t, "recorder-1");
  await go(member, "admission");
  const sign = member.getByRole("button", { name: "Sign the admission" });
  await member.getByText("edge-anna").waitFor();
  assert.ok(await sign.isDisabled());
  await member.getByLabel(/QR code/).fill(word.replace("A", "B"));
  await member.getByText("This is another request").waitFor();
  await member.getByLabel(/QR code/).fill(` ${word.toLowerCase()} `);
  await keepLook(member, "admission");
  await sign.click();
  await member.getByText("Signed and handed in").waitFor();
  block();
  await member.getByText("Nobody waits.").waitFor();

  const anna = await openAs(t, "anna");
  await anna.getByText("Nothing happened yet.").waitFor();
  site.join("anna");
  site.runUntil(site.time + 4 * hour);
  await go(anna, "notices");
  await anna
    .getByText(/^Bought /)
    .first()
    .waitFor();
  await keepLook(anna, "notices");
  await anna
    .getByRole("link", { name: /^check: Bought/ })
    .first()
    .click();
  await anna.getByText("certify: contract, hour, the other side, energy, price.").first().waitFor();
  await anna
    .getByText(/✓ verified: block/)
    .first()
    .waitFor();
  await keepLook(anna, "proof");
  await bringAxe(anna);
  assert.deepEqual(await findings(anna), []);
  await go(anna, "home");
  await anna.locator(".tiles.few .tile").first().waitFor();
  await keepLook(anna, "home");

  await go(anna, "statement");
  await anna
    .getByRole("row")
    .filter({ hasText: "settled" })
    .filter({ hasNotText: "not settled" })
    .first()
    .getByRole("link")
    .click();
  await anna.getByRole("button", { name: "Verify the whole hour" }).click();
  const checks = anna.locator(".checks li");
  await checks.first().waitFor();
  const lines = await checks.allTextContents();
  assert.ok(lines.length >= 4, lines.join("\n"));
  for (const line of lines) assert.match(line, /✓ verified: block [\d,]+ of .*, signed by 1/);
  await anna.getByText("The readings’ difference is what was settled, to the Wh.").waitFor();
  await keepLook(anna, "verified-hour");
});

test("an owner says how it is told: signed here, and read again with the key alone", {
  skip,
}, async (t) => {
  const page = await openAs(t, "user-1");
  await go(page, "preferences");
  const submit = page.getByRole("button", { name: "Sign and hand in" });
  await page.getByRole("checkbox", { name: "E-mail" }).check();
  await submit.click();
  await page.getByText("E-mail needs an address.").waitFor();
  await page.getByLabel("Address", { exact: true }).fill("user-1@example.org");
  await page.getByLabel("Quiet hours", { exact: true }).check();
  await page.getByLabel("silent meters").uncheck();
  await keepLook(page, "preferences", true);
  await submit.click();
  await page.getByText("Signed and handed in").waitFor();
  block();
  await page.getByText("On the ledger, version 1.").waitFor();
  const signed = noticePreferencesTable.get(site.store.state, "user-1");
  assert.deepEqual(
    [signed?.muted, signed?.ways.map(({ channel }) => channel), signed?.quiet?.from],
    [["meter"], ["mqtt", "email"], 22 * 60],
  );
  const { seed } = JSON.parse(keyFileOf("recorder-1")) as { readonly seed: string };
  const member = { id: "recorder-1", seed: new Uint8Array(Buffer.from(seed, "base64url")) };
  const opened = signed?.addresses && openAddresses(signed.addresses, member);
  assert.equal(opened?.ok && opened.addresses.email, "user-1@example.org");
  // Without the key the page knows no address; with it the form has it again.
  await page.reload();
  await chooseKey(page, "user-1");
  assert.equal(
    await page.getByLabel("Address", { exact: true }).inputValue(),
    "user-1@example.org",
  );
});

test("a passkey opens the key that this browser keeps locked, for whoever proves to be its user", {
  skip,
}, async (t) => {
  const at = portal.url.replace("127.0.0.1", "localhost");
  const page = await openAs(t, "user-1", { at });
  const tool = await page.context().newCDPSession(page);
  await tool.send("WebAuthn.enable");
  const { authenticatorId } = await tool.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      ctap2Version: "ctap2_1",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      hasPrf: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  await go(page, "settings");
  await page.getByRole("button", { name: "Lock my key with a passkey" }).click();
  await page.getByRole("list", { name: "Keys that this browser keeps locked" }).waitFor();
  await keepLook(page, "passkey");
  const kept = await page.evaluate(() => JSON.stringify(localStorage));
  const { seed } = JSON.parse(keyFileOf("user-1")) as { readonly seed: string };
  assert.ok(kept.includes("busbar-locked-keys") && !kept.includes(seed));
  const passkey = page.getByRole("button", { name: "Use the passkey of user-1" });
  const signOut = () => page.getByRole("button", { name: "Sign out" }).click();
  await signOut();
  await go(page, "sign-in");
  await passkey.click();
  await page.locator("#who").waitFor();
  assert.equal(await text(page, "#who"), "user-1");
  await signOut();
  await go(page, "sign-in");
  // Another secret than the one it was locked with does not open it.
  await page.evaluate(() => {
    const [one] = JSON.parse(localStorage.getItem("busbar-locked-keys") ?? "[]");
    const salt = `${one.salt.slice(0, -2)}AA`;
    localStorage.setItem("busbar-locked-keys", JSON.stringify([{ ...one, salt }]));
  });
  await page.reload();
  await passkey.click();
  await page.getByText(/This passkey does not open the key/).waitFor();
  await tool.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
  await passkey.click();
  await page.getByText(/The passkey was not used/).waitFor();
  assert.equal(await page.locator("#who").count(), 0);
});

test("an owner says what may be ordered from its unit; an order is refused with the ledger's reason", {
  skip,
}, async (t) => {
  const page = await openAs(t, "user-1");
  await go(page, "orders");
  await page.getByText("Change it").click();
  await page.getByLabel("kWh an hour at most").fill("0.4");
  await page.getByRole("button", { name: "Sign and hand in" }).click();
  await page.getByText("Signed and handed in").waitFor();
  block();
  await page.getByText(/^Up to 0\.4 kWh an hour, in 4 hours a day/).waitFor();
  assert.equal(demandMandates.get(site.store.state, "edge-user-1")?.energyMax, 400);
  await page.getByLabel("Unit").fill("edge-user-2");
  await page.getByLabel("kWh less in each").fill("1");
  await page.getByLabel("For a kWh, CNY").fill("0.5");
  await page.getByRole("button", { name: "Sign and order" }).click();
  // A day is too little for a baseline.
  await page.getByText("demand.no-baseline").waitFor();
  await keepLook(page, "orders");
});

test("an owner's bill is made anew in the page; one of which a line was changed is none", {
  skip,
}, async (t) => {
  const paid = { by: "bureau", from: "user-1", version: 1, amount: 12_340_000 as Micro } as const;
  const signing = { chain: "busbar-demo", signer: signerOfName("bureau") };
  site.commit([sealFrame("payment", { ...paid, purpose: "collateral" }, signing)]);
  const page = await openAs(t, "user-1");
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

test("an owner quotes by hand: sealed, opened when the gate has closed, on the ledger", {
  skip,
}, async (t) => {
  // Its time is the test's own here, and does not run between two blocks.
  site.speed = 0;
  t.after(() => {
    site.speed = 360;
  });
  const page = await openAs(t, "user-1");
  await go(page, "quotes");
  while ((site.source.gates().gates[0]?.gate ?? 0) <= site.time) site.step();
  const [gate] = site.source.gates().gates;
  assert.ok(gate !== undefined);
  await page.getByLabel("kWh", { exact: true }).fill("3.5");
  await page.getByLabel(/^Limit/).fill("0.61");
  await page.getByRole("button", { name: "Sign and seal" }).click();
  await page.getByText(/^Sealed\./).waitFor();
  await keepLook(page, "quotes");
  block();
  site.runUntil(gate.gate);
  await page.getByText(/: opened$/).waitFor();
  assert.equal(pool.frames.length, 1);
  const [between, next] = [gate.gate + 60_000, site.time];
  site.time = between;
  const before = site.desk.quotes("user-1").filter(({ quotes }) => quotes !== null).length;
  block();
  const after = site.desk.quotes("user-1").filter(({ quotes }) => quotes !== null).length;
  assert.equal(after, before + 1);
  site.time = next;
});

test("a member sees an alarm, what to do about it, and that it was resolved", {
  skip,
}, async (t) => {
  const page = await openAs(t, "recorder-1");
  await go(page, "alarms");
  site.silent.add("user-2");
  site.takeovers = [
    { client: "edge-user-2", older: "10.0.0.7", newer: "10.0.0.9", at: Date.now() },
  ];
  site.runUntil(site.time + 2 * hour);
  const alarm = page.getByText(/user-2-net: silent for 2 h/);
  await alarm.waitFor();
  await page.getByText("two units sign in with its name, from 10.0.0.7 and 10.0.0.9").waitFor();
  await keepLook(page, "alarms");
  await go(page, "devices");
  await page.getByText(/user-2-net: silent/).waitFor();
  await keepLook(page, "devices");
  site.silent.delete("user-2");
  site.takeovers = [];
  site.step();
  await go(page, "alarms");
  await page.locator("[data-resolved=true]").filter({ hasText: "user-2-net: silent" }).waitFor();
});

test("a member finds a block by its hash, and what is in it", { skip }, async (t) => {
  const page = await openAs(t, "recorder-1");
  await go(page, "blocks");
  const [newest] = site.source.blocks({ limit: 1 });
  await page.getByRole("searchbox").fill(newest?.hash ?? "");
  await page.keyboard.press("Enter");
  await page.getByRole("list", { name: "Found" }).getByRole("link").click();
  await page.getByText("recorder-1 (1 of 1)").waitFor();
  await page.getByText("readings-accepted").first().waitFor();
  await keepLook(page, "block");
});

/** Whose pages are looked at, without those that somebody before has looked at, and how. */
const looks = [
  { name: "user-1", role: "owner", scheme: "light", locale: "en-GB", pages: undefined },
  { name: "recorder-1", role: "member", scheme: "light", locale: "en-GB", pages: undefined },
  {
    name: "user-1",
    role: "owner",
    scheme: "dark",
    locale: "zh-CN",
    pages: ["home", "preferences", "orders", "green", "report", "credit", "prices"],
  },
  { name: "recorder-1", role: "member", scheme: "dark", locale: "zh-CN", pages: ["devices"] },
] as const;

/** What a grid of three feeders would answer: a line that is full, one that is used, one at rest. */
const gridFlows = {
  slot: 0,
  lines: [
    ["north", "busbar", 6_000, 6_000],
    ["south", "busbar", -4_500, 20_000],
    ["east", "north", 0, null],
  ].map(([id, to, flowWh, capacityWh]) => ({ id, from: id, to, flowWh, lossWh: 40, capacityWh })),
  cutWh: 0,
};

test("axe-core finds nothing on any page; by night and in Chinese on some", { skip }, async (t) => {
  const seen = new Set<string>();
  for (const { name, role, scheme, locale, pages } of looks) {
    const page = await openAs(t, name, { locale });
    await page.emulateMedia({ reducedMotion: "reduce", colorScheme: scheme });
    await bringAxe(page);
    await page.route("**/api/flows*", (route) => route.fulfill({ json: gridFlows }));
    const own = places.filter(({ roles }) => roles.includes(role)).map(({ page: one }) => one);
    for (const place of pages ?? own.filter((one) => !seen.has(one))) {
      seen.add(place);
      await go(page, place);
      if (place === "prices") await page.locator("svg.flows").waitFor();
      assert.deepEqual(await findings(page), [], `${role} ${place} ${scheme} ${locale}`);
      if (scheme === "light") await keepLook(page, `page-${place}`, true);
    }
    await keepLook(page, `${role}-${scheme}-${locale}`);
  }
});

test("a phone shows every page without scrolling sideways", { skip }, async (t) => {
  const page = await openAs(t, "user-1", { viewport: { width: 360, height: 740 } });
  for (const place of places.filter(({ roles }) => roles.includes("owner"))) {
    await go(page, place.page);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(wide, 360, place.page);
  }
  await go(page, "home");
  await page.locator(".tiles.few .tile").first().waitFor();
  await keepLook(page, "home-phone");
});

test("100,000 trades are as light as ten: few rows in the document, pages as they come near", {
  skip,
}, async (t) => {
  const page = await openAs(t, "auditor");
  const all = 100_000;
  let asked = 0;
  const [sample] = site.source.trades({ limit: 1 });
  await page.route("**/api/trades*", async (route) => {
    const query = new URL(route.request().url()).searchParams;
    const from = Number(query.get("before") ?? all + 1) - 1;
    const rows = Math.min(Number(query.get("limit")), from);
    asked += 1;
    await route.fulfill({
      json: Array.from({ length: rows }, (_, i) => ({
        ...sample,
        contract: `c${from - i}`,
        seq: from - i,
      })),
    });
  });
  await go(page, "trades");
  const list = page.locator(".long");
  await list.locator("tbody tr").nth(10).waitFor();
  for (let i = 0; i < 5; i++) {
    const next = page.waitForResponse(/trades\?limit=200&before=/);
    await list.evaluate((at) => at.scrollTo(0, at.scrollHeight));
    await next;
    const known = 200 * (i + 2);
    await page.waitForFunction(
      (rows) => (document.querySelector(".long")?.scrollHeight ?? 0) > rows * 36,
      known,
    );
  }
  assert.equal(asked, 6);
  assert.ok((await list.locator("tbody tr").count()) < 120);
});
