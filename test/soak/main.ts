/** `npm run soak`: a virtual site with which one thing after the other goes wrong; `--help` says what it can do. */
import { randomInt } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { parseSoak, usage } from "./arguments.ts";
import { chartSvg } from "./chart.ts";
import { htmlOf, textOf } from "./report.ts";
import type { SoakResult } from "./result.ts";
import { runSoak } from "./run.ts";

/** Two signals within this time are one Ctrl-C, which npm hands on. */
const echoMsMax = 1_000;

try {
  const { help, soak } = parseSoak(process.argv.slice(2), randomInt(2 ** 31));
  if (help) console.log(usage);
  else {
    console.log(`seed ${soak.seed}, ${soak.hours} h`);
    mkdirSync(soak.out, { recursive: true });
    const seen = (result: SoakResult) => write(soak.out, result);
    const result = await runSoak(soak, { say: console.log, signal: stopAsked(), seen });
    seen(result);
    console.log(textOf(result));
    console.log(`charts: ${join(soak.out, "report.html")}`);
    process.exitCode = result.problems.length > 0 ? 1 : 0;
  }
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(error.message);
  process.exitCode = error.code === "cli.usage" ? 2 : 1;
}

function write(folder: string, result: SoakResult): void {
  const svg = chartSvg(result);
  writeFileSync(join(folder, "chart.svg"), svg);
  writeFileSync(join(folder, "report.html"), htmlOf(result, svg));
  writeFileSync(join(folder, "report.json"), JSON.stringify(result));
}

/** Aborts at the first Ctrl-C or SIGTERM; a second one ends all at once, and its files stay. */
function stopAsked(): AbortSignal {
  const asked = new AbortController();
  let first: number | undefined;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (first !== undefined && performance.now() - first > echoMsMax) process.exit(130);
      first ??= performance.now();
      if (!asked.signal.aborted) console.log("ending early; once more ends it at once");
      asked.abort();
    });
  }
  return asked.signal;
}
