import assert from "node:assert/strict";
import { test } from "node:test";
import { places } from "../../aggregator/portal/app/route.ts";
import { keyboardFindings } from "../support/keyboard-walk.ts";
import { bringAxe, findings, keepLook } from "../support/page-checks.ts";
import { go, openAs, shorten, site, skip, unfold } from "./scene.ts";

/** How pages look, to eyes and to tools: by day and by night, in both languages, on a phone, with many rows. */

/** Whose pages are looked at, without those that somebody before has looked at, and how. */
const looks = [
  { name: "user-1", role: "owner", scheme: "light", locale: "en-GB", pages: undefined },
  { name: "recorder-1", role: "member", scheme: "light", locale: "en-GB", pages: undefined },
  {
    name: "user-1",
    role: "owner",
    scheme: "dark",
    locale: "zh-CN",
    pages: ["home", "preferences", "orders", "green", "report", "credit", "prices", "payments"],
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

test("axe-core finds nothing on any page, and Tab reaches all of it in the order that eyes see", {
  skip,
}, async (t) => {
  const seen = new Set<string>();
  for (const { name, role, scheme, locale, pages } of looks) {
    const page = await openAs(t, name, { locale });
    await page.emulateMedia({ reducedMotion: "reduce", colorScheme: scheme });
    await bringAxe(page);
    await page.route("**/api/flows*", (route) => route.fulfill({ json: gridFlows }));
    await shorten(page);
    const own = places.filter(({ roles }) => roles.includes(role)).map(({ page: one }) => one);
    for (const place of pages ?? own.filter((one) => !seen.has(one))) {
      seen.add(place);
      await go(page, place);
      if (place === "prices") await page.locator("svg.flows").waitFor();
      assert.deepEqual(await findings(page), [], `${role} ${place} ${scheme} ${locale}`);
      if (scheme !== "light") continue;
      await keepLook(page, `page-${place}`, true);
      await unfold(page);
      assert.deepEqual(await keyboardFindings(page, "main"), [], `${role} ${place}`);
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
