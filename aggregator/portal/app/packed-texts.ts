/**
 * Texts by short names instead of by their English ones, which stand in the page's code already: a quarter of the
 * page's weight in Chinese. Each name is 24 bits of FNV-1a, written as its distance from the one before.
 */
export function packTexts(texts: Readonly<Record<string, string>>): string {
  const named = Object.entries(texts).map(([text, other]) => ({ name: nameOf(text), text, other }));
  named.sort((a, b) => a.name - b.name);
  let last = -1;
  const lines = named.map(({ name, text, other }) => {
    if (name === last) throw new Error(`“${text}” has the name of another text: word it otherwise`);
    if (other.includes("\n")) throw new Error(`“${text}”: expected a translation of one line`);
    const distance = name - last;
    last = name;
    return `${distance.toString(36)},${other}`;
  });
  return lines.join("\n");
}

/** What the page makes of it. */
export function unpackTexts(packed: string): ReadonlyMap<number, string> {
  let last = -1;
  return new Map(
    packed.split("\n").map((line) => {
      const comma = line.indexOf(",");
      last += Number.parseInt(line.slice(0, comma), 36);
      return [last, line.slice(comma + 1)];
    }),
  );
}

/** A text's name: FNV-1a of its UTF-16 code units, folded to 24 bits. */
export function nameOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return ((hash >>> 24) ^ hash) & 0xffffff;
}
