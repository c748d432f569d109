import { parseTimeZone, type TimeZone } from "@busbar/protocol";
import { energyChart, moneyChart } from "./charts.ts";
import {
  type Bill,
  type BillDay,
  type BillFile,
  type BillLine,
  type BillSlot,
  isParty,
  linesIn,
} from "./document.ts";
import { escaped, kwh, money } from "./numbers.ts";
import { dataIn, pageData, withoutData } from "./page-data.ts";
import { accountSection, carbonSection } from "./page-sections.ts";
import { localTime } from "./period.ts";
import { style } from "./style.ts";
import { withAll } from "./taking-lines.ts";
import { type Language, wordsOf } from "./words.ts";

/**
 * A bill as one page by itself: no request, no running script, readable on paper and in the dark. The
 * bill and what it rests on lie in it as packed data. Each line of the bill is one line of the page.
 */
export function billPage(file: BillFile, language: Language): string {
  const { bill } = file;
  const words = wordsOf(language);
  const { totals, currency } = bill;
  const zone = parseTimeZone(bill.timeZone) ?? { standardMs: 0 };
  const title = isParty(bill.owner.party) ? words.title : words.statement;
  const name = `${title} ${bill.month} – ${bill.owner.name}`;
  const lines = linesIn(bill);
  return `<!doctype html>
<html lang="${words.language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(name)}</title>
<style>${style}</style></head><body><main>
<header><div><h1>${title}</h1>
<p class="who"><b>${escaped(bill.owner.name)}</b> (${escaped(bill.owner.id)}) · ${words.month} <b>${escaped(bill.month)}</b></p>
<p class="who">${words.site} ${escaped(bill.site)} · ${words.made} ${localTime(bill.asOf.time, zone)}, ${words.block} ${bill.asOf.height}</p></div>
<div class="due${totals.due > 0 ? " get" : ""}"><span>${totals.due > 0 ? words.toGet : words.toPay}</span><strong>${money(Math.abs(totals.due))} ${escaped(currency)}</strong></div></header>
<section class="cards">
${cards(bill, words).join("\n")}
</section>
<section class="charts">
<figure><figcaption>${words.energyByDay} <span class="key"><i class="in"></i>${words.drawn}<i class="out"></i>${words.given}</span></figcaption>${energyChart(bill.days)}</figure>
<figure><figcaption>${words.moneyByDay}</figcaption>${moneyChart(bill.days, escaped(currency))}</figure>
</section>
<h2>${words.summary}</h2>
${summary(bill, words)}
<h2>${words.days}</h2>
${dayTable(bill, words)}
${accountSection(bill, zone, words)}
${carbonSection(bill, words)}
<h2 class="screen">${words.lines}</h2>
${lines === 0 ? `<p>${words.none}</p>` : details(bill, zone, words)}
<section class="proof"><h2>${words.proof}</h2>
<p>${words.proofText(lines, bill.slots.length)}</p>
<p><code>busbar-aggregator bill --verify bill-${escaped(bill.owner.id)}-${escaped(bill.month)}.html --membership membership.json</code></p>
<p>${words.check} ${escaped(bill.chain)}, ${words.block} ${bill.asOf.height}: <code>${bill.asOf.appHash}</code></p></section>
</main>
${pageData(file)}
</body></html>
`;
}

type Words = ReturnType<typeof wordsOf>;

function cards({ totals, accounts, credit, currency }: Bill, words: Words): string[] {
  const { slots } = totals;
  const card = (name: string, value: string) => `<div><span>${name}</span><b>${value}</b></div>`;
  const provisional = slots.provisional === 0 ? "" : `, ${slots.provisional} ${words.provisional}`;
  const standing = slots.standing === 0 ? "" : `, ${slots.standing} ${words.standing}`;
  const violations = credit.violations.reduce((sum, { times }) => sum + times, 0);
  return [
    card(words.drawn, `${kwh(totals.importWh)} kWh`),
    card(words.given, `${kwh(totals.exportWh)} kWh`),
    card(
      words.slots,
      `${slots.final} ${words.final}${provisional}${standing}, ${slots.open} ${words.open}`,
    ),
    card(
      words.credit,
      `${credit.score}${violations === 0 ? `, ${words.noViolations}` : ` (${violations})`}`,
    ),
    card(
      words.accounts,
      [
        `${words.sales} ${money(accounts.sales)}`,
        `${words.purchases} ${money(accounts.purchase)}`,
        ...(accounts.paid === 0 ? [] : [`${words.paidOutside} ${money(accounts.paid)}`]),
        ...(accounts.collateral === 0 ? [] : [`${words.collateral} ${money(accounts.collateral)}`]),
      ].join(", "),
    ),
    card(words.balance, `${money(accounts.balance)} ${escaped(currency)}`),
  ];
}

function summary({ totals, charges, currency }: Bill, words: Words): string {
  const row = (name: string, value: number, kind = "") =>
    `<tr${kind}><td>${name}</td><td>${money(value, 4)} ${escaped(currency)}</td></tr>`;
  const { received, paid, fees, taxes, subsidies, orders, takings } = totals;
  const { total, rounding, due, pending } = totals;
  const each = (isFee: boolean) =>
    charges
      .filter(({ sort }) => (sort === "fee") === isFee)
      .map(({ id, money: sum }) => row(`· ${escaped(id)}`, sum));
  return `<table>
${[
  row(words.received, received),
  row(words.paid, 0 - paid),
  row(words.fees, 0 - fees),
  ...each(true),
  row(words.taxes, 0 - taxes),
  ...each(false),
  row(words.subsidies, subsidies),
  ...(orders === 0 ? [] : [row(words.orders, orders)]),
  ...(takings === 0 ? [] : [row(words.takings, takings)]),
  row(words.rounding, rounding),
  ...(pending === 0 ? [] : [row(words.pending, pending)]),
  row(words.total, due, ' class="sum"'),
].join("\n")}
</table>
<!-- ${total} + ${rounding} = ${due} -->`;
}

function dayTable({ days }: Bill, words: Words): string {
  const heads = [words.day, words.hours, words.slots, words.drawn, words.given, words.money];
  const settled = days.filter(({ slots }) => slots > 0);
  const rows = settled.map(
    ({ date, hours, slots, importWh, exportWh, money: sum }) =>
      `<tr><td>${date}</td><td${hours === 24 ? "" : ' class="mark"'}>${hours}</td><td>${slots}</td><td>${kwh(importWh)}</td><td>${kwh(exportWh)}</td><td>${money(sum, 4)}</td></tr>`,
  );
  return `<table class="small"><tr>${heads.map((head) => `<th>${head}</th>`).join("")}</tr>
${rows.join("\n")}
</table>`;
}

/** Each day's lines, folded away on the screen and left out on paper. */
function details(bill: Bill, zone: TimeZone, words: Words): string {
  let next = 0;
  return bill.days
    .map((day) => {
      const slots = bill.slots.slice(next, next + day.slots);
      next += day.slots;
      return slots.length === 0 ? "" : daySection(day, slots, { zone, words });
    })
    .filter((section) => section !== "")
    .join("\n");
}

function daySection(
  day: BillDay,
  slots: readonly BillSlot[],
  { zone, words }: { readonly zone: TimeZone; readonly words: Words },
): string {
  const heads = [
    words.line,
    words.time,
    words.what,
    words.energy,
    words.price,
    words.money,
    words.with,
    words.from,
    words.state,
  ];
  const rows = slots.flatMap((slot) => slot.lines.map((line) => row(slot, line, { zone, words })));
  return `<details><summary><span>${day.date}</span><span>${money(day.money, 4)}</span></summary><table class="small">
<tr>${heads.map((head) => `<th>${head}</th>`).join("")}</tr>
${rows.join("\n")}
</table></details>`;
}

function row(
  slot: BillSlot,
  line: BillLine,
  { zone, words }: { readonly zone: TimeZone; readonly words: Words },
): string {
  const what = line.charge === null ? words.kinds[line.kind] : escaped(line.charge);
  const version = line.version ?? 1;
  const estimated = line.contract === null && slot.method !== null ? `, ${words.estimate}` : "";
  const state = [
    words.lineStates[line.state],
    ...(slot.state === "final" || line.contract !== null ? [] : [words.slotStates[slot.state]]),
    ...(version > 1 ? [words.corrected(version)] : []),
  ].join(", ");
  const cells = [
    `<td>${line.line}</td>`,
    `<td class="t">${localTime(slot.slot, zone)}</td>`,
    `<td class="t">${what}${estimated}</td>`,
    `<td>${line.energyWh === 0 ? "" : kwh(line.energyWh)}</td>`,
    `<td>${line.price === null ? "" : money(line.price, 4)}</td>`,
    `<td>${money(line.money, 4)}</td>`,
    `<td class="t">${line.with === withAll ? words.all : escaped(line.with)}</td>`,
    `<td class="id">${escaped(line.contract ?? "")}</td>`,
    `<td class="t">${state}</td>`,
  ];
  return `<tr id="l${line.line}">${cells.join("")}</tr>`;
}

/** The bill and its evidence in a page, and the page's language; undefined for a page that is no bill. */
export function readPage(
  page: string,
): { readonly file: BillFile; readonly language: Language } | undefined {
  const file = dataIn(page);
  if (file === undefined) return undefined;
  const [, language = ""] = /^<html lang="([^"]*)"/m.exec(page) ?? [];
  return { file, language: language.startsWith("zh") ? "zh" : "en" };
}

/** Where a page shows something else than its bill: the line of the bill, where one is there. */
export function pageDifference(
  page: string,
  made: string,
): { readonly shows: string; readonly line: string } | undefined {
  // How the data is packed may differ from machine to machine; what it says was checked.
  const [ours, theirs] = [withoutData(made).split("\n"), withoutData(page).split("\n")];
  if (ours.length === theirs.length && ours.every((text, i) => text === theirs[i]))
    return undefined;
  const at = ours.findIndex((text, i) => text !== theirs[i]);
  const place = at < 0 ? ours.length : at;
  const [shown = "nothing", ought = ""] = [theirs[place], ours[place]];
  const [, number] = /id="l(\d+)"/.exec(ought) ?? /id="l(\d+)"/.exec(shown) ?? [];
  const line = number === undefined ? `the page's line ${place + 1}` : `line ${number}`;
  return { shows: shown.slice(0, 300), line };
}
