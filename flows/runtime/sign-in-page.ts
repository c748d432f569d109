import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Denial } from "./foreign-sender.ts";
import type { Visitor } from "./portal-door.ts";

const texts = {
  en: {
    title: "Sign in at the portal",
    guest: "This editor is for people who are signed in at the site's portal.",
    unknown: "The portal does not answer, so nobody can be let in. Try again when it runs.",
    nothing: "You are signed in as {id} ({role}), which may not see these flows.",
    link: "Sign in at the portal",
    back: "Then come back to this page: it goes on by itself.",
    host: "If it does not, open both by one host name: the portal's session reaches no other.",
  },
  zh: {
    title: "在门户登录",
    guest: "此编辑器供已在站点门户登录的人使用。",
    unknown: "门户没有应答，因此无法放行任何人。待其运行后再试。",
    nothing: "您以 {id}（{role}）身份登录，该身份不能查看这些流程。",
    link: "到门户登录",
    back: "登录后回到本页，会自动继续。",
    host: "若没有继续，请用同一主机名打开两者：门户的会话不会到达其他主机。",
  },
} as const;

/** What goes on when the person comes back from the portal; its hash stands in the policy. */
const script =
  'addEventListener("visibilitychange", () => { if (!document.hidden) location.reload(); });';
const scriptHash = createHash("sha256").update(script).digest("base64");

/**
 * The page for whoever is not signed in at the portal, or may not come in. `page`: the portal's address
 * for people; `visitor`: "unknown" where the portal does not answer.
 */
export function signInPage(
  request: IncomingMessage,
  given: { readonly page: string; readonly visitor: Visitor | "unknown" | undefined },
): Denial {
  const { page, visitor } = given;
  const language = /^zh/i.test(request.headers["accept-language"] ?? "") ? "zh" : "en";
  const words = texts[language];
  const why =
    visitor === undefined
      ? words.guest
      : visitor === "unknown"
        ? words.unknown
        : words.nothing.replace("{id}", visitor.id).replace("{role}", visitor.role);
  const body = `<!doctype html>
<html lang="${language}"><meta charset="utf-8"><title>${words.title}</title>
<meta name="viewport" content="width=device-width">
<style>
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1rem }
</style>
<h1>${words.title}</h1>
<p>${escaped(why)}</p>
<p><a href="${escaped(`${page.replace(/\/+$/, "")}/#/sign-in`)}" target="_blank" rel="noopener">${words.link}</a></p>
<p>${words.back} ${words.host}</p>
<script>${script}</script>
</html>
`;
  const headers = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${scriptHash}'; frame-ancestors 'none'`,
    "referrer-policy": "no-referrer",
  };
  const status = visitor === undefined ? 401 : visitor === "unknown" ? 503 : 403;
  return { status, headers, body };
}

const escaped = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
