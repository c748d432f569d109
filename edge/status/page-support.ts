import { textOf } from "./page-text.ts";
import type { Words } from "./page-words.ts";
import type { Status } from "./status.ts";

/** What was asked from afar, and whether somebody may ask now. Nothing where nobody ever was let in. */
export function supportHtml({ support }: Status, words: Words): string {
  if (support === undefined) return "";
  const { open, newest } = support;
  if (open.length === 0 && newest.length === 0) return "";
  const standing = open.map(({ until }) => {
    const end = new Date(until).toISOString().slice(0, 16).replace("T", " ");
    return `<p><b>${words.supportOpen(end)}</b></p>`;
  });
  const rows = newest.toReversed().map(({ at, what, name, command = "", args = [], code }) => {
    const did =
      what === "end"
        ? words.supportEnded
        : `${name ?? words.stranger}: ${[command, ...args].join(" ")}`;
    const when = at.slice(0, 19).replace("T", " ");
    return `<tr><th scope="row">${textOf(did)}<small>${textOf(when)} UTC</small></th><td>${textOf(code)}</td></tr>`;
  });
  const isOpen = open.length > 0 ? " open" : "";
  return `<details id="support" class="card"${isOpen}><summary>${words.support} (${newest.length})</summary>${standing.join("")}<table>${rows.join("")}</table></details>`;
}
