import { claimRemedy, untilText } from "../claim/claim-status.ts";
import { pageStyle } from "./page-style.ts";
import { textOf } from "./page-text.ts";
import { type Language, wordsOf } from "./page-words.ts";
import type { Status } from "./status.ts";

/** Puts the code from a scanned label's address into the form; the address's part behind # is never sent. */
export const claimScript = `
const field = document.getElementById("code");
const code = decodeURIComponent(location.hash.slice(1));
if (field && code) { field.value = code; history.replaceState(null, "", "/claim"); }
`;

/** What came of a code that was entered. */
export type ClaimOutcome = { readonly ok: boolean; readonly message: string };

/** The page on which an installer enters the code of the unit's label; without script too. */
export function claimPage(
  { device, claim, link }: Pick<Status, "device" | "claim" | "link">,
  language: Language,
  outcome?: ClaimOutcome,
): string {
  const words = wordsOf[language].claim;
  const isKnown = claim?.state === "admitted" || (claim === undefined && link?.connected === true);
  const form = isKnown
    ? `<p class="well">${words.known}</p>`
    : `<form method="post" action="/claim" class="card"><label for="code">${words.label}</label>
<input id="code" name="code" required maxlength="160" autocomplete="off" autocapitalize="characters" spellcheck="false" placeholder="XXXX-XXXX-XXXX-XXXX">
<button>${words.send}</button><p class="about">${words.once}</p></form>`;
  const said =
    outcome === undefined
      ? ""
      : `<p class="${outcome.ok ? "well" : "away"}" role="alert">${textOf(outcome.message)}</p>`;
  const title = textOf(device);
  return `<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><title>${title} · ${words.title}</title><link rel="icon" href="data:,"><style>${pageStyle}</style></head><body>
<header><h1>${title}</h1></header><main><h2>${words.title}</h2>
${said}${stateHtml(claim, words)}${form}</main>
<footer><a href="/">${words.back}</a></footer><script>${claimScript}</script></body></html>
`;
}

function stateHtml(claim: Status["claim"], words: (typeof wordsOf)["en"]["claim"]): string {
  switch (claim?.state) {
    case "asking":
      return `<p>${words.asking} ${textOf(`${claim.problem ?? ""}${untilText(claim.until)}`)}</p>`;
    case "refused":
      return `<p class="away">${textOf(`${claim.message} [${claim.code}]`)}</p><p class="todo">${textOf(claimRemedy(claim.code))}</p>`;
    case "admitted":
      return `<p class="well">${words.admitted(claim.height)}</p>`;
    default:
      return "";
  }
}
