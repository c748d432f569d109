/** `npm run paper [-- --data FILE] [--date DATE] [--out FILE]`: the paper's experiment as one HTML page. */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Failure } from "@busbar/protocol";
import { type Day, parseDays } from "../day/day-file.ts";
import { builtInDay } from "./built-in-day.ts";
import { experiment } from "./experiment.ts";
import { pageOf } from "./page.ts";

const usage = `usage: npm run paper [-- --data FILE] [--date DATE] [--out FILE]
Redoes the experiment of Liu & Zhou on the built-in day, or on one of a CSV file with the columns hour,
pv, wind, own_load, users_load in kW, each as …_real and …_forecast, and writes paper.html.`;

try {
  const { values } = parseArgs({
    options: {
      data: { type: "string" },
      date: { type: "string" },
      out: { type: "string", default: "paper.html" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) console.log(usage);
  else {
    const day = values.data === undefined ? builtInDay : dayFrom(values.data, values.date);
    const html = pageOf(experiment(day));
    writeFileSync(values.out, html);
    console.log(`${values.out}: ${day.date || values.data}, ${Math.round(html.length / 1024)} kB`);
  }
} catch (error) {
  if (!(error instanceof Failure) && !isOurs(error)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 1;
}

function dayFrom(file: string, date: string | undefined): Day {
  const days = parseDays(readFileSync(file, "utf8"), file);
  const found = date === undefined ? days[0] : days.find((day) => day.date === date);
  if (found !== undefined) return found;
  const known = days.map((day) => day.date).join(", ");
  throw new Failure("paper.date", `--date: expected one of ${known}, got ${date}`, {
    retry: "never",
  });
}

/** A wrong option, or a file that cannot be read or written: said in a line, without a stack. */
function isOurs(error: unknown): error is Error {
  if (!(error instanceof Error && "code" in error)) return false;
  return /^(ERR_PARSE_ARGS|ENOENT|EACCES|EISDIR|EPERM|EROFS|ENOTDIR)/.test(String(error.code));
}
