/** The what-if report as one HTML page that asks nobody for anything. */
import { type Chart, escaped, legendOf, row, svgOf, tableOf } from "../../market/paper/chart.ts";
import { style } from "../../market/paper/style.ts";
import { dayChart, savingsChart, schemeNames, sharesChart, totalOf } from "./figures.ts";
import { type Scheme, schemes } from "./schemes.ts";
import type { SchemeTotals, WhatIf } from "./what-if.ts";

/** Where the meters' data are from, for the page's head. */
export function whatIfPage(report: WhatIf, source: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>What if: ${escaped(source)}</title>
<style>${style}</style>
</head>
<body>
<main>
${introduction(report, source)}
${section("The community", communityTable(report), figure(savingsChart(report)))}
${section("Its energy", figure(sharesChart(report)), figure(dayChart(report)))}
${section("Each member", memberTable(report, "costMicro"), savingsTable(report))}
${section("Energy of each member", energyTable(report))}
${section("How it was reckoned", reckoned(report))}
</main>
</body>
</html>
`;
}

const section = (title: string, ...parts: readonly string[]) =>
  `<section><h2>${escaped(title)}</h2>\n${parts.join("\n")}</section>`;

function figure(chart: Chart): string {
  const caption = `<figcaption>${escaped(chart.title)}<span>${escaped(chart.description)}</span></figcaption>`;
  const numbers = `<details><summary>Numbers</summary><div class="scroll">${tableOf(chart)}</div></details>`;
  return `<figure>${caption}${svgOf(chart)}${legendOf(chart)}${numbers}</figure>`;
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  `<div class="scroll"><table><thead>${row(head, "th")}</thead><tbody>${rows.map((cells) => row(cells, "td")).join("\n")}</tbody></table></div>`;

const day = (time: number) => new Date(time).toISOString().slice(0, 16).replace("T", " ");
const money = (micro: number) => (Math.round(micro / 10_000) / 100 || 0).toFixed(2);
const kwh = (wh: number) => (wh / 1000).toFixed(1);
const percent = (part: number | null) => (part === null ? "–" : `${(100 * part).toFixed(1)} %`);

function introduction({ from, to, slotMs, slots, members }: WhatIf, source: string): string {
  return `<h1>What if</h1>
<p class="lead">The same meters under seven schemes: what each of ${members.length} members would have paid, and how much of its energy the
community would have used itself.</p>
<p>${escaped(source)}, ${day(from)} to ${day(to)} UTC: ${slots} slots of ${slotMs / 60_000} minutes.</p>`;
}

function communityTable({ community, worstOff }: WhatIf): string {
  const head = [
    "scheme",
    "paid",
    "saved",
    "self-sufficiency",
    "self-consumption",
    "peak, kW",
    "worst off",
    "its saving",
  ];
  const rows = community.map((total, s) => [
    schemeNames[total.scheme],
    money(total.costMicro),
    money(total.savingMicro),
    percent(total.selfSufficiency),
    percent(total.selfConsumption),
    (total.peakW / 1000).toFixed(2),
    total.scheme === "retail" ? "–" : (worstOff[s]?.id ?? ""),
    total.scheme === "retail" ? "–" : money(worstOff[s]?.savingMicro ?? 0),
  ]);
  return table(head, rows);
}

function memberTable({ members }: WhatIf, what: "costMicro" | "savingMicro"): string {
  const title = what === "costMicro" ? "pays" : "saves";
  const rows = members.map(({ id, totals }) => [id, ...totals.map((total) => money(total[what]))]);
  return `<h3>What it ${title}</h3>${table(["member", ...schemes.map((scheme) => schemeNames[scheme])], rows)}`;
}

const savingsTable = (report: WhatIf) => memberTable(report, "savingMicro");

/** Energy is the same under retail alone, a static key, and what shares all that can be shared. */
const energySchemes: readonly Scheme[] = ["retail", "static-key", "bargaining"];

function energyTable({ members }: WhatIf): string {
  const head = [
    "member",
    "slots",
    "uses, kWh",
    "makes, kWh",
    ...energySchemes.flatMap((scheme) => [
      `${schemeNames[scheme]}: self-suff.`,
      "self-cons.",
      "peak, kW",
    ]),
  ];
  const rows = members.map(({ id, slots, totals }) => {
    const retail = totalOf(totals, "retail");
    return [
      id,
      String(slots),
      kwh(retail.boughtWh),
      kwh(retail.soldWh),
      ...energySchemes.flatMap((scheme) => energyCells(totalOf(totals, scheme))),
    ];
  });
  return `<p class="quiet">“Uses” and “makes” are at the connection meters.</p>${table(head, rows)}`;
}

const energyCells = ({ selfSufficiency, selfConsumption, peakW }: SchemeTotals) => [
  percent(selfSufficiency),
  percent(selfConsumption),
  (peakW / 1000).toFixed(2),
];

function reckoned({ terms, members }: WhatIf): string {
  const price = (micro: number) => (micro / 1_000_000).toFixed(4);
  const { feedIn, retail, subsidyPermille, sharePrice } = terms;
  const known = members.filter(({ generationKnown }) => generationKnown).length;
  return `<ul>
<li>The bureau pays ${price(feedIn)} and asks ${price(retail)} a kWh under every scheme but bargaining, where it has its bargaining prices
inside of that: what members save beyond the other books is what the bureau pays for; who buys from it gets the subsidy ${(subsidyPermille / 1000).toFixed(3)} Q p² (eq. 3 and 8 of Liu &amp; Zhou). ${feesText(members.length, terms)}</li>
<li>Shared energy costs ${price(sharePrice)} a kWh under the keys. A static key lets go to the grid what somebody was entitled to and did
not need; dynamic and hybrid keys share all that can be shared.</li>
<li>In the books everybody quotes what its meters showed, at its own limits where it has some, else at what the bureau would take or
give (its subsidy taken off). Nobody shades a quote: under pay-as-bid, buyers without limits of their own leave all of the gain
to sellers.</li>
<li>A meter's two directions net inside of a slot. Peak is the most drawn from the bureau in one slot. A member whose slot is not known takes
no part in it.</li>
<li>Energy made and used behind the connection counts as the member's own where its generation is metered (${known} of ${members.length}
members); without that, self-sufficiency and self-consumption are what passes the connection.</li>
</ul>`;
}

function feesText(count: number, { charges = [] }: WhatIf["terms"]): string {
  const names = charges.map(({ id }) => escaped(id)).join(", ");
  const owed =
    names === "" ? "No fees, taxes or levies are known." : `What is paid has ${names} with it.`;
  return `${owed} Where ${count === 1 ? "the member has" : "members have"} weights, bands, tariffs or fees of the way of their own, these count: energy from others
costs its buyer the way to the busbar at most.`;
}
