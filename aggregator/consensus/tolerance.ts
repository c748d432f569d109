/** Members that may fail or lie without harm to the rest: ⌊(n − 1) / 3⌋. */
export function faultsTolerated(voters: number): number {
  return Math.floor((voters - 1) / 3);
}

/** The same in words. */
export function toleranceText(voters: number): string {
  const faults = faultsTolerated(voters);
  if (voters === 1) return "a single recorder: no fault tolerated";
  if (faults === 0) return `${voters} members, all of which are needed: no fault tolerated`;
  return `${voters} members, of which ${faults} may fail or lie`;
}
