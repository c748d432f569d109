import type { SweepFinding } from "../sweep/finding.ts";
import { classesOf, histogramSvg, type TimeClass } from "../sweep/histogram.ts";
import type { KeptSweep } from "../sweep/kept.ts";
import { textOf } from "./page-text.ts";
import type { Words } from "./page-words.ts";
import { readBounds } from "./read-times.ts";
import type { Status } from "./status.ts";

/** The unit's lines: how fast their meters are read, what is wrong with them, and what the last sweep found. */
export function linesHtml({ lines = [], meters, sweep }: Status, words: Words): string {
  if (lines.length === 0 && sweep === undefined) return "";
  const cards = lines.map(({ bus, driver, meters: ids, findings }) => {
    const times = meters
      .filter(({ id }) => ids.includes(id))
      .map(({ id, readTime }) =>
        timesHtml(textOf(id), readClasses(readTime?.classes ?? []), words),
      );
    const about = [driver, ids.join(", ")].filter((part) => part !== undefined);
    return `<h3>${textOf(bus)}</h3><p class="about">${about.map(textOf).join(" · ")}</p>${findingsHtml(findings, words)}${times.join("")}`;
  });
  const count = lines.reduce((sum, { findings }) => sum + findings.length, 0);
  const more = count === 0 ? "" : ` (${count})`;
  return `<details id="lines" class="card"><summary>${words.lines}${more}</summary>${cards.join("")}${sweepHtml(sweep, words)}</details>`;
}

function sweepHtml(sweep: KeptSweep | undefined, words: Words): string {
  if (sweep === undefined) return `<p class="about">${words.noSweep}</p>`;
  const buses = sweep.buses.map(({ bus, settings, units, findings }) => {
    const each = units.map(({ unit, profile, serialNumber, asked, whole, timesMs }) => {
      const who = [profile, serialNumber].filter((part) => part !== undefined).map(textOf);
      const head = `${words.unitId} ${unit} ${who.join(" ")}: ${whole} / ${asked}`;
      return timesHtml(head, classesOf(timesMs), words);
    });
    return `<h4>${textOf(bus)} ${textOf(settings ?? "")}</h4>${findingsHtml(findings, words)}${each.join("")}`;
  });
  return `<h3>${words.sweepOf(textOf(sweep.at.slice(0, 16).replace("T", " ")))}</h3>${buses.join("")}`;
}

function findingsHtml(findings: readonly SweepFinding[], words: Words): string {
  if (findings.length === 0) return `<p class="well">${words.lineWell}</p>`;
  const items = findings.map(
    ({ state, message, remedy, code }) =>
      `<li class="${state}"><p><b>${words[state]}:</b> ${textOf(message)} <small>${textOf(code)}</small></p><p class="todo"><b>${words.toDo}:</b> ${textOf(remedy)}</p></li>`,
  );
  return `<ul class="problems">${items.join("")}</ul>`;
}

function timesHtml(head: string, classes: readonly TimeClass[], words: Words): string {
  if (classes.length === 0) return "";
  return `<p class="about">${head}</p>${histogramSvg(classes, `${words.times}: ${head}`)}`;
}

/** How long whole reads took, of the classes that the unit counts in. */
function readClasses(counts: readonly number[]): readonly TimeClass[] {
  const all = counts.map((count, i) => ({
    from: 1000 * (readBounds[i - 1] ?? 0),
    to: i < readBounds.length ? 1000 * (readBounds[i] ?? 0) : Number.POSITIVE_INFINITY,
    count,
  }));
  const last = all.findLastIndex(({ count }) => count > 0);
  const first = all.findIndex(({ count }) => count > 0);
  return first < 0 ? [] : all.slice(first, last + 1);
}
