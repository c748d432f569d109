import { wrap } from "../commands/terminal.ts";
import type { SweepFinding } from "./finding.ts";
import { classesOf, histogramLines } from "./histogram.ts";
import type { UnitFacts } from "./judge.ts";
import { medianMs } from "./statistics.ts";
import type { SweptBus } from "./sweep.ts";

/** One line's sweep for people: what is behind it, who answers and how fast, what is wrong and what to do. */
export function sweptText(swept: SweptBus, width: number): string {
  const { bus, port, settings, settingsTried, idle, units, others, findings, failure } = swept;
  const about = [port?.device === bus ? undefined : port?.device, port?.driver, port?.product];
  const parity = port?.parity === undefined ? [] : [`parity ${port.parity}`];
  const facts = [...about.filter((fact) => fact !== undefined), ...parity];
  const head = facts.length === 0 ? bus : `${bus} (${facts.join(", ")})`;
  if (failure !== undefined) {
    return [head, wrap(`  ${failure.message} [${failure.code}]`, width, "    ")].join("\n");
  }
  const at = settings === undefined ? "nothing answers" : `answers at ${settings}`;
  const quiet = idle.bytes === 0 ? "quiet" : `${idle.bytes} bytes`;
  return [
    wrap(head, width, "  "),
    `  ${at}; ${settingsTried} settings tried; ${quiet} in ${idle.ms} ms before anybody was asked`,
    ...others.map((profile) => `  speaks ${profile}`),
    ...units.flatMap((unit) => unitLines(unit, width)),
    ...findings.flatMap((one) => findingLines(one, width)),
    ...(findings.length === 0 ? ["  nothing is wrong with this line"] : []),
  ].join("\n");
}

function unitLines({ unit, profile, serialNumber, reads }: UnitFacts, width: number): string[] {
  const { asked, counts, timesMs } = reads;
  const who = [profile ?? "of no known kind", serialNumber && `serial ${serialNumber}`];
  const median = medianMs(timesMs);
  const times = median === undefined ? "" : `, half within ${median} ms`;
  const head = `  unit ${unit}  ${who.filter(Boolean).join(" ")}: ${counts.clean} of ${asked} answers whole${times}`;
  return [wrap(head, width, "    "), ...histogramLines(classesOf(timesMs), width)];
}

function findingLines({ code, state, message, remedy }: SweepFinding, width: number): string[] {
  return [
    wrap(`  ${state === "fault" ? "FAULT" : "warning"}: ${message} [${code}]`, width, "    "),
    wrap(`    to do: ${remedy}`, width, "      "),
  ];
}
