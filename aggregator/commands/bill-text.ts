import { parseTimeZone } from "@busbar/protocol";
import { type Bill, isParty } from "../settlement/bill/document.ts";
import { kwh, money } from "../settlement/bill/numbers.ts";
import { localTime } from "../settlement/bill/period.ts";
import { type Language, wordsOf } from "../settlement/bill/words.ts";

/** A bill in short, for a terminal. */
export function billText(bill: Bill, language: Language): string {
  const words = wordsOf(language);
  const { totals, owner, currency, asOf, credit, accounts, carbon } = bill;
  const zone = parseTimeZone(bill.timeZone) ?? { standardMs: 0 };
  const at = (sum: number) => `${money(sum, 4)} ${currency}`;
  const { slots } = totals;
  const rows: readonly (readonly [string, string])[] = [
    [words.received, at(totals.received)],
    [words.paid, at(0 - totals.paid)],
    [words.fees, at(0 - totals.fees)],
    [words.taxes, at(0 - totals.taxes)],
    [words.subsidies, at(totals.subsidies)],
    ...(totals.orders === 0 ? [] : [[words.orders, at(totals.orders)] as const]),
    ...(totals.takings === 0 ? [] : [[words.takings, at(totals.takings)] as const]),
    [words.rounding, at(totals.rounding)],
    [totals.due > 0 ? words.toGet : words.toPay, `${money(Math.abs(totals.due))} ${currency}`],
    ...(totals.pending === 0 ? [] : [[words.pending, at(totals.pending)] as const]),
    [words.balance, at(accounts.balance)],
    ...(accounts.collateral === 0 ? [] : [[words.collateral, at(accounts.collateral)] as const]),
    [words.drawn, `${kwh(totals.importWh)} kWh`],
    [words.given, `${kwh(totals.exportWh)} kWh`],
    [
      words.slots,
      [
        `${slots.final} ${words.final}`,
        `${slots.provisional} ${words.provisional}`,
        ...(slots.standing === 0 ? [] : [`${slots.standing} ${words.standing}`]),
        `${slots.open} ${words.open}`,
      ].join(", "),
    ],
    [words.credit, String(credit.score)],
    ...(carbon === null
      ? []
      : [
          [words.carbon, `${(carbon.grams / 1000).toFixed(3)} kg CO₂e (${carbon.source})`] as const,
        ]),
  ];
  return [
    `${isParty(owner.party) ? words.title : words.statement} ${bill.month} – ${owner.name} (${owner.id})`,
    `${words.made} ${localTime(asOf.time, zone)}, ${words.block} ${asOf.height}`,
    "",
    ...rows.map(([name, value]) => `${name}: ${value}`),
    "",
  ].join("\n");
}
