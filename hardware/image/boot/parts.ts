import { aside, lost, mended } from "./parts/damage.ts";
import { first, refusal, wifi } from "./parts/start.ts";
import { system } from "./parts/system.ts";
import { cuts, journal, plug } from "./parts/trouble.ts";
import { update } from "./parts/update.ts";

/** The parts of a run by name, in the order in which they are done; from `first` on the unit is admitted. */
export const parts = {
  refusal,
  first,
  wifi,
  plug,
  cuts,
  update,
  system,
  mended,
  journal,
  aside,
  lost,
} as const;
export type Part = keyof typeof parts;

/** These parts of them all, in order: `first` is always among them. Throws: `Error` for a name that is none. */
export function partsAsked(names: string | undefined): readonly Part[] {
  const all = Object.keys(parts) as Part[];
  const asked = names?.split(",") ?? all;
  const unknown = asked.filter((name) => !all.some((part) => part === name));
  if (unknown.length > 0) throw new Error(`expected parts among ${all.join()}, got ${unknown}`);
  return all.filter((part) => part === "first" || asked.includes(part));
}
