import { parseArgs } from "node:util";
import { Failure, nearest } from "@busbar/protocol";
import { allKinds, type Kind } from "./plan.ts";
import { recoverySMax } from "./recovery.ts";

export const usage = `npm run soak -- [--hours H] [--seed N] [--speed S] [--within S] [--only KIND,…] [--out FOLDER] [--keep] [--no-flows]

Runs a virtual site as npm start does (four members with broker, ledger, market, settlement, notices and portal, four
edge units with simulated meters, Node-RED), lets one thing after the other go wrong with it, and looks all the time
whether chains are equal, every reading is on each ledger once, and sums are zero. After each fault the site must have
recovered within the bound. At the end every ledger is replayed. Charts and figures go to the folder.

  --hours H      how long (default 2; 0.1 for a look); Ctrl-C ends it in order, with its report
  --seed N       the faults of an earlier run again (default: a new one, which is printed)
  --speed S      site seconds per second (default 120: an hour of the market lasts 30 s)
  --within S     seconds from a fault's end until all must be as before (default 120; more on a busy machine)
  --only KINDS   faults of these kinds alone
  --out FOLDER   where report.html, chart.svg and report.json go (default .busbar/soak)
  --keep         keep the site's files; without it they are kept only when something is wrong
  --no-flows     leave Node-RED out

Kinds: ${allKinds.join(", ")}.

Ends with 1, the reason and the seed when something is wrong.`;

export type SoakOptions = {
  readonly hours: number;
  readonly seed: number;
  readonly speed: number;
  readonly withinS: number;
  readonly only: readonly Kind[];
  readonly out: string;
  readonly keep: boolean;
  readonly flows: boolean;
};

const options = {
  hours: { type: "string", default: "2" },
  seed: { type: "string" },
  speed: { type: "string", default: "120" },
  within: { type: "string", default: String(recoverySMax) },
  only: { type: "string" },
  out: { type: "string", default: ".busbar/soak" },
  keep: { type: "boolean", default: false },
  "no-flows": { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** What the command line asks for; `seed` is that of a run without one. Throws: `Failure` `cli.usage`. */
export function parseSoak(
  args: readonly string[],
  seed: number,
): { readonly help: boolean; readonly soak: SoakOptions } {
  const values = valuesOf(args);
  return {
    help: values.help,
    soak: {
      hours: number("hours", values.hours, { above: 0, most: 1000 }),
      seed: values.seed === undefined ? seed : seedOf(values.seed),
      speed: number("speed", values.speed, { above: 0, most: 1000 }),
      withinS: number("within", values.within, { above: 0, most: 3600 }),
      only: kindsOf(values.only),
      out: values.out,
      keep: values.keep,
      flows: !values["no-flows"],
    },
  };
}

function number(
  name: string,
  text: string,
  { above, most }: { readonly above: number; readonly most: number },
): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (value > above && value <= most) return value;
  throw wrong(`--${name}: expected a number above ${above}, at most ${most}, got "${text}"`);
}

function seedOf(text: string): number {
  if (/^\d{1,10}$/.test(text) && Number(text) < 2 ** 32) return Number(text);
  throw wrong(`--seed: expected a whole number from 0 to ${2 ** 32 - 1}, got "${text}"`);
}

function kindsOf(text: string | undefined): readonly Kind[] {
  if (text === undefined) return allKinds;
  return text.split(",").map((part) => {
    const name = part.trim();
    const found = allKinds.find((kind) => kind === name);
    if (found !== undefined) return found;
    const near = nearest(name, allKinds);
    const hint = near === undefined ? "--help lists them" : `did you mean "${near}"?`;
    throw wrong(`--only: there is no fault "${name}"; ${hint}`);
  });
}

function valuesOf(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw wrong(`${error.message}; --help says what there is`);
  }
}

const wrong = (message: string): Failure => new Failure("cli.usage", message, { retry: "never" });
