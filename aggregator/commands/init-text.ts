import { toleranceText } from "../consensus/tolerance.ts";
import type { Made } from "./init.ts";

/** What `init` says when it has ended. */
export function madeLines(
  { files, configs }: Made,
  { dryRun }: { readonly dryRun: boolean },
): readonly string[] {
  const made = files.map(({ path }) => `${dryRun ? "would make" : "made"} ${path}`);
  if (dryRun) return made;
  const runs = configs.map((path) => `busbar-aggregator run --config ${path}`);
  if (runs.length === 1) return [...made, "", `Start it with: ${runs[0]}`];
  return [
    ...made,
    "",
    `A consortium of ${toleranceText(configs.length)}. Start each in a terminal of its own:`,
    ...runs.map((line) => `  ${line}`),
    "Units find all of them in membership.json. One at a time sends the notices to owners.",
  ];
}
