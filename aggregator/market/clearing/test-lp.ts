/**
 * Linear programs for tests: max c·x with A x ≤ b, x ≥ 0 and b ≥ 0, by the simplex method on a dense
 * tableau with Bland's rule (it cannot cycle). x = 0 is where it starts. It shares nothing with the
 * market, whose optima it checks; its numbers are those of small integers, so 10⁻⁹ stands for 0.
 */
export type LinearProgram = {
  readonly objective: readonly number[];
  readonly rows: readonly { readonly row: readonly number[]; readonly most: number }[];
};

const tiny = 1e-9;

/** The optimum's value and one x that has it. Throws: `RangeError` when there is none. */
export function maximize({ objective, rows }: LinearProgram): { value: number; x: number[] } {
  const [width, height] = [objective.length, rows.length];
  const table = rows.map(({ row, most }, i) => [
    ...row,
    ...rows.map((_, j) => (i === j ? 1 : 0)),
    most,
  ]);
  const goal = [...objective.map((c) => -c), ...rows.map(() => 0), 0];
  const basis = rows.map((_, i) => width + i);
  const at = (row: readonly number[], column: number) => row[column] ?? 0;
  const last = width + height;
  for (;;) {
    const column = goal.findIndex((c, j) => j < last && c < -tiny);
    if (column < 0) break;
    let pivot = -1;
    let best = Number.POSITIVE_INFINITY;
    for (const [i, row] of table.entries()) {
      if (at(row, column) <= tiny) continue;
      const ratio = at(row, last) / at(row, column);
      const earlier = pivot >= 0 && (basis[i] ?? 0) < (basis[pivot] ?? 0);
      if (ratio < best - tiny || (ratio <= best + tiny && earlier)) [pivot, best] = [i, ratio];
    }
    const chosen = table[pivot];
    if (chosen === undefined) throw new RangeError("the program has no bound");
    const scale = at(chosen, column);
    for (let j = 0; j <= last; j += 1) chosen[j] = at(chosen, j) / scale;
    for (const row of [...table, goal]) {
      const factor = row === chosen ? 0 : at(row, column);
      if (factor === 0) continue;
      for (let j = 0; j <= last; j += 1) row[j] = at(row, j) - factor * at(chosen, j);
    }
    basis[pivot] = column;
  }
  const x = objective.map((_, j) => {
    const row = basis.indexOf(j);
    return row < 0 ? 0 : at(table[row] ?? [], last);
  });
  return { value: at(goal, last), x };
}
