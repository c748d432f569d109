/** A value in brackets, with the unit behind its asterisk. */
export type DataValue = { readonly value: string; readonly unit: string | undefined };

/** An id and its values. `offset` is in characters from the start of the text. */
export type DataSet = {
  readonly id: string;
  readonly values: readonly DataValue[];
  readonly offset: number;
};

/** What a text holds; `strange` are the lines, or ends of lines, that are no data sets. */
export type DataSets = {
  readonly sets: readonly DataSet[];
  readonly strange: readonly { readonly text: string; readonly offset: number }[];
};

/** IEC 62056-21 allows 16 characters; A-B:C.D.E*F with long groups needs more. */
const id = /[0-9A-Za-z.:*&-]{0,32}/y;
const value = /\(([^()*\r\n]*)(?:\*([^()*\r\n]*))?\)/y;

/**
 * The data sets of a telegram's text: `id(value*unit)(value)…`, one or more to a line. A line that
 * begins with a bracket goes on with the data set before it, as DSMR 2.2 sends its gas value.
 * Source: IEC 62056-21 §6.5 (data readout), DSMR P1 companion standard §6.
 */
export function parseDataSets(text: string): DataSets {
  const sets: { id: string; values: DataValue[]; offset: number }[] = [];
  const strange: { text: string; offset: number }[] = [];
  for (const line of text.matchAll(/[^\r\n]+/g)) {
    let at = line.index;
    const end = at + line[0].length;
    while (at < end) {
      const name = matchAt(id, text, at)?.[0] ?? "";
      const values = valuesAt(text, at + name.length);
      const last = sets.at(-1);
      if (values.length === 0 || (name === "" && (at > line.index || last === undefined))) {
        strange.push({ text: text.slice(at, end), offset: at });
        break;
      }
      const found = values.map((match) => ({ value: match[1] ?? "", unit: match[2] }));
      if (name === "") last?.values.push(...found);
      else sets.push({ id: name, values: found, offset: at });
      at += name.length + values.reduce((sum, match) => sum + match[0].length, 0);
    }
  }
  return { sets, strange };
}

function valuesAt(text: string, from: number): RegExpExecArray[] {
  const found: RegExpExecArray[] = [];
  for (let at = from; ; ) {
    const match = matchAt(value, text, at);
    if (match === undefined) return found;
    found.push(match);
    at += match[0].length;
  }
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}

/**
 * What stays the same from one telegram of a meter to the next: ids, units and the number of digits
 * of energies. Where a line has a weak checksum or none, a telegram of another shape is suspect.
 */
export function shapeOf({ sets }: DataSets): string {
  const part = ({ value: text, unit }: DataValue) =>
    /h$/i.test(unit ?? "") ? text.replace(/\d/g, "0") + unit : (unit ?? "");
  return sets.map((set) => `${set.id}(${set.values.map(part).join(")(")})`).join("\n");
}

/** Lets a telegram pass when it has the shape of the meter, which two in a row show. */
export class ShapeGuard {
  #trusted: string | undefined;
  #last: string | undefined;

  passes(shape: string): boolean {
    if (shape === this.#last) this.#trusted = shape;
    this.#last = shape;
    return shape === this.#trusted;
  }
}
