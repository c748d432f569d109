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

/** What a run does: the first root alone, a card with a label, and of a unit's life these parts, in order. */
export type Asked = {
  readonly root: boolean;
  readonly label: boolean;
  readonly parts: readonly Part[];
};

/** These have cards of their own. */
const alone: readonly string[] = ["root", "label"];

export const partNames: readonly string[] = [...alone, ...Object.keys(parts)];

/** All of them, or these; `first` belongs to each other part of a life. Throws: `Error` for a name that is none. */
export function partsAsked(names: string | undefined): Asked {
  const asked = names?.split(",") ?? partNames;
  const unknown = asked.filter((name) => !partNames.includes(name));
  if (unknown.length > 0) {
    throw new Error(`expected parts among ${partNames.join()}, got ${unknown.join()}`);
  }
  const wanted = (Object.keys(parts) as Part[]).filter(
    (part) => part === "first" || asked.includes(part),
  );
  const isLife = asked.some((name) => !alone.includes(name));
  const [root, label] = [asked.includes("root"), asked.includes("label")];
  return { root, label, parts: isLife ? wanted : [] };
}
