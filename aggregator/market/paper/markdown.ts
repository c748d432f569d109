import { escaped, row } from "./chart.ts";

/**
 * Our own Markdown pages as HTML: headings (two levels down at most), paragraphs, lists, tables, `code`,
 * **bold** and links as their text. Anything else stays as it is written; all of it is escaped.
 */
export function htmlOf(markdown: string): string {
  const blocks = markdown.trim().split(/\n\s*\n|\n(?=#)|(?<=^#.*)\n/m);
  return blocks.map(blockOf).join("\n");
}

/** The part of a page below one of its headings of the second level, without the heading. */
export function sectionOf(markdown: string, heading: string): string {
  const [, rest] = markdown.split(`\n## ${heading}\n`);
  if (rest === undefined) throw new RangeError(`expected a heading "## ${heading}" on the page`);
  return rest.split("\n## ")[0]?.trim() ?? "";
}

function blockOf(block: string): string {
  const heading = /^(#{1,3}) (.*)$/.exec(block);
  if (heading !== null) return `<h3>${inline(heading[2] ?? "")}</h3>`;
  if (block.startsWith("|")) return table(block.split("\n"));
  if (block.startsWith("- ")) {
    const items = block.split(/\n(?=- )/).map((item) => item.replace(/^- /, ""));
    return `<ul>${items.map((item) => `<li>${inline(item)}</li>`).join("")}</ul>`;
  }
  return `<p>${inline(block)}</p>`;
}

function table(lines: readonly string[]): string {
  const cells = (line: string) => line.replace(/^\|\s*|\s*\|$/g, "").split(/\s*\|\s*/);
  const [head = "", , ...body] = lines;
  const html = (line: string, tag: "th" | "td") =>
    row(cells(line), tag).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
  return `<div class="scroll"><table class="words"><thead>${html(head, "th")}</thead><tbody>${body.map((line) => html(line, "td")).join("")}</tbody></table></div>`;
}

function inline(text: string): string {
  return escaped(text.replaceAll(/\s*\n\s*/g, " "))
    .replaceAll(/`([^`]+)`/g, "<code>$1</code>")
    .replaceAll(/\*\*([^*]+)\*\*/g, "<strong>$1</strong>")
    .replaceAll(/\[([^\]]+)\]\([^)]*\)/g, "$1");
}
