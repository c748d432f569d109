import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { type Browser, chromium } from "playwright-core";
import { chromiumArgs, program } from "../../../test/support/programs.ts";
import { parseDays } from "../day/day-file.ts";
import { quantitiesOf } from "../day/day-prices.ts";
import { channels } from "../game/channels.ts";
import { paperNoon } from "../game/paper-rules.ts";
import { compareMatching } from "./books.ts";
import { builtInDay } from "./built-in-day.ts";
import { experiment, tradedHours } from "./experiment.ts";
import { pageOf } from "./page.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-paper-"));
const small = { seeds: 5, books: 20 };
const found = experiment(builtInDay, small);
const html = pageOf(found);
const file = join(folder, "paper.html");
writeFileSync(file, html);

const tool = program("chromium", "chromium");
const skip = "skip" in tool && tool.skip;
let running: Promise<Browser> | undefined;
const browser = () => {
  const executablePath = "path" in tool ? tool.path : "";
  running ??= chromium.launch({ executablePath, args: [...chromiumArgs] });
  return running;
};
after(async () => {
  await (await running)?.close();
  rmSync(folder, { recursive: true, force: true });
});

test("the built-in day has the paper's noon and hours of every channel", () => {
  const noon = builtInDay.hours.find(({ hour }) => hour === "12")?.real;
  assert.ok(noon !== undefined);
  assert.deepEqual(quantitiesOf(noon), paperNoon);
  assert.ok(Object.values(tradedHours(found.hours)).every((count) => count > 0));
});

test("what is drawn is what was computed: not traded is a gap, and hollow where the paper has a point", () => {
  found.hours.forEach(({ quantities, colony, exact }, i) => {
    for (const channel of channels) {
      assert.equal(colony?.[channel] === undefined, quantities[channel] === 0);
      const best = found.best[i]?.[channel] ?? Number.NaN;
      if (quantities[channel] > 0) assert.ok(Math.abs(best - (exact[channel] ?? 0) / 1e6) < 0.001);
      else assert.ok(best >= 0.4 && best <= 0.7);
    }
  });
  assert.ok((found.errors.at(-1) ?? 1) <= 0.001);
  assert.equal(found.convergence.most.length, 200);
});

test("many parties are proven near the best, and a battery's day gains what the exact plan does", () => {
  for (const { gap, trades } of found.parties) assert.ok(gap <= 0.001 && trades > 1);
  const { gain, exactGain, level, planned, asItIs } = found.planned;
  assert.ok(gain > 0 && Math.abs(gain - exactGain) <= 0.001 * exactGain);
  assert.ok(Math.abs((level.at(-1) ?? 0) - 150) < 1e-6, "the battery ends as it began");
  assert.ok(Math.max(...planned) < Math.max(...asItIs), "the peak is lower");
});

test("on random books the literal step 8 leaves welfare and breaks limits, our clearing neither", () => {
  const { literal, atOurs, ours } = compareMatching(50, "test");
  for (const other of [literal, atOurs]) {
    assert.ok(other.welfare < ours.welfare / 2);
    assert.ok(other.beyondKwh > other.kwh / 4);
  }
  assert.equal(ours.beyondKwh, 0);
  assert.deepEqual(compareMatching(50, "test"), compareMatching(50, "test"));
});

test("the same day gives the same page, and it asks nobody for anything", () => {
  assert.equal(pageOf(experiment(builtInDay, small)), html);
  assert.doesNotMatch(html, /https?:|\bsrc=|<link|<script|@import|url\(|<iframe|<img/);
  for (const name of [
    "Fig. 2",
    "Fig. 3",
    "Fig. 4 and 5",
    "Noon",
    "Convergence",
    "Colony against exact",
    "Step 8",
    "What was read differently",
  ]) {
    assert.match(html, new RegExp(`<h2>${name}`));
  }
  assert.match(html, /<td>0\.556832<\/td>/);
  assert.match(
    html,
    /<td>\(10\)–\(12\) as printed<\/td><td>0\.6000<\/td><td>0\.5000<\/td><td>0\.1878<\/td>/,
  );
  assert.doesNotMatch(html, /NaN|undefined|Infinity/);
});

test("a file's day is drawn too: 25 hours, or real values alone; its text is never markup", () => {
  const evil = "<b onload=x>";
  const rows = Array.from({ length: 25 }, (_, i) => `${evil},${i},${i},300,100,350`);
  const [day] = parseDays(`date,hour,pv,wind,own,users\n${rows.join("\n")}\n`, "day.csv");
  assert.ok(day !== undefined);
  const hours = day.hours.map((hour, i) => (i === 3 ? { ...hour, hour: "3 again & more" } : hour));
  const page = pageOf(experiment({ ...day, hours }, { seeds: 1, books: 1 }));
  assert.ok(!page.includes("<b "));
  assert.ok(page.includes("&lt;b onload=x&gt;") && page.includes("3 again &amp; more"));
  assert.match(page, /prices are for the measured energy/);
  assert.doesNotMatch(page, /predicted<\/li>|NaN|undefined/);
  const still = {
    date: "still",
    hours: [{ hour: "1", row: 2, real: { pv: 0, wind: 0, own: 0, users: 0 }, forecast: undefined }],
  };
  assert.doesNotMatch(pageOf(experiment(still, { seeds: 1, books: 1 })), /NaN|undefined|Infinity/);
});

test("it is a page in light, dark, narrow and on paper, and calls nobody", { skip }, async () => {
  const requests: string[] = [];
  const seen: { background: string; ink: string }[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    const context = await (await browser()).newContext({
      colorScheme,
      viewport: { width: 390, height: 800 },
    });
    const page = await context.newPage();
    page.on("request", (request) => requests.push(request.url()));
    page.on("console", (message) => assert.fail(message.text()));
    await page.goto(pathToFileURL(file).href);
    const look = () =>
      page.evaluate(() => {
        const { backgroundColor, color } = getComputedStyle(document.body);
        return { background: backgroundColor, ink: color };
      });
    seen.push(await look());
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(wide, 390, "nothing sticks out on a phone");
    const charts = page.locator("figure > svg");
    assert.equal(await charts.count(), 9);
    for (const chart of await charts.all()) {
      const labels = (await chart.getAttribute("aria-labelledby"))?.split(" ") ?? [];
      assert.equal(labels.length, 2);
      for (const label of labels) assert.equal(await page.locator(`#${label}`).count(), 1);
    }
    assert.ok(await page.locator("details").first().isVisible());
    await page.emulateMedia({ media: "print" });
    assert.equal((await look()).background, "rgb(255, 255, 255)", "paper is white");
    assert.equal((await look()).ink, seen[0]?.ink, "and its ink dark");
    assert.ok(!(await page.locator("details").first().isVisible()));
    await context.close();
  }
  assert.notEqual(seen[0]?.background, seen[1]?.background);
  assert.deepEqual(new Set(requests), new Set([pathToFileURL(file).href]));
});

test("a wrong option or file is said in a line with what is expected, and writes nothing", async () => {
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, [join(import.meta.dirname, "main.ts"), ...args], {
      cwd: folder,
    });
  await assert.rejects(run("--dat", "x"), {
    code: 1,
    stderr: /Unknown option '--dat'[\s\S]*usage: npm run paper/,
  });
  await assert.rejects(run("--data", "none.csv"), { code: 1, stderr: /^ENOENT.*none\.csv/ });
  writeFileSync(join(folder, "bad.csv"), "hour,pv,wind,own,users\n1,1,1,x,1\n");
  await assert.rejects(run("--data", "bad.csv"), {
    code: 1,
    stderr: /^bad\.csv: row 2, column own: expected a number of kW/,
  });
  writeFileSync(join(folder, "good.csv"), "date,hour,pv,wind,own,users\na,1,1,1,1,1\n");
  await assert.rejects(run("--data", "good.csv", "--date", "b"), {
    code: 1,
    stderr: /^--date: expected one of a, got b/,
  });
  assert.throws(() => readFileSync(join(folder, "out.html")), { code: "ENOENT" });
});
