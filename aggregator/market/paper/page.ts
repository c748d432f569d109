/** The report as one HTML page that asks nobody for anything. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { channels } from "../game/channels.ts";
import { publishedNoon } from "../game/paper-rules.ts";
import { type Chart, escaped, legendOf, row, svgOf, tableOf } from "./chart.ts";
import { type Experiment, tradedHours } from "./experiment.ts";
import {
  channelName,
  convergence,
  errors,
  figure2,
  figure3,
  figure4,
  figure5,
  planned,
  trails,
} from "./figures.ts";
import { htmlOf, sectionOf } from "./markdown.ts";
import { style } from "./style.ts";

export function pageOf(experiment: Experiment): string {
  const [generation, load] = figure2(experiment);
  const sections = [
    introduction(experiment),
    section("Fig. 2: what was real and what was predicted", figure(generation), figure(load)),
    section("Fig. 3: what can be sold", figure(figure3(experiment)), sold(experiment)),
    section(
      "Fig. 4 and 5: the prices",
      figure(figure4(experiment)),
      figure(figure5(experiment)),
      bids,
    ),
    section("Noon, beside the published values", noon(experiment)),
    section("Convergence", converged, figure(convergence(experiment)), figure(trails(experiment))),
    section("Colony against exact", figure(errors(experiment)), distances(experiment)),
    section(
      "More than three parties, and hours that are coupled",
      parties(experiment),
      figure(planned(experiment)),
    ),
    section("Step 8 to the letter, on random books", matching(experiment)),
    section("What was read differently from print, and why", ...readDifferently()),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Busbar: the experiment of Liu &amp; Zhou, redone</title>
<style>${style}</style>
</head>
<body>
<main>
${sections.join("\n")}
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

function introduction({ day, use, effort }: Experiment): string {
  const what = use === "forecast" ? "forecast" : "measured";
  return `<h1>The experiment of Liu &amp; Zhou, redone</h1>
<p class="lead">Liu &amp; Zhou, “Electricity market transaction model design combining blockchain and machine learning”: a microgrid
company G with sun and wind, an energy bureau C and the users U find each hour's prices with an ant colony.</p>
<p>Day: <strong>${escaped(day.date || "of the file")}</strong>, ${day.hours.length} hours; prices are for the ${what} energy. G asks
0.5–0.7, C 0.4–0.6 currency/kWh; bargaining weights G : C : U are 3 : 3 : 1. Every colony has 35 ants and at most 200
iterations; what follows was tried with ${effort.seeds} seeds and on ${effort.books} random books. Computed anew by
<code>npm run paper</code>; the same day gives the same page.</p>`;
}

const bids = `<p>The paper's Fig. 4 is its Fig. 5 without the channels on which nothing is sold. A price without energy decides
nothing: whatever the search left there is drawn hollow, and is not a result.</p>`;

const converged = `<p>An ant's quality is what is <em>proven</em> of its place: by the slopes of the objective there, the weighted mean
of everybody's gains is at most this part short of the best one. So the search knows when nothing is left, and ends.</p>`;

function sold({ hours }: Experiment): string {
  const traded = tradedHours(hours);
  const count = channels
    .map((channel) => `${channelName(channel)} in ${traded[channel]}`)
    .join(", ");
  return `<p class="quiet">Hours with energy: ${count} of ${hours.length}.</p>`;
}

function noon({ noon: readings, noonColony }: Experiment): string {
  const price = (value: number | undefined) =>
    value === undefined ? "not traded" : value.toFixed(6);
  const four = (name: string, of: (channel: (typeof channels)[number]) => number | undefined) =>
    row([name, ...channels.map((channel) => price(of(channel)))], "td");
  const head = row(["12:00", ...channels.map(channelName)], "th");
  const misses = readings.map(({ name, cu, gu, miss }, i) => {
    const line = row([name, cu.toFixed(4), gu.toFixed(4), miss.toFixed(4)], "td");
    return i === 0 ? line.replace("<tr>", '<tr class="us">') : line;
  });
  return `<p>The paper's noon is an hour in which G has 324 kWh for the users and C delivers the other 409 kWh.</p>
<div class="scroll"><table><thead>${head}</thead><tbody>
${four("published", (channel) => publishedNoon[channel])}
${four("our colony", (channel) => noonColony[channel])}
${four("distance", (channel) => distanceAt(noonColony[channel], publishedNoon[channel]))}
</tbody></table></div>
<p>By the paper's own rule (users first) nothing flows from G to C or from C to G at noon, so two of its four prices decide
nothing. The other two tell readings of its equations apart:</p>
<div class="scroll"><table><thead>${row(["reading", "p_CU", "p_GU", "miss"], "th")}</thead><tbody>${misses.join("")}</tbody></table></div>`;
}

const distanceAt = (found: number | undefined, published: number) =>
  found === undefined ? undefined : Math.abs(found - published);

function distances({ errors: all, effort }: Experiment): string {
  const at = (part: number) => (all[Math.floor(part * (all.length - 1))] ?? 0).toExponential(1);
  const rows = [
    ["median", at(0.5), "2.0e-4"],
    ["99 of 100", at(0.99), ""],
    ["worst", at(1), "1.0e-3"],
  ].map((cells) => row(cells, "td"));
  return `<p>${all.length} traded prices, ${effort.seeds} seeds an hour, against the closed form:</p>
<div class="scroll"><table><thead>${row(["error, currency/kWh", "found", "limit"], "th")}</thead><tbody>${rows.join("")}</tbody></table></div>`;
}

function parties({ parties: sizes, planned: { gain, exactGain } }: Experiment): string {
  const rows = sizes.map(({ companies, bureaus, users, trades, iterations, gap }) =>
    row(
      [`${companies} + ${bureaus} + ${users}`, `${trades}`, `${iterations}`, gap.toExponential(1)],
      "td",
    ),
  );
  const short = exactGain > 0 ? Math.max(0, 1 - gain / exactGain) : 0;
  return `<p>Eq. (9) has N companies, M bureaus and K users. Here nobody is like another: energy, bands and weights are their own, and
every fourth company is short.</p>
<div class="scroll"><table><thead>${row(["N + M + K", "prices", "iterations", "proven gap"], "th")}</thead><tbody>${rows.join("")}</tbody></table></div>
<p>A battery (300 kWh, 100 kW, 0.95 in and out) and users that take up to 50 kWh more or less couple the hours. What there is to share
grows by ${gain.toFixed(2)} currency by the colony's plan, ${short.toExponential(1)} short of the exact one; the bureau's next kWh costs it
0.3 + 0.0005 for each it delivers already.</p>`;
}

function matching({
  matching: { books, quotes, literal, atOurs, ours, parts },
}: Experiment): string {
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  const line = (name: string, { welfare, kwh, beyondKwh }: typeof ours) =>
    row(
      [
        name,
        percent(welfare / ours.welfare),
        kwh.toFixed(0),
        percent(kwh === 0 ? 0 : beyondKwh / kwh),
      ],
      "td",
    );
  const middle = parts[parts.length >> 1] ?? 0;
  const losing = parts.filter((part) => part < 0).length;
  return `<p>“The nearest leaf node is found as the best offer”: taken literally, step 8 pairs the ask and the bid nearest to the
colony's price and asks nobody's limit. On ${books} random books with ${quotes} quotes:</p>
<div class="scroll"><table><thead>${row(["matching", "of the best welfare", "kWh traded", "beyond a limit"], "th")}</thead><tbody>
${line("literal step 8, target: the colony's price", literal)}${line("literal step 8, target: our clearing price", atOurs)}${line("our clearing", ours).replace("<tr>", '<tr class="us">')}
</tbody></table></div>
<p>The second line gives the literal step a target between the two sides: the price at which the same book is cleared. It still
pairs quotes that nobody would have signed, because it looks at nearness and not at who values the energy more.</p>
<p class="quiet">With the colony's price, half of the books reach at most ${percent(middle)} of their best welfare by the literal step; in ${losing} of ${parts.length} it
destroys more than it makes.</p>`;
}

/** From the page that the tests hold, so that there is one account of it. */
function readDifferently(): string[] {
  const page = readFileSync(join(import.meta.dirname, "../game/EQUATIONS.md"), "utf8");
  const why =
    sectionOf(page, 'Why "everybody maximises" needs another word').split(
      "\n\nThe paper's noon",
    )[0] ?? "";
  return [
    htmlOf(sectionOf(page, "What is misprinted")),
    `<h3>Why “everybody maximises” needs another word</h3>${htmlOf(why)}`,
    `<h3>What the paper leaves open</h3>${htmlOf(sectionOf(page, "What the paper leaves open"))}`,
  ];
}
