import { type Checked, sheetHash } from "./sheet.ts";

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

const row = (cells: readonly string[], tag = "td"): string =>
  `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join("")}</tr>`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "<p>none</p>";
  return `<table>${row(head, "th")}${rows.map((cells) => row(cells)).join("")}</table>`;
}

const verdict = (passed: boolean): string => (passed ? "passed" : "FAILED");

/** A sheet for the printer, with lines to sign on; it stands alone, without anything from elsewhere. */
export function sheetPage({ sheet, installerKey }: Checked): string {
  const { site, device, owner, version, at, installer, unitKey, meters, displays, trials, open } =
    sheet;
  const facts = [
    ["unit", `${device}, busbar-edge ${version}`],
    ["owner", owner],
    ["site", site],
    ["made at", at],
    ["installer", installer],
    ["signed by the unit", unitKey],
    ["hash on the ledger", Buffer.from(sheetHash(sheet)).toString("hex")],
    ["signed by the installer", installerKey ?? "by hand, below"],
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Commissioning of ${escaped(device)}</title>
<style>
body{font:13px/1.4 system-ui,sans-serif;margin:2em;color:#1b1f24}h1{font-size:20px}h2{font-size:15px;margin:1.4em 0 .3em}
table{border-collapse:collapse;width:100%}th,td{border:1px solid #8c959f;padding:.25em .5em;text-align:left;vertical-align:top}
th{background:#f4f6f8}.open{border:2px solid #b35900;padding:.5em 1em}.sign{display:flex;gap:3em;margin-top:4em}.sign div{flex:1;border-top:1px solid;padding-top:.3em}
@media print{body{margin:0}}
</style></head><body>
<h1>Commissioning of ${escaped(device)} at ${escaped(site)}</h1>
<table>${facts.map((cells) => row(cells)).join("")}</table>
<h2>Meters</h2>
${table(
  ["meter", "role, feeder", "profile", "place", "serial number", "energy", "answers"],
  meters.map((meter) => [
    meter.id,
    `${meter.role}, ${meter.feeder}`,
    meter.profile,
    `${meter.place}${meter.driver === undefined ? "" : ` (${meter.driver})`}`,
    meter.serial ?? "",
    Object.entries(meter.registersKwh)
      .map(([code, kwh]) => `${code} ${kwh} kWh`)
      .join("; "),
    meter.answers ? `${meter.reads} reads, ${meter.meanMs ?? "?"} ms` : "NO",
  ]),
)}
<h2>Displays compared</h2>
${table(
  ["meter", "energy", "display kWh", "read kWh", "", "at"],
  displays.map((one) => [
    one.meter,
    one.way,
    one.shownKwh,
    one.readKwh,
    verdict(one.passed),
    one.at,
  ]),
)}
<h2>Pulled out and put back</h2>
${table(
  ["what", "", "how it went", "at"],
  trials.map(({ kind, meter, passed, text, at: when }) => [
    meter === undefined ? kind : `${kind} of ${meter}`,
    verdict(passed),
    text,
    when,
  ]),
)}
<h2>Lines</h2>
${sweepPart(sheet)}
<h2>Open</h2>
${openPart(open)}
<div class="sign"><div>place, date</div><div>installer</div><div>owner</div></div>
</body></html>
`;
}

function sweepPart({ sweep }: Checked["sheet"]): string {
  if (sweep === undefined) return "<p>not swept</p>";
  const found = sweep.findings.map((one) => `<li>${escaped(one)}</li>`).join("");
  const list = found === "" ? "<p>Nothing is wrong with them.</p>" : `<ul>${found}</ul>`;
  return `<p>swept at ${escaped(sweep.at)}</p>${list}`;
}

function openPart(open: readonly string[]): string {
  if (open.length === 0) return "<p>Nothing: all was tried and passed.</p>";
  return `<div class="open"><ul>${open.map((one) => `<li>${escaped(one)}</li>`).join("")}</ul></div>`;
}
