import { claimCodeText, labelUrl } from "@busbar/protocol/claim";
import encodeQR from "qr";
import type { FileLabel, LabelFile } from "./label-file.ts";

/** A sheet of labels for the printer; it stands alone, with nothing from elsewhere and no script. */
export function labelPage(file: LabelFile): string {
  const { site, member, until, labels } = file;
  const day = new Date(until).toISOString().slice(0, 16).replace("T", " ");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Labels of ${text(site)}</title>
<style>${style}</style></head><body>
<header><h1>Labels of ${text(site)}</h1>
<p>Given by ${text(member)}; each counts once, before ${day} UTC. <b>Who has a code can switch on a unit under its name:</b>
keep this sheet as you keep keys. Print it (or print it into a PDF), cut it, and stick each label onto its unit.
A code that was lost or seen: <code>busbar-aggregator site revoke UNIT</code>.</p></header>
<main>
${labels.map((label) => card(label, { site, day })).join("\n")}
</main>
</body></html>
`;
}

function card(
  { device, owner, code }: FileLabel,
  { site, day }: { readonly site: string; readonly day: string },
): string {
  const url = labelUrl(code, { host: device, site });
  return `<section>${qrSvg(url)}
<div><h2>${text(device)}</h2><p>${text(owner)}, site ${text(site)}</p>
<p class="code">${claimCodeText(code)}</p>
<p class="how">Scan it with a phone in the unit's network, or open<br><b>${text(`http://${device}.local:8080/claim`)}</b><br>and type the code. Once, before <span>${day} UTC</span>.</p></div></section>`;
}

/** A text as a QR code that is drawn in one path, a module one unit wide; middle error correction, for a
 * label gets scratched. */
export function qrSvg(word: string): string {
  const rows = encodeQR(word, "raw", { ecc: "medium", border: 4 });
  const path = rows
    .flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : [])))
    .join("");
  const size = rows.length;
  return `<svg viewBox="0 0 ${size} ${size}" role="img" aria-label="QR code" shape-rendering="crispEdges"><rect width="${size}" height="${size}" fill="#fff"/><path d="${path}" fill="#000"/></svg>`;
}

const text = (word: string): string =>
  word.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

const style = `
*{box-sizing:border-box}
body{font:12px/1.35 system-ui,sans-serif;margin:10mm;color:#000;background:#fff}
h1{font-size:18px;margin:0 0 2mm}header{max-width:190mm;margin-bottom:6mm}
main{display:grid;grid-template-columns:repeat(auto-fill,92mm);gap:4mm}
section{display:flex;gap:3mm;width:92mm;height:42mm;border:1px dashed #777;padding:2mm;break-inside:avoid;align-items:center;overflow:hidden}
section svg{width:36mm;height:36mm;flex:none}h2{font-size:14px;margin:0}p{margin:0 0 1mm}
.code{font:600 13px/1.3 ui-monospace,monospace;white-space:nowrap}.how{font-size:9px}.how span{white-space:nowrap}
@page{size:A4;margin:10mm}
@media print{body{margin:0}header{break-after:avoid}}
@media (max-width:100mm){main{grid-template-columns:1fr}section{width:auto}}
`;
