import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { Failure } from "@busbar/protocol";
import fc from "fast-check";
import { parseDays } from "../market/day/day-file.ts";
import { seriesOfDays } from "../market/forecast/from-days.ts";
import { type ForecastOptions, forecastReport } from "./forecast-report.ts";
import { testHome } from "./test-home.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-forecast-"));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, "week.csv");

/** A week whose loads have days, with sun that follows the hour. */
function week(change: (lines: string[]) => void = () => undefined): string {
  const lines = ["date,hour,pv_real_kw,wind_real_kw,users_load_real_kw,microgrid_load_real_kw"];
  for (let i = 0; i < 7 * 24; i += 1) {
    const [day, hour] = [Math.floor(i / 24), i % 24];
    const sun = Math.max(0, 500 - 14 * (hour - 12) ** 2) * (1 - (day % 3) / 10);
    const wind = 200 + 150 * ((i * 7) % 11);
    lines.push(`2020-07-1${day},${hour + 1},${sun},${wind},${400 + 20 * hour},${200 + 5 * hour}`);
  }
  change(lines);
  return `${lines.join("\n")}\n`;
}

function run(options: Partial<ForecastOptions>): string[] {
  const lines: string[] = [];
  forecastReport({ json: true, ...options }, (line) => lines.push(line));
  return lines;
}

type Report = {
  series: {
    name: string;
    horizons: { horizon: string; slots: number; mix: { skill: number }; covered: number }[];
  }[];
};

test("a week of hours is lived again: the mix beats persistence where there are days, at each gate", () => {
  writeFileSync(file, week());
  const [line = ""] = run({ file });
  const { series } = JSON.parse(line) as Report;
  assert.deepEqual(
    series.map(({ name }) => name),
    ["photovoltaic", "wind", "own load", "users", "whole site"],
  );
  for (const { name, horizons } of series) {
    assert.deepEqual(
      horizons.map(({ horizon, slots }) => [horizon, slots]),
      [
        ["day-ahead", 120],
        ["intraday", 120],
        ["real-time", 120],
      ],
    );
    for (const { mix, covered } of name === "users" || name === "photovoltaic" ? horizons : []) {
      assert.ok(mix.skill > 0.5, `${name} ${mix.skill}`);
      assert.ok(covered > 0.6);
    }
  }
});

test("the text has a table for each series, and the page is whole by itself", () => {
  const html = join(folder, "week.html");
  const text = run({ file, html, json: false }).join("\n");
  assert.match(text, /photovoltaic\n +gate +slots +persist\. +mix +skill/);
  assert.match(text, /day-ahead +120/);
  const page = readFileSync(html, "utf8");
  assert.equal(page.match(/<svg /g)?.length, 5);
  assert.doesNotMatch(page, /https?:|<script|NaN|Infinity|undefined/);
  assert.match(page, /color-scheme: light dark/);
  for (const chart of page.split("<svg ").slice(1)) {
    const ticks = [...chart.matchAll(/class="tick" x="0" y="([\d.]+)">(-?\d+) kWh/g)];
    const places = ticks.map(([, at]) => Number(at)).sort((a, b) => a - b);
    assert.ok(ticks.some(([, , kwh]) => kwh === "0") && ticks.length >= 2);
    for (const [i, at] of places.entries()) assert.ok(i === 0 || at - (places[i - 1] ?? 0) >= 12);
  }
});

test("a member's own ledger is lived again: each meter, all companies, all users", () => {
  const { config, ledger } = testHome(join(folder, "home"), 500);
  ledger.store.close();
  const [line = ""] = run({ config });
  const { series } = JSON.parse(line) as Report;
  assert.deepEqual(
    series.map(({ name }) => name),
    [
      "meter bureau-a-meter",
      "meter company-a-meter",
      "meter user-a-meter",
      "all companies",
      "all users",
    ],
  );
  for (const { horizons } of series) assert.equal(horizons.length, 3);
});

test("what is wrong is said with file, row, column and what was expected", () => {
  const says = (text: string, code: string, message: RegExp) => {
    writeFileSync(file, text);
    assert.throws(() => run({ file }), { name: "Failure", code, message });
  };
  says("", "day-file.columns", /week\.csv: row 1: expected the columns/);
  const odd = week((lines) => {
    lines[5] = lines[5]?.replace(/\d+$/, "x") ?? "";
  });
  says(odd, "day-file.value", /week\.csv: row 6, column .*: expected a number of kW/);
  const forecastsAlone = week().replaceAll("_real_", "_fcst_");
  says(forecastsAlone, "day-file.hours", /week\.csv: row 2: expected real values/);
  const hoursMissing = week((lines) => lines.splice(30, 2));
  says(
    hoursMissing,
    "day-file.hours",
    /row 48: expected 23 to 25 hours of 2020-07-11 before this date, got 22$/,
  );
  const turned = week((lines) => lines.push("2020-07-01,1,1,1,1,1"));
  says(turned, "day-file.hours", /expected a date after 2020-07-1\d, got 2020-07-01$/);
  const short = week((lines) => lines.splice(30));
  says(short, "forecast.short", /more than two days/);
  assert.throws(() => run({ file: join(folder, "none.csv") }), { code: "forecast.file" });
  writeFileSync(file, week());
  const html = join(folder, "none", "page.html");
  assert.throws(() => run({ file, html }), {
    code: "forecast.file",
    message: /page\.html: cannot/,
  });
  assert.throws(() => run({}), { code: "forecast.usage" });
  assert.throws(() => run({ file, config: "x" }), { code: "forecast.usage" });
});

test("a date that is left out is a day of which nothing is known, and moves no other", () => {
  const [all] = seriesOfDays(parseDays(week(), "week.csv"), "week.csv");
  const lacking = week((lines) => lines.splice(1 + 2 * 24, 24));
  const [gap] = seriesOfDays(parseDays(lacking, "gap.csv"), "gap.csv");
  assert.ok(all !== undefined && gap !== undefined);
  const expected = all.series.netWh.slice().fill(Number.NaN, 2 * 24, 3 * 24);
  assert.deepEqual(gap.series.netWh, expected);
  assert.equal(gap.series.start, all.series.start);
});

test("any file is a report or one message", () => {
  const cell = fc.constantFrom("1", "0", "-1", "x", "1e9", "", '"', "NaN");
  fc.assert(
    fc.property(
      fc.array(fc.array(cell, { minLength: 5, maxLength: 7 }), { maxLength: 60 }),
      (rows) => {
        const body = rows.map((row, i) => [i, ...row].join(","));
        writeFileSync(file, ["hour,pv,wind,own,users,x", ...body].join("\n"));
        try {
          run({ file });
        } catch (error) {
          assert.ok(error instanceof Failure, String(error));
        }
      },
    ),
    { numRuns: 100 },
  );
});

test("the command line prints it, and ends with 1 and one message where it cannot", async () => {
  writeFileSync(file, week());
  const cli = join(import.meta.dirname, "../cli.ts");
  const ask = (...args: string[]) =>
    promisify(execFile)(process.execPath, [cli, "forecast", "report", ...args]);
  assert.match((await ask("--file", file)).stdout, /users\n/);
  await assert.rejects(ask("--file", join(folder, "none")), { code: 1, stderr: /forecast\.file/ });
});
