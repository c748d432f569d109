import type { Command } from "commander";

type Print = (value: object) => void;
type Add = (program: Command, print: Print) => void;

/** Commands that have a module of their own, and the module. */
export const groups: readonly (readonly [readonly string[], () => Promise<Add>])[] = [
  [
    ["join", "members", "propose", "vote"],
    async () => (await import("./member-commands.ts")).addMemberCommands,
  ],
  [["hand-over"], async () => (await import("./hand-over-command.ts")).addHandOverCommand],
  [["bill"], async () => (await import("./bill.ts")).addBillCommand],
  [["notices"], async () => (await import("./notices.ts")).addNoticesCommands],
  [["worker"], async () => (await import("./worker.ts")).addWorkerCommand],
  [["broker-files"], async () => (await import("./broker-files.ts")).addBrokerFilesCommand],
  [["doctor"], async () => (await import("./doctor.ts")).addDoctorCommand],
  [
    ["unit", "correct", "object", "decide", "cases"],
    async () => (await import("./case-commands.ts")).addCaseCommands,
  ],
  [["release", "units"], async () => (await import("./release-commands.ts")).addReleaseCommands],
  [["site", "replace"], async () => (await import("./label-commands.ts")).addLabelCommands],
  [["certificates"], async () => (await import("./certificates.ts")).addCertificatesCommand],
  [["clear"], async () => (await import("./clear.ts")).addClearCommand],
  [["credit", "orders"], async () => (await import("./credit.ts")).addCreditCommand],
  [
    ["pay", "order", "answer", "allow-orders", "move-certificates", "retire-certificates"],
    async () => (await import("./owner-word.ts")).addOwnerCommands,
  ],
  [["feeder"], async () => (await import("./feeder-commands.ts")).addFeederCommands],
  [["prices"], async () => (await import("./prices.ts")).addPricesCommand],
  [["forecast"], async () => (await import("./forecast-report.ts")).addForecastCommand],
  [["quote"], async () => (await import("./quote.ts")).addQuoteCommand],
  [["report"], async () => (await import("./what-if.ts")).addReportCommand],
  [["route"], async () => (await import("./route.ts")).addRouteCommand],
  [["share"], async () => (await import("./share.ts")).addShareCommand],
  [["assets"], async () => (await import("./assets.ts")).addAssetsCommand],
];

/**
 * Adds the commands of the module that has the command `asked`; where no module has it (help, a
 * slip of the pen) all, unless `program` has it already.
 */
export async function addGroups(
  program: Command,
  asked: string | undefined,
  print: Print,
): Promise<void> {
  if (program.commands.some((command) => command.name() === asked)) return;
  const group = groups.find(([names]) => asked !== undefined && names.includes(asked));
  for (const [, load] of group === undefined ? groups : [group]) (await load())(program, print);
}
