import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Failure, type Label, labelIdOf, labelsMax, type Party, utcMs } from "@busbar/protocol";
import { claimKeys, newClaimCode } from "@busbar/protocol/claim";
import { nativeScrypt, publicKeyFromSeed } from "@busbar/protocol/node";
import { loadConfig } from "../config/load.ts";
import { type LabelEntry, labelEntries } from "../ledger/labels.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { devices, owners } from "../ledger/tables.ts";
import { type LabelFile, labelFileText, parseLabelFile } from "./label-file.ts";
import { labelPage } from "./label-page.ts";
import { type Handed, handIn, type Told, withLedger } from "./transaction.ts";

const dayMs = 86_400_000;

/** A unit that gets a label: `anna-unit=anna`, of a company `mill-unit=mill:company`. */
export type Wanted = {
  readonly device: string;
  readonly owner: string;
  readonly party: Party | undefined;
};

export type LabelsOptions = {
  readonly config: string;
  readonly days: number;
  readonly output: string;
  /** A sheet's file whose labels are handed in once more. */
  readonly again?: string;
  readonly dryRun: boolean;
};

/**
 * `busbar-aggregator site labels`: makes codes, writes the sheet and the file of them, and notes the labels
 * on the ledger. The files come first: a label on the ledger whose code nobody knows is of no use.
 * Throws: `Failure` `labels.*`, `ConfigError`.
 */
export async function makeLabels(wanted: readonly Wanted[], options: LabelsOptions): Promise<Told> {
  const { config: path, again, dryRun, output } = options;
  const config = loadConfig(path);
  const made =
    again === undefined
      ? withLedger(config, (ledger) => {
          const until = utcMs(ledger.application.info().time + options.days * dayMs);
          return newFile(wanted, { state: ledger.store.state, until, ...config });
        })
      : parseLabelFile(again, readText(again), config.site);
  const labels = await labelsOf(made);
  const folder = resolve(output);
  const files =
    again === undefined ? ["labels.json", "labels.html"].map((name) => join(folder, name)) : [];
  if (again === undefined && !dryRun) {
    mkdirSync(folder, { recursive: true });
    keep(join(folder, "labels.json"), labelFileText(made));
    keep(join(folder, "labels.html"), labelPage(made));
  }
  const handed = await handIn(options, (_, { member }) => ({
    kind: "labels",
    message: { member, labels },
  }));
  const isLost = !handed.ok && handed.retry === "never";
  if (isLost && !dryRun) for (const file of files) rmSync(file, { force: true });
  const names = made.labels.map(({ device }) => device);
  const day = new Date(made.until).toISOString();
  const words = [
    `${names.length === 1 ? "a label" : `${names.length} labels`} for ${names.join(", ")}, each good once before ${day}`,
    ...(files.length === 0
      ? []
      : [`to print: ${files[1]}`, `for busbar-edge flash --labels: ${files[0]}`]),
  ].join("\n");
  const about = { units: names, until: day, ...(isLost || dryRun ? {} : { files }) };
  return { handed: withAgain(handed, files[0]), words, about };
}

/** Labels of which it is not known whether they stand on the ledger are not lost. */
function withAgain(handed: Handed, file: string | undefined): Handed {
  if (handed.ok || handed.retry === "never" || file === undefined) return handed;
  const message = `${handed.message}; the sheet is kept: busbar-aggregator site labels --again ${file}`;
  return { ...handed, message };
}

function newFile(
  wanted: readonly Wanted[],
  about: {
    readonly state: StateReader;
    readonly until: LabelFile["until"];
    readonly site: string;
    readonly member: string;
  },
): LabelFile {
  const { state, until, site, member } = about;
  if (wanted.length === 0 || wanted.length > labelsMax) {
    throw stop("labels.number", `expected 1 to ${labelsMax} units at a time, got ${wanted.length}`);
  }
  const twice = wanted.find(({ device }, i) =>
    wanted.some((one, j) => j < i && one.device === device),
  );
  if (twice !== undefined) throw stop("labels.twice", `unit ${twice.device} stands twice`);
  const labels = wanted.map(({ device, owner, party }) => {
    if (devices.get(state, device) !== undefined) {
      const message = `the ledger knows ${device} already. Where its board died: busbar-aggregator replace ${device}; else call the new unit otherwise`;
      throw stop("labels.unit-known", message);
    }
    const known = owners.get(state, owner)?.party;
    return { device, owner, party: party ?? known ?? "user", code: newCode() };
  });
  return { form: "busbar-labels-1", site, member, until, labels };
}

export const newCode = () => newClaimCode((count) => new Uint8Array(randomBytes(count)));

/** What the ledger is told of a file's labels. */
async function labelsOf({ site, until, labels }: LabelFile): Promise<Label[]> {
  const list: Label[] = [];
  for (const { device, owner, party, code } of labels) {
    const key = publicKeyFromSeed((await claimKeys(code, site, nativeScrypt)).seed);
    list.push({ key, version: 1, state: "open", device, owner, party, until });
  }
  return list;
}

/** A label as people are told of it. */
export type ListedLabel = {
  readonly label: string;
  readonly device: string;
  readonly owner: string;
  readonly state: "open" | "used" | "revoked" | "expired";
  readonly until: string;
  readonly by: string;
  readonly usedAt?: string;
};

/** `busbar-aggregator site list`: what became of the labels. */
export function listLabels(
  options: { readonly config: string; readonly json: boolean },
  print: (value: object) => void,
): void {
  const list = withLedger(loadConfig(options.config), ({ store, application }) =>
    [...labelEntries.scan(store.state)].map(([, entry]) => listed(entry, application.info().time)),
  );
  if (options.json) return print({ labels: list });
  if (list.length === 0) return console.log("No label was given: busbar-aggregator site labels");
  for (const { label, device, owner, state, until, by, usedAt } of list) {
    const when = state === "used" ? `used ${usedAt}` : `${state}, until ${until}`;
    console.log(`${device.padEnd(20)} ${owner.padEnd(16)} ${when}  (${label}, by ${by})`);
  }
}

export function listed(entry: LabelEntry, now: number): ListedLabel {
  const { key, device, owner, until, member, used, usedAt } = entry;
  const open = entry.state === "open" && until <= now ? "expired" : entry.state;
  return {
    ...{ label: labelIdOf(key), device, owner, state: used === 1 ? "used" : open },
    ...{ until: new Date(until).toISOString(), by: member },
    ...(usedAt === undefined ? {} : { usedAt: new Date(usedAt).toISOString() }),
  };
}

/** `busbar-aggregator site revoke`: takes back the labels of a unit that were not used. */
export async function revokeLabels(
  device: string,
  options: { readonly config: string; readonly dryRun: boolean },
): Promise<Told> {
  let count = 0;
  const handed = await handIn(options, ({ store }, { member }) => {
    const open = labelsOfUnit(store.state, device).filter(
      ({ state, used }) => state === "open" && used === 0,
    );
    if (open.length === 0) {
      throw stop("labels.none", `${device} has no label that could still be used`);
    }
    count = open.length;
    const labels = open.map((entry) => said(entry, { state: "revoked" }));
    return { kind: "labels", message: { member, labels } };
  });
  const words = `${count === 1 ? "the label" : `${count} labels`} of ${device} counts no more`;
  return { handed, words, about: { unit: device } };
}

/** All labels that were given for a unit, the one used last first. */
export function labelsOfUnit(state: StateReader, device: string): LabelEntry[] {
  return [...labelEntries.scan(state)]
    .map(([, entry]) => entry)
    .filter((entry) => entry.device === device)
    .sort((a, b) => (b.usedAt ?? 0) - (a.usedAt ?? 0));
}

/** The next thing that is said of a label. */
export function said(entry: LabelEntry, changes: Partial<Label>): Label {
  const { key, version, device, owner, party, until, state } = entry;
  return { key, device, owner, party, until, state, ...changes, version: version + 1 };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw stop(
      "labels.unreadable",
      `${path}: cannot be read (${(cause as NodeJS.ErrnoException).code})`,
    );
  }
}

/** Whole or not at all, for its owner alone; never over a sheet that was made before. */
export function keep(path: string, content: string): void {
  const aside = `${path}.${process.pid}.new`;
  try {
    readFileSync(path);
  } catch {
    writeFileSync(aside, content, { mode: 0o600, flush: true });
    return renameSync(aside, path);
  }
  throw stop("labels.exists", `${path} is there already; give another --output`);
}

export function stop(code: string, message: string): Failure {
  return new Failure(code, message, { retry: "never" });
}
