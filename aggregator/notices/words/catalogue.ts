import type { english } from "./english.ts";
import { englishWords } from "./english-words.ts";

/**
 * Everything that notices say, once for each language. `{name}` stands for a fact; what is in `[…]` is
 * left out where a fact in it is missing. No plural or gender hangs on a fact, so plain templates do.
 */
export type Catalogue = {
  readonly notices: Readonly<Record<NoticeKey, Template>>;
  /** What a fact is called beside its number. */
  readonly labels: Readonly<Record<Label, string>>;
  readonly words: Readonly<Record<Word, string>>;
  readonly units: {
    readonly energy: string;
    readonly perEnergy: string;
    /** Names of currencies that people say otherwise than by their code. */
    readonly currencies: Readonly<Record<string, string>>;
  };
  /** What stands around the notices themselves. */
  readonly phrases: Readonly<Record<Phrase, string>>;
};

export type Template = { readonly title: string; readonly text: string };
export type NoticeKey = keyof typeof english.notices;
export type Label = keyof typeof english.labels;
export type Word = keyof typeof englishWords;
export type Phrase = keyof typeof english.phrases;

export function isWord(text: string): text is Word {
  return Object.hasOwn(englishWords, text);
}
