import { recall, remember } from "./stored.ts";
import { bringChinese, translated } from "./translated.ts";

/** The page's texts: the English one is the name of each, so the code reads as the page does. */

export type Language = "en" | "zh";

const place = "busbar-language";

export const language: Language = chosen();

/** A text in the page's language, with `{names}` filled in. */
export function t(text: string, values: Readonly<Record<string, string | number>> = {}): string {
  const template = language === "zh" ? (translated(text) ?? text) : text;
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** As HTML names a language (BCP 47). */
export const langOf = (one: Language) => (one === "zh" ? "zh-CN" : "en");

/** What a refusal's code means, in the page's language; undefined where its own words say it. */
export function meaningOf(code: string): string | undefined {
  return language === "zh" ? translated(code) : undefined;
}

/** To be waited for before any text is asked for. */
export async function bringTexts(): Promise<void> {
  if (language === "zh") await bringChinese();
}

/** The page begins anew in another language: no text of it is left in the old one. */
export function choose(wanted: Language): void {
  remember(place, wanted);
  location.reload();
}

function chosen(): Language {
  // Tests run this without a browser.
  if (typeof localStorage === "undefined") return "en";
  const saved = recall(place);
  if (saved === "en" || saved === "zh") return saved;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}
