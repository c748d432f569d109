import type { Told } from "../told.ts";
import { instantText, phraseOf, type Reader } from "../words/words.ts";

/** A notice as a page for mail programs: no script, no image, nothing that is fetched. */
export function htmlText(told: Told, reader: Reader): string {
  const items = told.items ?? [told];
  const lead = told.items === undefined ? "" : paragraph(told.text);
  return `<!doctype html>
<html lang="${told.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${escaped(told.title)}</title>
</head>
<body style="font-family:system-ui,sans-serif;line-height:1.5;max-width:36rem;margin:0 auto;padding:1rem">
${paragraph(phraseOf("greeting", { owner: { name: told.owner } }, reader))}
${lead}
${items.map((item) => section(item, reader)).join("\n")}
<p style="font-size:.85em;opacity:.75">${escaped(phraseOf("settings", {}, reader))}</p>
</body>
</html>
`;
}

function section({ title, text, numbers, proof, time }: Told, reader: Reader): string {
  const rows = numbers.map(
    ({ label, value }) =>
      `<tr><th scope="row" style="text-align:left;font-weight:normal;padding-right:1.5em">${escaped(label)}</th>` +
      `<td style="text-align:right;font-variant-numeric:tabular-nums">${escaped(value)}</td></tr>`,
  );
  return `<section>
<h1 style="font-size:1.15rem;margin-bottom:.2rem">${escaped(title)}</h1>
<p style="margin:0;font-size:.85em;opacity:.75">${escaped(instantText(time, reader))}</p>
${paragraph(text)}
${rows.length === 0 ? "" : `<table style="border-collapse:collapse">${rows.join("")}</table>`}
${proof === undefined ? "" : proofOf(proof, reader)}
</section>`;
}

function proofOf(proof: NonNullable<Told["proof"]>, reader: Reader): string {
  const block = { height: { count: proof.height }, chain: { name: proof.chain } };
  return `<p><a href="${escaped(proof.link)}">${escaped(phraseOf("proof", {}, reader))}</a>
<span style="font-size:.85em;opacity:.75">${escaped(phraseOf("block", block, reader))}. ${escaped(phraseOf("prove", {}, reader))}:
<code>${escaped(proof.command)}</code></span></p>`;
}

function paragraph(text: string): string {
  return `<p>${escaped(text)}</p>`;
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => entities[char] ?? "");
}
