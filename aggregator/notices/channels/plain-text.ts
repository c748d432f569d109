import type { Told } from "../told.ts";
import { instantText, phraseOf, type Reader } from "../words/words.ts";

/** A notice for the eye: plain words, then the numbers, then where the proof is. */
export function plainText(told: Told, reader: Reader): string {
  const { items } = told;
  const parts =
    items === undefined ? [bodyOf(told, reader)] : items.map((item) => itemOf(item, reader));
  return [...(items === undefined ? [] : [told.text]), ...parts].join("\n\n");
}

function itemOf(told: Told, reader: Reader): string {
  return `${instantText(told.time, reader)}  ${told.title}\n${bodyOf(told, reader)}`;
}

function bodyOf({ text, numbers, proof }: Told, reader: Reader): string {
  const lines = numbers.map(({ label, value }) => `  ${label}: ${value}`);
  const where =
    proof === undefined
      ? []
      : [`${phraseOf("proof", {}, reader)}: ${proof.link}`, `  ${proof.command}`];
  return [text, ...lines, ...where].join("\n");
}
