import { type CostConstants, costOf, metersMax, type SiteSize } from "./model.ts";

const sizes = [10, 100, 1_000, 10_000, 100_000, 1_000_000];

/** What sites of 10 to 10⁶ meters cost, as a table; the same for Markdown. */
export function modelText(site: Omit<SiteSize, "meters">, constants: CostConstants): string {
  const rows = sizes.map((meters) => {
    const cost = costOf({ ...site, meters }, constants);
    return [
      meters.toLocaleString("en"),
      plain(cost.batchesPerS),
      `${plain(100 * cost.ledgerShare)} %`,
      Number.isFinite(cost.finalMs) ? `${cost.finalMs.toFixed(0)} ms` : "never",
      plain(cost.cores),
      `${plain(cost.settleS)} s`,
      diskText(cost.gbPerYear),
      `${plain(cost.mbitPerS)} Mbit/s`,
    ];
  });
  const heads = [
    "meters",
    "batches/s",
    "ledger's thread",
    "final after",
    "cores",
    "settling a slot",
    "disk a year",
    "to and from members",
  ];
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const most = metersMax(site, constants).toLocaleString("en");
  return [
    line(heads),
    line(heads.map(() => "---:")),
    ...rows.map(line),
    "",
    `One chain of ${site.members} members: batches of ${site.readings} readings each ${site.everyS} s, slots of ${site.slotMinutes} minutes. Its ledger's thread can run those of ${most} meters at most.`,
  ].join("\n");
}

/** Two digits that count, never an exponent. */
function plain(value: number): string {
  return Number(value.toPrecision(2)).toLocaleString("en", { maximumSignificantDigits: 2 });
}

function diskText(gb: number): string {
  return gb < 1000 ? `${plain(gb)} GB` : `${plain(gb / 1000)} TB`;
}
