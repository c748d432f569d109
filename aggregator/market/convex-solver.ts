/**
 * An interior-point solver for concave maximisation, for tests: a logarithmic barrier and Newton steps
 * on the whole system. It shares nothing with what it is compared to, neither idea nor code.
 */

/** Σ coefficient · x[index] ≤ (or =) `bound`. */
export type Linear = {
  readonly terms: readonly (readonly [index: number, coefficient: number])[];
  readonly bound: number;
};

export type Problem = {
  /** −∞ where x is outside of the objective's domain. */
  readonly value: (x: readonly number[]) => number;
  readonly gradient: (x: readonly number[]) => number[];
  readonly hessian: (x: readonly number[]) => number[][];
  readonly below: readonly Linear[];
  readonly equal: readonly Linear[];
  /** Strictly inside of every `below`, and on every `equal`. */
  readonly start: readonly number[];
};

/** The maximiser; the objective there is within `tolerance` of the greatest. */
export function maximise(problem: Problem, tolerance: number): number[] {
  const { below } = problem;
  let x = [...problem.start];
  for (const line of below) if (slack(line, x) <= 0) throw new Error("the start is not inside");
  for (let weight = 1; ; weight *= 8) {
    x = centre(problem, x, weight);
    if (below.length / weight < tolerance) return x;
  }
}

const slack = ({ terms, bound }: Linear, x: readonly number[]) =>
  terms.reduce((rest, [i, coefficient]) => rest - coefficient * (x[i] ?? 0), bound);

/** Maximises weight · value + Σ ln slack by damped Newton steps. */
function centre(
  { value, gradient, hessian, below, equal }: Problem,
  from: number[],
  weight: number,
): number[] {
  const merit = (x: readonly number[]) => {
    let sum = weight * value(x);
    for (const line of below) {
      const rest = slack(line, x);
      if (!(rest > 0)) return Number.NEGATIVE_INFINITY;
      sum += Math.log(rest);
    }
    return sum;
  };
  let x = from;
  for (let step = 0; step < 80; step += 1) {
    const n = x.length;
    const size = n + equal.length;
    const system = Array.from({ length: size }, () => new Array<number>(size + 1).fill(0));
    const put = (i: number, j: number, amount: number) => {
      const row = system[i];
      if (row !== undefined) row[j] = (row[j] ?? 0) + amount;
    };
    gradient(x).forEach((slope, i) => {
      put(i, size, weight * slope);
    });
    hessian(x).forEach((row, i) => {
      row.forEach((curve, j) => {
        put(i, j, -weight * curve);
      });
    });
    for (const line of below) {
      const rest = slack(line, x);
      for (const [i, one] of line.terms) {
        put(i, size, -one / rest);
        for (const [j, two] of line.terms) put(i, j, (one * two) / (rest * rest));
      }
    }
    equal.forEach(({ terms }, k) => {
      for (const [i, coefficient] of terms) {
        put(i, n + k, coefficient);
        put(n + k, i, coefficient);
      }
    });
    const right = system.map((row) => row[size] ?? 0);
    const move = eliminate(system).slice(0, n);
    const decrement = move.reduce((sum, d, i) => sum + d * (right[i] ?? 0), 0);
    if (!(decrement > 1e-11)) return x;
    const before = merit(x);
    let length = 1;
    let next = x;
    for (; length > 1e-12; length /= 2) {
      next = x.map((old, i) => old + length * (move[i] ?? 0));
      if (merit(next) >= before + 0.1 * length * decrement) break;
    }
    if (length <= 1e-12) return x;
    x = next;
  }
  return x;
}

/** Gauss with row pivots on an n × (n + 1) system. */
function eliminate(rows: number[][]): number[] {
  const n = rows.length;
  const at = (i: number, j: number) => rows[i]?.[j] ?? 0;
  for (let column = 0; column < n; column += 1) {
    let pivot = column;
    for (let i = column + 1; i < n; i += 1) {
      if (Math.abs(at(i, column)) > Math.abs(at(pivot, column))) pivot = i;
    }
    const [one = [], two = []] = [rows[column], rows[pivot]];
    rows[column] = two;
    rows[pivot] = one;
    for (let i = column + 1; i < n; i += 1) {
      const factor = at(i, column) / at(column, column);
      const row = rows[i];
      if (factor === 0 || row === undefined) continue;
      for (let j = column; j <= n; j += 1) row[j] = (row[j] ?? 0) - factor * at(column, j);
    }
  }
  const x = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i -= 1) {
    let sum = at(i, n);
    for (let j = i + 1; j < n; j += 1) sum -= at(i, j) * (x[j] ?? 0);
    x[i] = sum / at(i, i);
  }
  return x;
}
