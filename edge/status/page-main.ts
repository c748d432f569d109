import { linesHtml } from "./page-lines.ts";
import { supportHtml } from "./page-support.ts";
import { textOf } from "./page-text.ts";
import type { Words } from "./page-words.ts";
import { type Problem, problemsOf } from "./problems.ts";
import { meaningOf, remedyOf } from "./reasons.ts";
import { sparkline } from "./sparkline.ts";
import { type Station, stationsOf } from "./stations.ts";
import type { Status } from "./status.ts";

/** The part of the page that changes. `wall`: wall ms now. Everything from outside is escaped. */
export function mainHtml(status: Status, words: Words, wall: number): string {
  return [
    wayHtml(stationsOf(status, wall), status, words),
    claimHtml(status, words),
    problemsHtml(problemsOf(status), words),
    `<section aria-label="${words.meters}" class="cards">${status.meters.map((meter) => meterHtml(meter, words, wall)).join("")}</section>`,
    linesHtml(status, words),
    supportHtml(status, words),
    countsHtml(status, words),
    unitHtml(status, words, wall),
  ].join("\n");
}

const signs = { ok: "✓", warning: "!", fault: "✕" } as const;

function wayHtml(stations: readonly Station[], status: Status, words: Words): string {
  const items = stations.map((station) => {
    const { name, state } = station;
    const detail = station.text === undefined ? "" : `<small>${textOf(station.text)}</small>`;
    return `<li class="${state}"><span class="sign" aria-hidden="true">${signs[state]}</span><strong>${words[name]}</strong><span><span class="hidden">${words[state]}: </span>${stationText(station, status, words)}</span>${detail}</li>`;
  });
  return `<ol class="way">${items.join("")}</ol>`;
}

/** The way to the page where a label's code is entered, while there is something to enter. */
function claimHtml({ claim }: Status, words: Words): string {
  if (claim === undefined || claim.state === "admitted") return "";
  return `<p class="card"><a href="/claim">${words.claim.title} →</a></p>`;
}

function stationText({ name, figures, state }: Station, { link }: Status, words: Words): string {
  const [first = 0, second = 0] = figures;
  switch (name) {
    case "meters":
      return words.of(first, second);
    case "journal":
      return words.waiting(first);
    case "broker":
      if (link === undefined) return words.notEnrolled;
      return state === "ok" ? words.connected : words.notConnected;
    case "ledger":
      return figures.length === 0 ? words.noReceipt : words.receipt(ageText(first, words));
    default:
      return name satisfies never;
  }
}

function problemsHtml(problems: readonly Problem[], words: Words): string {
  if (problems.length === 0) return `<p class="well">${words.well}</p>`;
  const items = problems.map(
    ({ state, subject, message, remedy }) =>
      `<li class="${state}"><p><b>${words[state]}: ${textOf(subject)}</b> ${textOf(message)}</p><p class="todo"><b>${words.toDo}:</b> ${textOf(remedy)}</p></li>`,
  );
  return `<section><h2>${words.problems}</h2><ul class="problems">${items.join("")}</ul></section>`;
}

function meterHtml(meter: Status["meters"][number], words: Words, wall: number): string {
  const { id, serial, profile, readAt, error, powerW, historyW } = meter;
  const state = error !== undefined ? "fault" : readAt === undefined ? "warning" : "ok";
  const age =
    readAt === undefined ? words.never : words.read(ageText((wall - readAt) / 1000, words));
  const about = [profile, serial === undefined ? "" : `${words.serial} ${serial}`, meter.role];
  const [low, high] = boundsOf(historyW);
  const label = words.lastHour(withUnit(low, "W"), withUnit(high, "W"));
  const chart = sparkline(historyW, textOf(label));
  return `<article class="${state}"><h2>${textOf(id)}</h2><p class="about">${about
    .filter((part) => part !== "")
    .map(textOf)
    .join(" · ")}</p>
${powerW === undefined ? "" : `<p class="power">${withUnit(powerW, "W")}</p>`}
${chart}${chart === "" ? "" : `<p class="about">${label}</p>`}
<dl>${energies(meter, words)}</dl>
<p class="age">${age}${qualityText(meter, words)}</p>
${error === undefined ? "" : `<p class="error">${textOf(error)}</p>`}
${valuesHtml(meter, words)}</article>`;
}

function energies({ values }: Status["meters"][number], words: Words): string {
  return [
    ["1-0:1.8.0", words.import],
    ["1-0:2.8.0", words.export],
  ]
    .flatMap(([code, name]) => {
      const found = values.find(({ obis }) => obis === code);
      if (found === undefined) return [];
      return [
        `<div><dt>${name} <small>${code}</small></dt><dd>${kilowattHours(found.value)}</dd></div>`,
      ];
    })
    .join("");
}

function qualityText({ quality }: Status["meters"][number], words: Words): string {
  const word = quality === undefined ? undefined : words.quality[quality];
  return word === undefined ? "" : ` · ${word}`;
}

function valuesHtml({ id, values }: Status["meters"][number], words: Words): string {
  if (values.length === 0) return "";
  const rows = values.map(
    ({ obis, quantity, unit, value }) =>
      `<tr><th scope="row">${textOf(quantity)}<small>${textOf(obis ?? "")}</small></th><td>${value} ${textOf(unit)}</td></tr>`,
  );
  return `<details id="values-${textOf(id)}"><summary>${words.allValues} (${values.length})</summary><table>${rows.join("")}</table></details>`;
}

function countsHtml({ counts }: Status, words: Words): string {
  const rows = Object.entries(counts).map(([reason, count]) => {
    const meaning = meaningOf(reason);
    const remedy = remedyOf(reason);
    const more = remedy === undefined ? "" : `<small class="todo">${textOf(remedy)}</small>`;
    return `<tr><th scope="row">${textOf(meaning ?? reason)}${meaning === undefined ? "" : `<small>${textOf(reason)}</small>`}${more}</th><td>${count}</td></tr>`;
  });
  if (rows.length === 0) return "";
  return `<details id="counts" class="card"><summary>${words.counts} (${rows.length})</summary><table>${rows.join("")}</table></details>`;
}

function unitHtml(status: Status, words: Words, wall: number): string {
  const parts = [
    `${words.unit} ${status.device}`,
    `${status.owner} @ ${status.site}`,
    `busbar-edge ${status.version}`,
    words.since(ageText((wall - status.startedAt) / 1000, words)),
    `${status.clock.known ? words.clockGood : words.clockBad} (${status.clock.by})`,
    words.free(sizeText(status.disk.freeBytes)),
    new Date(status.time).toISOString().replace(".000", ""),
  ];
  return `<p class="about unit">${parts.map(textOf).join(" · ")}</p>`;
}

function boundsOf(points: readonly (number | undefined)[]): [number, number] {
  const known = points.filter((value) => value !== undefined);
  return [Math.min(...known), Math.max(...known)];
}

/** Three or four digits that count: 1.234 kW, 12.5 kW, 980 W. */
function withUnit(value: number, unit: string): string {
  if (!Number.isFinite(value)) return "–";
  const kilo = Math.abs(value) >= 1000;
  const shown = kilo ? value / 1000 : value;
  const digits = kilo ? (Math.abs(shown) < 10 ? 3 : 1) : Math.abs(shown) < 10 ? 1 : 0;
  return `${shown.toFixed(digits).replace("-", "−")} ${kilo ? "k" : ""}${unit}`;
}

const kilowattHours = (wh: number) => `${(wh / 1000).toFixed(2)} kWh`;

/** "7 s", "3 min", "2 h", "5 d". */
export function ageText(seconds: number, { ages }: Pick<Words, "ages">): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return `${whole} ${ages.s}`;
  if (whole < 90 * 60) return `${Math.round(whole / 60)} ${ages.min}`;
  return whole < 48 * 3600
    ? `${Math.round(whole / 3600)} ${ages.h}`
    : `${Math.round(whole / 86_400)} ${ages.d}`;
}

function sizeText(bytes: number): string {
  const mega = bytes / 1024 / 1024;
  return mega < 2048 ? `${Math.floor(mega)} MB` : `${Math.floor(mega / 1024)} GB`;
}
