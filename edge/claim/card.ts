import { basename, join } from "node:path";

/** Where a unit keeps what its card brought sealed, until its label's code opens it. */
export const sealedPath = (home: string): string => join(home, "sealed.txt");

/** Where it keeps the key that follows from the code, until the ledger has taken it in. */
export const pendingPath = (home: string): string => join(home, "claim.json");

/** Names that the unit makes or is given otherwise: nothing that was sealed takes their place. */
const ownNames = new Set([
  ...[
    "sealed.txt",
    "claim.json",
    "device.key",
    "device.key.fresh",
    "membership.json",
    "request.json",
    "edge.yaml",
  ],
  ...["commissioning.json", "data", "update", "kept"],
]);

/** Why a file cannot be sealed under this name; undefined where it can. */
export function nameProblem(path: string): string | undefined {
  const name = basename(path);
  if (ownNames.has(name)) return `${name} is a file that each unit makes of its own`;
  if (/^[a-z0-9]+([.-][a-z0-9]+)*$/.test(name) && name.length <= 60) return undefined;
  return `${name}: expected a name of small letters, digits and inner dots or hyphens`;
}
