import { Failure } from "@busbar/protocol";
import { type Command, Option } from "commander";
import { type KeyKind, keyKinds, payShares, shareSlot } from "../settlement/allocation.ts";
import { presentIn } from "../settlement/what-if/community.ts";
import { addSourceOptions, type SourceOptions, sourceOf } from "./community-source.ts";

export type ShareOptions = SourceOptions & {
  readonly key: KeyKind;
  /** `csv` and `json` tell each slot of each member, the text sums alone. */
  readonly csv: boolean;
  readonly json: boolean;
};

/** Adds `busbar-aggregator share`. */
export function addShareCommand(program: Command): void {
  const command = program
    .command("share")
    .description("divide each slot's surplus among a community's members by an allocation key")
    .addOption(
      new Option(
        "--key <kind>",
        "static: by weights; dynamic: by what each needs in the slot; hybrid: by weights, then the rest by need",
      )
        .choices(keyKinds)
        .makeOptionMandatory(),
    );
  addSourceOptions(command)
    .option("--csv", "print each slot of each member as CSV", false)
    .option("--json", "print each slot of each member as JSON (Wh, 10⁻⁶ currency)", false)
    .addHelpText(
      "after",
      `
Examples:
  busbar-aggregator share --key hybrid --file meters.csv --members members.csv
  busbar-aggregator share --key dynamic --config elm/aggregator.yaml --from 2026-06-01 --csv`,
    )
    .action((options) => shareCommand(options, (line) => console.log(line)));
}

type Line = {
  readonly time: string;
  readonly member: string;
  readonly importWh: number;
  readonly exportWh: number;
  readonly receivedWh: number;
  readonly givenWh: number;
  /** What it pays the others for it; below 0: gets from them. */
  readonly paidMicro: number;
};

/**
 * Prints what each member gets of the others' surplus and gives of its own.
 * Throws: `Failure` `report.usage`, `report.empty`, `table.*`, `config.*`.
 */
export function shareCommand(options: ShareOptions, write: (line: string) => void): void {
  if (options.csv && options.json) {
    throw new Failure("report.usage", "expected --csv or --json, got both", { retry: "never" });
  }
  const { source, community, terms } = sourceOf(options);
  const lines: Line[] = community.slots.flatMap((slot) => {
    const present = presentIn(community, slot);
    const shares = shareSlot(
      present.map(({ id, weight, needWh, surplusWh }) => {
        return { id, weight, importWh: needWh, exportWh: surplusWh };
      }),
      options.key,
    );
    const paid = payShares(shares, terms.sharePrice);
    return present.map(({ id, needWh, surplusWh }, i) => ({
      time: new Date(slot.start).toISOString(),
      member: id,
      importWh: needWh,
      exportWh: surplusWh,
      receivedWh: shares[i]?.receivedWh ?? 0,
      givenWh: shares[i]?.givenWh ?? 0,
      paidMicro: paid[i] ?? 0,
    }));
  });
  if (options.json) {
    const { key } = options;
    return write(JSON.stringify({ source, key, priceMicro: terms.sharePrice, lines }));
  }
  for (const line of options.csv ? csvOf(lines) : textOf(lines, options.key)) write(line);
}

function* csvOf(lines: readonly Line[]): Generator<string> {
  yield "time,member,import_kwh,export_kwh,received_kwh,given_kwh,paid";
  for (const { time, member, importWh, exportWh, receivedWh, givenWh, paidMicro } of lines) {
    const energies = [importWh, exportWh, receivedWh, givenWh].map(kwh);
    // Quoted where a member's name needs it (RFC 4180).
    const name = /[",\r\n]/.test(member) ? `"${member.replaceAll('"', '""')}"` : member;
    yield [time, name, ...energies, (paidMicro / 1_000_000).toFixed(6)].join(",");
  }
}

function* textOf(lines: readonly Line[], key: KeyKind): Generator<string> {
  const sums = new Map<
    string,
    { needed: number; had: number; got: number; gave: number; paid: number }
  >();
  for (const { member, importWh, exportWh, receivedWh, givenWh, paidMicro } of lines) {
    const sum = sums.get(member) ?? { needed: 0, had: 0, got: 0, gave: 0, paid: 0 };
    sums.set(member, {
      needed: sum.needed + importWh,
      had: sum.had + exportWh,
      got: sum.got + receivedWh,
      gave: sum.gave + givenWh,
      paid: sum.paid + paidMicro,
    });
  }
  yield `Shared by a ${key} key; kWh, and what each pays the others (below 0: gets).`;
  yield row(["member", "needed", "got", "had over", "gave", "pays"]);
  for (const [member, { needed, had, got, gave, paid }] of [...sums].sort(([a], [b]) =>
    a < b ? -1 : 1,
  )) {
    yield row([member, kwh(needed), kwh(got), kwh(had), kwh(gave), (paid / 1_000_000).toFixed(2)]);
  }
}

const kwh = (wh: number) => (wh / 1000).toFixed(3);
const row = (texts: readonly string[]) =>
  `  ${texts.map((text, i) => (i === 0 ? text.padEnd(16) : text.padStart(12))).join("")}`;
