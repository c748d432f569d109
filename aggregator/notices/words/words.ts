import type { NoticeLanguage } from "@busbar/protocol";
import type { Fact, Facts, Notice } from "../notice.ts";
import type { Catalogue, Label, Phrase } from "./catalogue.ts";
import { chinese } from "./chinese.ts";
import { english } from "./english.ts";
import { formatFact, type Locale } from "./format.ts";
import { filled, localeOf, type Piece, piecesOf } from "./pieces.ts";

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
  const locale = localeFor(reader, notice.currency);
  const { labels } = locale.catalogue;
  const { title, text } = piecesOf(notice, locale);
  const numbers = Object.entries(notice.facts)
    .filter(([name, fact]) => isNumber(fact) && name in labels)
    .map(([name, fact]) => ({ label: labels[name as Label], value: formatFact(fact, locale) }));
  return { title: joined(title), text: joined(text), numbers };
}

/** A phrase that stands around notices. */
export function phraseOf(phrase: Phrase, facts: Facts, reader: Reader): string {
  const locale = localeFor(reader, "");
  return joined(filled(locale.catalogue.phrases[phrase], facts, locale));
}

/** An instant as the reader's clock and calendar show it. */
export function instantText(at: number, reader: Reader): string {
  return formatFact({ at }, localeFor(reader, ""));
}

function localeFor(reader: Reader, currency: string): Locale {
  return localeOf(catalogues[reader.language], { ...reader, currency });
}

const joined = (pieces: readonly Piece[]) => pieces.map(({ text }) => text).join("");

function isNumber(fact: Fact): boolean {
  return !("name" in fact || "word" in fact || "month" in fact);
}
