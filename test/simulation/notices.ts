/** What noticed a mutation: a seed of the simulation that failed, or a named test. */
export type Notice = { readonly seed: number } | { readonly test: string };

const row = /^\| (.+?) \| (?:seed (\d+)|“(.+)”) \|$/;

/** The table of README.md: what noticed each mutation last, by the mutation's name. */
export function noticesIn(readme: string): ReadonlyMap<string, Notice> {
  const notices = new Map<string, Notice>();
  for (const line of readme.split("\n")) {
    const [, name, seed, test] = row.exec(line) ?? [];
    if (name === undefined) continue;
    if (seed !== undefined) notices.set(name, { seed: Number(seed) });
    else if (test !== undefined) notices.set(name, { test });
  }
  return notices;
}

/** A pattern that fits a text and nothing else. */
export function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

/** A notice as it stands in the table. */
export function noticeText(notice: Notice): string {
  return "seed" in notice ? `seed ${notice.seed}` : `“${notice.test}”`;
}
