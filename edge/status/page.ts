import { createHash } from "node:crypto";
import { claimScript } from "./claim-page.ts";
import { mainHtml } from "./page-main.ts";
import { pageScript } from "./page-script.ts";
import { pageStyle } from "./page-style.ts";
import { textOf } from "./page-text.ts";
import { type Language, wordsOf } from "./page-words.ts";
import type { Status } from "./status.ts";

/**
 * The status as one page for a phone beside the meter: nothing is fetched from elsewhere, and it works
 * without script too, by loading itself again.
 */
export function pageHtml(status: Status, language: Language, wall: number): string {
  const words = wordsOf[language];
  const title = textOf(status.device);
  return `<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><noscript><meta http-equiv="refresh" content="5"></noscript>
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">
<title>${title} · Busbar</title><link rel="icon" href="data:,"><style>${pageStyle}</style></head><body>
<header><h1>${title}</h1><p id="live" hidden>${words.live}</p></header>
<p id="away" class="away" role="alert" hidden>${words.away}</p>
<main id="main">
${mainHtml(status, words, wall)}
</main>
<footer><a href="/status">JSON</a> <a href="/metrics">Prometheus</a></footer>
<script>${pageScript}</script></body></html>
`;
}

const hashOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** Nothing but the pages' own style and scripts, their own stream, and the form of /claim. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src ${hashOf(pageStyle)}`,
  `script-src ${hashOf(pageScript)} ${hashOf(claimScript)}`,
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");
