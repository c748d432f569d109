/** A value as a multiple of one part of the payload: `factor` × payload`path`. */
export type Linear = { readonly path: string; readonly factor: number };

/** Nobody writes a longer one by hand, and each bracket is a call. */
const tokensMax = 200;

/** What an expression makes of its one variable: slope × variable + constant. */
type Line = {
  readonly path: string | undefined;
  readonly slope: number;
  readonly constant: number;
};

/**
 * Reads an arithmetic expression of numbers and one part of the payload, such as
 * `-(msg.payload.power / 1000) * 0.25`; undefined for any other, and for one that adds something.
 */
export function linearIn(expression: string): Linear | undefined {
  const tokens = tokensOf(expression);
  if (tokens === undefined) return undefined;
  const reader = new Reader(tokens);
  const line = reader.sum();
  if (line === undefined || !reader.ended) return undefined;
  const { path, slope, constant } = line;
  const useful = path !== undefined && constant === 0 && Number.isFinite(slope) && slope !== 0;
  return useful ? { path, factor: slope } : undefined;
}

const token =
  /\s*(?:(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+)|((?:msg\.)?payload(?:\.\w+|\[["'][^"'\]]+["']\])*)|([-+*/()]))/iy;

function tokensOf(expression: string): readonly string[] | undefined {
  const text = expression.trim();
  const tokens: string[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const [, number, variable, sign] = token.exec(text) ?? [];
    const found = number ?? variable ?? sign;
    if (found === undefined || tokens.length >= tokensMax) return undefined;
    tokens.push(found);
  }
  return tokens;
}

/** Recursive descent: sum of products of signed values. */
class Reader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  get ended(): boolean {
    return this.#at === this.#tokens.length;
  }

  sum(): Line | undefined {
    let left = this.#product();
    for (let sign = this.#take("+", "-"); sign !== undefined; sign = this.#take("+", "-")) {
      const right = this.#product();
      left = sign === "+" ? added(left, right) : added(left, scaled(right, -1));
    }
    return left;
  }

  #product(): Line | undefined {
    let left = this.#signed();
    for (let sign = this.#take("*", "/"); sign !== undefined; sign = this.#take("*", "/")) {
      const right = this.#signed();
      left = sign === "*" ? multiplied(left, right) : divided(left, right);
    }
    return left;
  }

  #signed(): Line | undefined {
    if (this.#take("-") !== undefined) return scaled(this.#signed(), -1);
    if (this.#take("+") !== undefined) return this.#signed();
    if (this.#take("(") !== undefined) {
      const inner = this.sum();
      return this.#take(")") === undefined ? undefined : inner;
    }
    const word = this.#tokens[this.#at] ?? "";
    this.#at += 1;
    const path = /^(?:msg\.)?payload(.*)$/i.exec(word)?.[1];
    if (path !== undefined) return { path: pathOf(path), slope: 1, constant: 0 };
    const number = Number(word);
    if (word === "" || Number.isNaN(number)) return undefined;
    return { path: undefined, slope: 0, constant: number };
  }

  #take(...signs: readonly string[]): string | undefined {
    const sign = this.#tokens[this.#at] ?? "";
    if (!signs.includes(sign)) return undefined;
    this.#at += 1;
    return sign;
  }
}

/** `.values["1-0:1.8.0"]` and `.values.x` as `values.1-0:1.8.0` and `values.x`. */
export function pathOf(written: string): string {
  return written.replaceAll(/\[["']([^"'\]]+)["']\]/g, ".$1").replace(/^\./, "");
}

function scaled(line: Line | undefined, by: number): Line | undefined {
  return line && { ...line, slope: line.slope * by, constant: line.constant * by };
}

function added(a: Line | undefined, b: Line | undefined): Line | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (a.path !== undefined && b.path !== undefined && a.path !== b.path) return undefined;
  const [slope, constant] = [a.slope + b.slope, a.constant + b.constant];
  return { path: a.path ?? b.path, slope, constant };
}

function multiplied(a: Line | undefined, b: Line | undefined): Line | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (a.path === undefined) return scaled(b, a.constant);
  return b.path === undefined ? scaled(a, b.constant) : undefined;
}

function divided(a: Line | undefined, b: Line | undefined): Line | undefined {
  return b?.path === undefined && b !== undefined ? scaled(a, 1 / b.constant) : undefined;
}
