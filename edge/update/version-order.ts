/**
 * Which of two versions of packages is the newer: below 0 when `a` is older, 0 for equal ones.
 * Source: deb-version(7), "Sorting algorithm"; without epochs, which ours never have.
 */
export function compareVersions(a: string, b: string): number {
  const [mainA, revisionA] = partsOf(a);
  const [mainB, revisionB] = partsOf(b);
  return compareParts(mainA, mainB) || compareParts(revisionA, revisionB);
}

function partsOf(version: string): [string, string] {
  const at = version.lastIndexOf("-");
  return at < 0 ? [version, "0"] : [version.slice(0, at), version.slice(at + 1)];
}

/** Runs of other signs and runs of digits by turns, each compared in its own way. */
function compareParts(a: string, b: string): number {
  const [runsA, runsB] = [runsOf(a), runsOf(b)];
  for (let i = 0; i < Math.max(runsA.length, runsB.length); i += 1) {
    const [one = "", other = ""] = [runsA[i], runsB[i]];
    const order = i % 2 === 0 ? compareText(one, other) : compareDigits(one, other);
    if (order !== 0) return order;
  }
  return 0;
}

/** Other signs first, digits second, and so on; the first may be empty. */
const runsOf = (text: string): string[] => text.split(/(\d+)/);

function compareDigits(a: string, b: string): number {
  const [one, other] = [BigInt(a), BigInt(b)];
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

function compareText(a: string, b: string): number {
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    const order = rank(a[i]) - rank(b[i]);
    if (order !== 0) return order;
  }
  return 0;
}

/** A tilde before the end, the end before letters, letters before all else. */
function rank(sign: string | undefined): number {
  if (sign === "~") return -1;
  if (sign === undefined) return 0;
  const code = sign.charCodeAt(0);
  return /[A-Za-z]/.test(sign) ? code : code + 256;
}
