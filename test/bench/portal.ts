import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { chromium } from "playwright-core";
import { buildPortal } from "../../aggregator/portal/build.ts";
import { startPortal } from "../../aggregator/portal/server.ts";
import { PortalSite, portalSiteStart } from "../support/portal-site.ts";
import { chromiumArgs, program } from "../support/programs.ts";

export const name = "portal";
export const title = "Portal: from the page's address to its first figures, in Chromium";

const loads = 9;
const limitMs = 1_000;

export async function run(): Promise<void> {
  const tool = program("chromium", "chromium");
  if ("skip" in tool) return console.log(`  ${tool.skip}`);
  const folder = mkdtempSync(join(tmpdir(), "busbar-bench-portal-"));
  const site = new PortalSite();
  await buildPortal(folder);
  site.runUntil(portalSiteStart + 24 * 3_600_000);
  const log = pino({ level: "silent" });
  const portal = await startPortal({
    host: "127.0.0.1",
    port: 0,
    open: true,
    source: site.source,
    log,
    page: folder,
  });
  const browser = await chromium.launch({ executablePath: tool.path, args: [...chromiumArgs] });
  try {
    const page = await browser.newPage();
    const paints: number[] = [];
    const figures: number[] = [];
    for (let load = 0; load < loads; load++) {
      await page.goto(portal.url);
      await page.locator("#meters tbody tr").nth(5).waitFor();
      figures.push(await page.evaluate(() => performance.now()));
      paints.push(await page.evaluate(firstPaint));
    }
    for (const [what, times] of [
      ["first paint", paints],
      ["first figures", figures],
    ] as const) {
      const median = times.toSorted((a, b) => a - b)[Math.floor(loads / 2)] ?? Number.NaN;
      console.log(
        `  ${what.padEnd(13)}  ${Math.round(median)} ms median of ${loads} loads (limit ${limitMs} ms)`,
      );
    }
  } finally {
    await browser.close();
    await portal.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs in the page: when anything of its content was there to see (Paint Timing), ms. */
function firstPaint(): number {
  return performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN;
}
