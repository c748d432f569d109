import type { Status } from "./status.ts";

/** The status as one plain page without scripts, for a phone beside the meter. */
export function pageHtml(status: Status): string {
  const { device, site, owner, time } = status;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>${textOf(device)}</title>
<style>${style}</style></head><body>
<h1>${textOf(device)}</h1>
<p>${textOf(owner)} at ${textOf(site)}, ${new Date(time).toISOString()}</p>
${clockHtml(status)}${linkHtml(status)}
${status.meters.map(meterHtml).join("\n")}
${journalHtml(status)}
${countsHtml(status)}
<p><a href="/status">/status</a> <a href="/metrics">/metrics</a></p>
</body></html>
`;
}

const style = `:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:1rem auto;max-width:46rem;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{padding:.15rem .6rem .15rem 0;text-align:left}td.n{text-align:right;font-variant-numeric:tabular-nums}
.bad{color:#b00020;font-weight:600}@media(prefers-color-scheme:dark){.bad{color:#ff8a80}}`;

function clockHtml({ clock }: Status): string {
  if (clock.known) return "";
  return `<p class="bad">The time is not known yet (${textOf(clock.by)}): ${clock.held} readings wait for it, none is lost. Let the unit reach a time server.</p>\n`;
}

function linkHtml({ link }: Status): string {
  if (link === undefined) {
    return `<p class="bad">No membership file yet: readings are recorded and wait.</p>`;
  }
  if (!link.connected) {
    return `<p class="bad">Not connected to ${textOf(link.broker ?? "any broker")}: ${textOf(link.reason ?? "")}</p>${problemHtml(link)}`;
  }
  const receipt =
    link.lastReceiptAt === undefined
      ? "no receipt yet"
      : `last receipt ${Math.max(0, Math.round((Date.now() - link.lastReceiptAt) / 1000))} s ago`;
  const blocked = link.blocked
    .map(
      ({ lane, code, message }) =>
        `<p class="bad">${textOf(lane)} waits: ${textOf(message)} (${textOf(code)})</p>`,
    )
    .join("");
  return `<p>Connected to ${textOf(link.broker ?? "")}, ${receipt}, ${link.inFlight} under way.</p>${problemHtml(link)}${blocked}`;
}

/** What keeps readings from the ledger, and what to do about it. */
function problemHtml({ problem, reason }: NonNullable<Status["link"]>): string {
  if (problem === undefined) return "";
  const message = problem.message === reason ? "" : `${textOf(problem.message)}: `;
  return `<p class="bad">${message}${textOf(problem.remedy)}</p>`;
}

function meterHtml(meter: Status["meters"][number]): string {
  const error = meter.error === undefined ? "" : `<p class="bad">${textOf(meter.error)}</p>`;
  const rows = meter.values.map(
    ({ obis, quantity, unit, value }) =>
      `<tr><td>${textOf(obis ?? "")}</td><td>${textOf(quantity)}</td><td class="n">${value}</td><td>${textOf(unit)}</td></tr>`,
  );
  const serial = meter.serial === undefined ? "" : `, serial ${textOf(meter.serial)}`;
  return `<h2>${textOf(meter.id)}</h2>
<p>${textOf(meter.profile)}${serial}, ${textOf(meter.role)}, ${meter.readings} readings, ${meter.failures} failures</p>
${error}<table>${rows.join("\n")}</table>`;
}

function journalHtml({ journal }: Status): string {
  const rows = journal.meters.map(
    ({ meter, taken, committed, waiting, unsigned, refused, code }) =>
      `<tr><td>${textOf(meter)}</td><td class="n">${taken}</td><td class="n">${committed}</td><td class="n">${waiting + unsigned + refused}</td><td>${textOf(code ?? "")}</td></tr>`,
  );
  return `<h2>Journal</h2><table><tr><th>meter</th><th>taken</th><th>on the ledger</th><th>waiting</th><th></th></tr>
${rows.join("\n")}</table>`;
}

function countsHtml({ counts }: Status): string {
  const rows = Object.entries(counts).map(
    ([reason, count]) => `<tr><td>${textOf(reason)}</td><td class="n">${count}</td></tr>`,
  );
  return `<h2>Counts</h2><table>${rows.join("\n")}</table>`;
}

function textOf(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
