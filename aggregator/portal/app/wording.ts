import type { Facts, Notice } from "../../notices/notice.ts";
import type { Catalogue } from "../../notices/words/catalogue.ts";
import { localeOf, type Piece, piecesOf } from "../../notices/words/pieces.ts";
import type { LinkAnswer } from "../views/shapes.ts";
import { language } from "./language.ts";

type Linked = LinkAnswer["notices"][number];

/** What notices say in this page's language, loaded when the first one is put into words. */
export async function noticeCatalogue(): Promise<Catalogue> {
  return language === "zh"
    ? (await import("../../notices/words/chinese.ts")).chinese
    : (await import("../../notices/words/english.ts")).english;
}

/**
 * A notice in this page's words and on its owner's clock, made from its facts; undefined for one that this page's
 * version has no words for.
 */
export function worded(
  { key, currency, facts }: Linked,
  { catalogue, timeZone }: { readonly catalogue: Catalogue; readonly timeZone: string },
): { readonly title: string; readonly text: readonly Piece[] } | undefined {
  if (!Object.hasOwn(catalogue.notices, key)) return undefined;
  const notice = { key: key as Notice["key"], facts: factsOf(facts, catalogue) };
  const { title, text } = piecesOf(notice, localeOf(catalogue, { language, timeZone, currency }));
  return { title: title.map((piece) => piece.text).join(""), text };
}

function factsOf(facts: Linked["facts"], { words }: Catalogue): Facts {
  return Object.fromEntries(
    facts.map(({ name, kind, number, text }) => {
      const value = number ?? text ?? "";
      // A word that this page does not know stands as it is.
      const known = kind !== "word" || Object.hasOwn(words, value);
      return [name, { [known ? kind : "name"]: value }];
    }),
  ) as Facts;
}
