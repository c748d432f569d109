import { randomBytes } from "node:crypto";
import { Failure, type Release, type ReleaseState, releaseReach } from "@busbar/protocol";
import { loadConfig } from "../config/load.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { devices } from "../ledger/tables.ts";
import { deviceReports, releases, sheets } from "../ledger/unit-reports.ts";
import { bundleFacts } from "./bundle-file.ts";
import { handIn, type Told, withLedger } from "./transaction.ts";

type Common = { readonly config: string; readonly dryRun: boolean; readonly reason?: string };

/** `busbar-aggregator release propose`: lays before the members that units may install a program. */
export async function proposeRelease(
  bundles: readonly string[],
  options: Common & {
    readonly canary: readonly string[];
    readonly stage: Release["stages"];
    readonly failuresMax: number;
    readonly trialMinutes: number;
    readonly source?: string;
  },
): Promise<Told> {
  const facts = bundles.map(bundleFacts);
  const [first, ...others] = facts;
  if (first === undefined || others.some(({ version }) => version !== first.version)) {
    const found = facts.map(({ version }) => version).join(" and ") || "none";
    throw new Failure("release.bundle", `expected bundles of one version, got ${found}`, {
      retry: "never",
    });
  }
  const { version } = first;
  let number = 0;
  const handed = await handIn(options, ({ store }, { member }) => {
    number = (releases.get(store.state, "current")?.release.number ?? 0) + 1;
    const release: Release = {
      ...{ number, version, canaries: options.canary, stages: options.stage },
      bundles: facts.map(({ version: _, ...bundle }) => bundle),
      failuresMax: options.failuresMax,
      trialMinutes: options.trialMinutes,
      ...(options.source === undefined ? {} : { source: options.source }),
    };
    return { kind: "release-motion", message: { ...motionOf(member, options), release } };
  });
  const words = `proposed release ${number}, ${version}, and voted for it`;
  return { handed, words, about: { number, version } };
}

/** `busbar-aggregator release stop`: lays before the members that no further unit installs it. */
export async function stopRelease(options: Common): Promise<Told> {
  const handed = await handIn(options, (_, { member }) => ({
    kind: "release-motion",
    message: motionOf(member, options),
  }));
  return { handed, words: "proposed the end of the release, and voted for it", about: {} };
}

const motionOf = (member: string, { reason }: Common) => ({
  nonce: new Uint8Array(randomBytes(16)),
  member,
  ...(reason === undefined ? {} : { reason }),
});

/** The present release as people see it. */
export type ReleaseAbout = {
  readonly number: number;
  readonly version: string;
  readonly since: string;
  /** Of how many thousandths of the units the turn has come. */
  readonly reachPermille: number;
  readonly canaries: readonly string[];
  readonly kept: number;
  readonly failed: number;
  readonly failuresMax: number;
  readonly stopped: string | null;
};

/** What a unit says of itself on the ledger. */
export type UnitAbout = {
  readonly device: string;
  readonly owner: string;
  /** The program that runs it, as it said last; null where it never did. */
  readonly program: string | null;
  readonly release: number | null;
  readonly result: string | null;
  readonly reason: string | null;
  readonly reported: string | null;
  /** SHA-256 of its commissioning sheet, hex. */
  readonly sheet: string | null;
  readonly sheetOpen: number | null;
  readonly sheetSigned: boolean;
};

export function releaseAbout(state: StateReader, time: number): ReleaseAbout | undefined {
  const current = releases.get(state, "current");
  return current === undefined ? undefined : aboutOf(current, time);
}

function aboutOf(current: ReleaseState, time: number): ReleaseAbout {
  const { release, from, kept, failed, stopped = null } = current;
  const { number, version, canaries, failuresMax } = release;
  return {
    ...{ number, version, since: new Date(from).toISOString(), canaries },
    reachPermille: stopped === null ? releaseReach(current, time) : 0,
    ...{ kept, failed, failuresMax, stopped },
  };
}

/** Each unit of the ledger: its program, what became of the last release there, its sheet. */
export function unitsOf(state: StateReader): readonly UnitAbout[] {
  return Array.from(devices.scan(state), ([device, { owner }]) => {
    const report = deviceReports.get(state, device);
    const sheet = sheets.get(state, device);
    return {
      ...{ device, owner },
      program: report?.program ?? null,
      release: report?.release ?? null,
      result: report?.result ?? null,
      reason: report?.reason ?? null,
      reported: report === undefined ? null : new Date(report.at).toISOString(),
      sheet: sheet === undefined ? null : Buffer.from(sheet.sheet).toString("hex"),
      sheetOpen: sheet?.open ?? null,
      sheetSigned: sheet?.installer !== undefined,
    };
  });
}

/** `busbar-aggregator units`: who runs what. */
export function listUnits(
  options: { readonly config: string; readonly json: boolean },
  print: (value: object) => void,
): void {
  const { units, release } = withLedger(loadConfig(options.config), ({ store, application }) => ({
    units: unitsOf(store.state),
    release: releaseAbout(store.state, application.info().time) ?? null,
  }));
  if (options.json) return print({ units, release });
  if (release !== null) console.log(`${releaseText(release)}\n`);
  for (const line of unitLines(units)) console.log(line);
}

/** The release in a line. */
export function releaseText(about: ReleaseAbout): string {
  const { number, version, since, reachPermille, kept, failed, failuresMax, stopped } = about;
  const state =
    stopped === null
      ? `${reachPermille / 10} % of the units may install it`
      : `stopped (${stopped})`;
  return `release ${number}: ${version} since ${since}, ${state}; kept by ${kept}, failed at ${failed} (${failuresMax} may)`;
}

/** Units as lines of text. */
export function unitLines(units: readonly UnitAbout[]): string[] {
  if (units.length === 0) return ["No unit is on the ledger."];
  return units.map((unit) => {
    const { device, owner, program, release, result, reason, sheet, sheetOpen, sheetSigned } = unit;
    const parts = [
      program ?? "has not said what it runs",
      release === null ? "" : `release ${release} ${result}${reason === null ? "" : `: ${reason}`}`,
      sheet === null
        ? "no sheet"
        : `sheet ${sheet.slice(0, 12)}, ${sheetOpen} open${sheetSigned ? ", countersigned" : ""}`,
    ];
    return `${device} of ${owner}: ${parts.filter((part) => part !== "").join("; ")}`;
  });
}
