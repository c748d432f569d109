/** `npm run load`: many units against a consortium of real aggregators; `--help` says what it can do. */
import { Failure } from "@busbar/protocol";
import { parseLoad, usage } from "./arguments.ts";
import { measured } from "./constants.ts";
import { modelText } from "./model-text.ts";
import { jsonOf, textOf } from "./report.ts";
import { runLoad } from "./run.ts";

try {
  const { load, json, model, help } = parseLoad(process.argv.slice(2));
  if (help) console.log(usage);
  else if (model) {
    const { members, everyMs, entries: readings } = load;
    const site = { members, everyS: everyMs / 1000, readings, slotMinutes: 15 };
    console.log(modelText(site, measured));
  } else {
    const asked = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => asked.abort());
    const say = (line: string) => json || console.log(line);
    const result = await runLoad(load, say, asked.signal);
    console.log(json ? jsonOf(result) : textOf(result));
    process.exitCode = result.problems.length > 0 ? 1 : 0;
  }
} catch (error) {
  const stopped = error instanceof Error && error.name === "AbortError";
  if (stopped) process.exit(130);
  if (!(error instanceof Failure)) throw error;
  console.error(error.message);
  process.exitCode = error.code === "cli.usage" ? 2 : 1;
}
