import { type NoticeLanguage, parseTimeZone } from "@busbar/protocol";
import type { Fact, Facts, Notice } from "../notice.ts";
import type { Catalogue, Label, Phrase } from "./catalogue.ts";
import { chinese } from "./chinese.ts";
import { english } from "./english.ts";
import { formatFact, type Locale } from "./format.ts";

/** How an owner reads. `timeZone` is a POSIX TZ text; one that is none counts as UTC. */
export type Reader = { readonly language: NoticeLanguage; readonly timeZone: string };

/** A notice in words: plain ones first, then its numbers. */
export type Words = {
  readonly title: string;
  readonly text: string;
  readonly numbers: readonly { readonly label: string; readonly value: string }[];
};

const catalogues: Readonly<Record<NoticeLanguage, Catalogue>> = { en: english, zh: chinese };

/** Puts a notice into words. Pure, and the same on every machine; runs in a browser. */
export function wordsOf(notice: Pick<Notice, "key" | "facts" | "currency">, reader: Reader): Words {
  const locale = localeOf(reader, notice.currency);
  const { title, text } = locale.catalogue.notices[notice.key];
  const { labels } = locale.catalogue;
  const numbers = Object.entries(notice.facts)
    .filter(([name, fact]) => isNumber(fact) && name in labels)
    .map(([name, fact]) => ({ label: labels[name as Label], value: formatFact(fact, locale) }));
  return {
    title: fill(title, notice.facts, locale),
    text: fill(text, notice.facts, locale),
    numbers,
  };
}

/** A phrase that stands around notices. */
export function phraseOf(phrase: Phrase, facts: Facts, reader: Reader): string {
  const locale = localeOf(reader, "");
  return fill(locale.catalogue.phrases[phrase], facts, locale);
}

/** An instant as the reader's clock and calendar show it. */
export function instantText(at: number, reader: Reader): string {
  return formatFact({ at }, localeOf(reader, ""));
}

/** Names that a template asks for. */
export function factsIn(template: string): string[] {
  return [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
}

function localeOf({ language, timeZone }: Reader, currency: string): Locale {
  const zone = parseTimeZone(timeZone) ?? { standardMs: 0 };
  return { language, catalogue: catalogues[language], zone, currency };
}

function fill(template: string, facts: Facts, locale: Locale): string {
  const whole = template.replace(/\[([^\]]*)\]/g, (_, part: string) =>
    factsIn(part).every((name) => name in facts) ? part : "",
  );
  return whole.replace(/\{(\w+)\}/g, (_, name: string) => {
    const fact = facts[name];
    return fact === undefined ? "–" : formatFact(fact, locale);
  });
}

function isNumber(fact: Fact): boolean {
  return !("name" in fact || "word" in fact || "month" in fact);
}
