import type { Result } from "../../package/proof/report.ts";

/** What a run was of. */
export type RunFacts = {
  readonly image: string;
  readonly sha256: string;
  readonly commit: string;
  readonly seed: number;
  readonly emulator: string;
  /** ISO 8601. */
  readonly begun: string;
  /** Of the emulated board; the machine's own are `results`'. */
  readonly boardSeconds: number;
  /** The unit's page as the board served it, PNG. */
  readonly picture: Uint8Array | undefined;
};

const colours = { ok: "#2e7d32", failed: "#c62828", "not tried": "#9e9e9e" } as const;
const words = { ok: "held", failed: "did not hold", "not tried": "not tried" } as const;

/** A run as a page of its own for people: what was tried, what was seen, and how long each took. */
export function reportPage(results: readonly Result[], facts: RunFacts): string {
  const held = results.filter(({ outcome }) => outcome === "ok").length;
  const title = `${held} of ${results.length} parts held`;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #ddd}
pre{white-space:pre-wrap;margin:0;font:inherit}td.s{text-align:right;white-space:nowrap}dt{float:left;clear:left;width:9rem;color:#666}dd{margin:0 0 0 9rem;overflow-wrap:anywhere}
img{max-width:18rem;border:1px solid #ddd;border-radius:.5rem}svg{width:100%;height:auto}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}td,th,img{border-color:#444}dt{color:#aaa}}
</style>
<h1>The image in an emulated board: ${title}</h1>
${timeline(results)}
<table><tr><th>what</th><th></th><th>seen</th><th>took</th></tr>
${results.map(row).join("\n")}
</table>
<h2>Of what</h2>
<dl>${factRows(facts)}</dl>
${picture(facts.picture)}
<p>An emulated board (QEMU's <code>virt</code>) has neither a Raspberry Pi's firmware nor its devices: nothing here is said of a real one.</p>
</html>
`;
}

function row({ name, outcome, said, seconds }: Result): string {
  const state = `<b style="color:${colours[outcome]}">${words[outcome]}</b>`;
  return `<tr><td>${safe(name)}</td><td>${state}</td><td><pre>${safe(said)}</pre></td><td class="s">${seconds.toFixed(0)} s</td></tr>`;
}

/** One bar for each part, as long as it took, one behind the other. */
function timeline(results: readonly Result[]): string {
  const total = results.reduce((sum, { seconds }) => sum + seconds, 0);
  if (total === 0) return "";
  let at = 0;
  const bars = results.map(({ name, outcome, seconds }) => {
    const [x, width] = [(at / total) * 1000, (seconds / total) * 1000];
    at += seconds;
    return `<rect x="${x.toFixed(1)}" width="${Math.max(width - 1, 0.5).toFixed(1)}" height="22" fill="${colours[outcome]}"><title>${safe(name)}: ${seconds.toFixed(0)} s</title></rect>`;
  });
  return `<svg viewBox="0 0 1000 22" role="img" aria-label="How long each part took of ${(total / 60).toFixed(0)} minutes">${bars.join("")}</svg>`;
}

const factRows = ({ picture: _, ...facts }: RunFacts): string =>
  Object.entries({ ...facts, boardSeconds: facts.boardSeconds.toFixed(0) })
    .map(([name, value]) => `<dt>${safe(labels[name] ?? name)}</dt><dd>${safe(String(value))}</dd>`)
    .join("");

const labels: Readonly<Record<string, string>> = {
  sha256: "its SHA-256",
  boardSeconds: "seconds of the board",
};

const picture = (png: Uint8Array | undefined): string =>
  png === undefined
    ? ""
    : `<h2>The unit's page, as the board served it</h2><img alt="The unit's page" src="data:image/png;base64,${Buffer.from(png).toString("base64")}">`;

const safe = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (letter) => `&#${letter.codePointAt(0)};`);
