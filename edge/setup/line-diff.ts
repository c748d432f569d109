/** Lines around a change that are shown with it. */
const context = 2;

/** What became of each line, `-` gone, `+` new, with a few lines around; equal texts give none. */
export function lineDiff(before: string, after: string): string[] {
  const [a, b] = [linesOf(before), linesOf(after)];
  const steps = stepsOf(a, b);
  const near = (i: number) =>
    steps.slice(Math.max(0, i - context), i + context + 1).some(({ mark }) => mark !== " ");
  const shown: string[] = [];
  let skipped = false;
  for (const [i, { mark, text }] of steps.entries()) {
    if (near(i)) {
      if (skipped && shown.length > 0) shown.push("  …");
      skipped = false;
      shown.push(`${mark} ${text}`);
    } else skipped = true;
  }
  return shown;
}

type Step = { readonly mark: " " | "-" | "+"; readonly text: string };

/** By the longest common subsequence; configuration files are short. */
function stepsOf(a: readonly string[], b: readonly string[]): Step[] {
  const common = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  const at = (i: number, j: number) => common[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      const row = common[i];
      if (row === undefined) continue;
      row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const steps: Step[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      steps.push({ mark: " ", text: a[i] ?? "" });
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) {
      steps.push({ mark: "-", text: a[i] ?? "" });
      i += 1;
    } else {
      steps.push({ mark: "+", text: b[j] ?? "" });
      j += 1;
    }
  }
  return steps;
}

const linesOf = (text: string): string[] =>
  text === "" ? [] : text.replace(/\r?\n$/, "").split(/\r?\n/);
