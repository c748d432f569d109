import type { JournalSummary } from "../journal/summary.ts";
import { ageText } from "../status/page-main.ts";
import { wordsOf } from "../status/page-words.ts";
import { type Problem, problemsOf } from "../status/problems.ts";
import { meaningOf } from "../status/reasons.ts";
import { stationsOf } from "../status/stations.ts";
import type { Status } from "../status/status.ts";
import { table } from "./output.ts";
import { wrap } from "./terminal.ts";

const words = wordsOf.en;
const marks = { ok: "ok", warning: "!!", fault: "XX" } as const;

/** The status for a terminal of `width` columns. `wall`: wall ms now. */
export function statusText(status: Status, wall: number, width: number): string {
  const { device, site, owner, version, startedAt } = status;
  const head = `${device} of ${owner} at ${site}, busbar-edge ${version}, up ${age(wall - startedAt)}`;
  return [
    printable(head),
    "",
    ...wayLines(status, wall),
    "",
    table(
      ["meter", "power W", "drawn kWh", "fed in kWh", "read", "quality"],
      meterRows(status, wall),
    ),
    "",
    problemsText(problemsOf(status), width),
    ...countLines(status),
  ].join("\n");
}

/** What can be said of a unit that does not run. */
export function stoppedText(journal: JournalSummary | undefined, url: string): string {
  const head = `The unit does not run (nobody listens at ${url}).`;
  if (journal === undefined)
    return `${head}\nIts journal is empty: it has never run with this configuration.`;
  const rows = journal.meters.map(({ meter, taken, committed, to }) => [
    meter,
    String(taken),
    String(committed),
    String(taken - committed),
    to === undefined ? "" : new Date(to).toISOString().slice(0, 19),
  ]);
  const names = ["meter", "readings", "with receipt", "waiting", "newest"];
  return `${head}\nFrom its journal; nothing of it is lost:\n\n${table(names, rows)}\n\nStart it: sudo systemctl start busbar-edge, or busbar-edge run`;
}

function wayLines(status: Status, wall: number): string[] {
  return stationsOf(status, wall).map(({ name, state, figures, text }) => {
    const [first = 0, second = 0] = figures;
    const said = {
      meters: () => words.of(first, second),
      journal: () => words.waiting(first),
      broker: () => {
        if (status.link === undefined) return words.notEnrolled;
        return `${state === "ok" ? words.connected : words.notConnected}, ${text ?? ""}`;
      },
      ledger: () => (figures.length === 0 ? words.noReceipt : words.receipt(ageText(first, words))),
    }[name]();
    return printable(`${marks[state]}  ${words[name].padEnd(8)} ${said}`);
  });
}

function meterRows({ meters }: Status, wall: number): string[][] {
  return meters.map(({ id, powerW, readAt, quality, values, error }) => {
    const energy = (code: string) => {
      const found = values.find(({ obis }) => obis === code);
      return found === undefined ? "" : (found.value / 1000).toFixed(2);
    };
    return [
      id,
      // What was read before the meter fell silent is no power of now.
      powerW === undefined || error !== undefined ? "" : String(Math.round(powerW)),
      energy("1-0:1.8.0"),
      energy("1-0:2.8.0"),
      readAt === undefined ? words.never : `${age(wall - readAt)} ago`,
      words.quality[quality ?? -1] ?? "",
    ];
  });
}

function problemsText(problems: readonly Problem[], width: number): string {
  if (problems.length === 0) return words.well;
  return problems
    .flatMap(({ state, subject, message, remedy }) => [
      wrap(
        printable(`${state === "fault" ? "FAULT" : "warning"}  ${subject}: ${message}`),
        width,
        "    ",
      ),
      wrap(printable(`  → ${remedy}`), width, "    "),
    ])
    .join("\n");
}

function countLines({ counts }: Status): string[] {
  const rows = Object.entries(counts).map(([reason, count]) => [
    printable(reason).slice(0, 30),
    String(count),
    meaningOf(reason) ?? "",
  ]);
  return rows.length === 0 ? [] : ["", table(["since the start", "times", ""], rows)];
}

const age = (ms: number) => ageText(ms / 1000, words);

/** What meters and brokers say may hold control characters, which would drive the terminal. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, "�");
}
