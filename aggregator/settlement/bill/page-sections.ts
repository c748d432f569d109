import type { TimeZone } from "@busbar/protocol";
import type { AccountLine, Bill, BillCarbon } from "./document.ts";
import { escaped, kwh, money } from "./numbers.ts";
import { localTime } from "./period.ts";
import type { wordsOf } from "./words.ts";

type Words = ReturnType<typeof wordsOf>;

/** Payments, collateral and orders of a month, each on one line; nothing where there are none. */
export function accountSection({ account }: Bill, zone: TimeZone, words: Words): string {
  if (account.length === 0) return "";
  const heads = [words.line, words.time, words.what, words.money, words.with, words.from];
  const rows = account.map((line) => accountRow(line, zone, words));
  return `<h2>${words.account}</h2>
<table class="small"><tr>${heads.map((head) => `<th>${head}</th>`).join("")}</tr>
${rows.join("\n")}
</table>`;
}

function accountRow(line: AccountLine, zone: TimeZone, words: Words): string {
  const { kind, time, money: sum, with: other, payment, demand, unread } = line;
  const [gets, gives] = words.accountKinds[kind];
  const what = sum < 0 ? gives : gets;
  const cells = [
    `<td>${line.line}</td>`,
    `<td class="t">${localTime(time, zone)}</td>`,
    `<td class="t">${what}</td>`,
    `<td>${money(sum, 4)}</td>`,
    `<td class="t">${escaped(other)}</td>`,
    `<td class="t">${
      payment !== null
        ? words.acknowledgedBy(escaped(payment.by), payment.version)
        : demand !== null
          ? demandText(demand, zone, words)
          : unread !== null
            ? unreadText(unread, zone, words)
            : ""
    }</td>`,
  ];
  return `<tr id="l${line.line}">${cells.join("")}</tr>`;
}

function unreadText(
  { meter, from, to, energyWh }: NonNullable<AccountLine["unread"]>,
  zone: TimeZone,
  words: Words,
): string {
  const [begin, end] = [from, to].map((time) => localTime(time, zone));
  return words.unreadText({ meter: escaped(meter), energy: kwh(energyWh), from: begin, to: end });
}

function demandText(
  { order, slot, slots, orderedWh, deliveredWh, word, checked }: NonNullable<AccountLine["demand"]>,
  zone: TimeZone,
  words: Words,
): string {
  const [delivered, ordered] = [kwh(deliveredWh), kwh(orderedWh)];
  const text = words.demandText({ delivered, ordered, from: localTime(slot, zone), slots });
  const parts = [text, words.demandWords[word], ...(checked ? [words.checkedAnew] : [])];
  return `${parts.join("; ")} <span class="id">${escaped(order.slice(0, 8))}</span>`;
}

/** What the use of energy caused; nothing where no figure was made. */
export function carbonSection({ carbon }: Bill, words: Words): string {
  if (carbon === null) return "";
  const { grams, takenWh, greenTakenWh, source } = carbon;
  const text = words.carbonText({
    taken: kwh(takenWh),
    green: kwh(greenTakenWh),
    source: escaped(source),
  });
  const rows = carbonRows(carbon).map(
    ([form, energyWh, factor]) =>
      `<tr><td class="t">${words.carbonRows[form]}</td><td>${kwh(energyWh)}</td><td>${factor}</td></tr>`,
  );
  return `<h2>${words.carbon}: ${(grams / 1000).toFixed(3)} kg CO₂e</h2>
<p>${text}</p>
<table class="small"><tr>${words.carbonTable.map((head) => `<th>${head}</th>`).join("")}</tr>
${rows.join("\n")}
</table>`;
}

function carbonRows({ gramsPerKwh, retiredWh, takenWh, greenTakenWh }: BillCarbon) {
  return [
    ["solar", retiredWh.solar, gramsPerKwh.solar],
    ["wind", retiredWh.wind, gramsPerKwh.wind],
    ["rest", takenWh - greenTakenWh, gramsPerKwh.rest],
  ] as const;
}
