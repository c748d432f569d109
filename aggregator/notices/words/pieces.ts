import { type NoticeLanguage, parseTimeZone } from "@busbar/protocol";
import type { Facts, Notice } from "../notice.ts";
import type { Catalogue } from "./catalogue.ts";
import { formatFact, type Locale } from "./format.ts";

/** A piece of a text: a fact by its name, or what stands between facts. */
export type Piece = { readonly text: string; readonly fact?: string };

/** A notice's title and text in pieces, so that each fact in them can be shown for what it is. Pure. */
export function piecesOf(
  { key, facts }: Pick<Notice, "key" | "facts">,
  locale: Locale,
): { readonly title: readonly Piece[]; readonly text: readonly Piece[] } {
  const { title, text } = locale.catalogue.notices[key];
  return { title: filled(title, facts, locale), text: filled(text, facts, locale) };
}

/** A template with its facts; what is in `[…]` is left out where a fact in it is missing. */
export function filled(template: string, facts: Facts, locale: Locale): readonly Piece[] {
  const whole = template.replace(/\[([^\]]*)\]/g, (_, part: string) =>
    factsIn(part).every((name) => name in facts) ? part : "",
  );
  // Split by a group in brackets, every second piece is a fact's name.
  return whole.split(/\{(\w+)\}/).flatMap((part, i): readonly Piece[] => {
    if (i % 2 === 0) return part === "" ? [] : [{ text: part }];
    const fact = facts[part];
    return [{ text: fact === undefined ? "–" : formatFact(fact, locale), fact: part }];
  });
}

/** `timeZone` is a POSIX TZ text; one that is none counts as UTC. */
export function localeOf(
  catalogue: Catalogue,
  {
    language,
    timeZone,
    currency,
  }: {
    readonly language: NoticeLanguage;
    readonly timeZone: string;
    readonly currency: string;
  },
): Locale {
  return { language, catalogue, zone: parseTimeZone(timeZone) ?? { standardMs: 0 }, currency };
}

/** Names that a template asks for. */
export function factsIn(template: string): string[] {
  return [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
}
