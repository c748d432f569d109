import type { SupportCommand } from "@busbar/protocol";
import type { Status } from "../status/status.ts";

/** What a unit answers with; each is bounded. */
export type Answerers = {
  readonly status: () => Status;
  /** The newest lines of the unit's log, the oldest first. */
  readonly logLines: () => readonly string[];
  /** What `busbar-edge doctor --json` says, by a process of its own. */
  readonly doctor: () => Promise<string>;
};

/** A text for who asked, or why there is none. */
export type Answered =
  | { readonly ok: true; readonly text: string }
  | {
      readonly ok: false;
      readonly code: "support.arguments" | "support.failed";
      readonly text: string;
    };

const linesUsual = 100;
const linesMax = 500;

/**
 * Answers one of the four commands. None of them writes, switches or sends anything but this answer; none
 * takes a path or a line for a shell.
 */
export async function answerOf(
  command: SupportCommand,
  args: readonly string[],
  { status, logLines, doctor }: Answerers,
): Promise<Answered> {
  switch (command) {
    case "doctor":
      return args.length === 0 ? said(await doctor()) : wrong("doctor takes no argument");
    case "logs":
      return logs(args, logLines());
    case "read":
      return read(args, status());
    case "sweep":
      return args.length === 0 ? said(lines(status())) : wrong("sweep takes no argument");
    default:
      return command satisfies never;
  }
}

function logs(
  [count = String(linesUsual), ...more]: readonly string[],
  all: readonly string[],
): Answered {
  const wanted = Number(count);
  if (more.length > 0 || !(Number.isInteger(wanted) && wanted >= 1 && wanted <= linesMax)) {
    return wrong(`logs takes a number of lines from 1 to ${linesMax}`);
  }
  return said(all.slice(-wanted).join("\n"));
}

/** What a meter showed last, a few seconds ago: no question more on its line. */
function read(wanted: readonly string[], { meters }: Status): Answered {
  const known = meters.map(({ id }) => id);
  const strange = wanted.find((id) => !known.includes(id));
  if (strange !== undefined) return wrong(`no meter ${strange}; there are ${known.join(", ")}`);
  const chosen = wanted.length === 0 ? meters : meters.filter(({ id }) => wanted.includes(id));
  const shown = chosen.map(({ historyW: _, ...meter }) => meter);
  return said(JSON.stringify(shown, null, 1));
}

/** The lines as the unit that runs knows them, and its last sweep: nothing is held up for it. */
function lines({ lines, bus, sweep, meters }: Status): string {
  const times = meters.map(({ id, readTime }) => ({ id, readTime }));
  return JSON.stringify({ lines, bus, times, sweep }, null, 1);
}

const said = (text: string): Answered => ({ ok: true, text });
const wrong = (text: string): Answered => ({ ok: false, code: "support.arguments", text });
