import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { type DeviceChange, type Label, labelIdOf, utcMs } from "@busbar/protocol";
import { claimKeys } from "@busbar/protocol/claim";
import { nativeScrypt, publicKeyFromSeed } from "@busbar/protocol/node";
import { loadConfig } from "../config/load.ts";
import { suspendedSince } from "../ledger/device-status.ts";
import type { LabelEntry } from "../ledger/labels.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { devices, owners } from "../ledger/tables.ts";
import { changeUnit } from "./cases.ts";
import { type LabelFile, labelFileText } from "./label-file.ts";
import { labelPage } from "./label-page.ts";
import { keep, labelsOfUnit, newCode, said, stop } from "./labels.ts";
import { handIn, type Told, withLedger } from "./transaction.ts";

const dayMs = 86_400_000;

export type ReplaceOptions = {
  readonly config: string;
  readonly reason: DeviceChange["reason"];
  readonly days: number;
  /** The label at the place is gone, or others may have its code. */
  readonly newLabel: boolean;
  readonly output: string;
  readonly dryRun: boolean;
};

/**
 * `busbar-aggregator replace UNIT`: a unit's board is dead or gone. Its key counts for nothing from now on,
 * and its label may be used once more, by the unit that takes its place. Said again it says nothing twice.
 * Throws: `Failure` `replace.unknown`, `replace.no-label`, `labels.*`.
 */
export async function replaceUnit(device: string, options: ReplaceOptions): Promise<Told> {
  const { config: path, newLabel, dryRun } = options;
  const config = loadConfig(path);
  const now = withLedger(config, ({ store, application }) => {
    const known = devices.get(store.state, device);
    if (known === undefined) {
      const message = `no unit ${device} is on the ledger; busbar-aggregator site list shows labels, the portal the units`;
      throw stop("replace.unknown", message);
    }
    return {
      old: newLabel ? undefined : oldLabel(store.state, device),
      owner: known.owner,
      party: owners.get(store.state, known.owner)?.party ?? "user",
      suspended: suspendedSince(store.state, device) !== undefined,
      until: utcMs(application.info().time + options.days * dayMs),
    };
  });
  const { owner, party, until } = now;
  const about = { unit: device, owner, until: new Date(until).toISOString() };
  if (!now.suspended) {
    const { handed } = await changeUnit("suspend", device, options);
    if (!handed.ok) return { handed, words: "", about };
  }
  const { label, file } =
    now.old === undefined
      ? await freshLabel({ device, owner, party, until }, { ...options, config })
      : { label: renewed(now.old, until), file: undefined };
  const handed = await handIn(options, (_, { member }) => ({
    kind: "labels",
    message: { member, labels: [label] },
  }));
  const which = file === undefined ? "its old label is good once more" : `its new label: ${file}`;
  const words = [
    `${device}: the old unit's key counts no more; ${which}, before ${about.until}`,
    "Next: busbar-edge flash a new card with the unit's site.yaml (configuration: the commissioning sheet's",
    "JSON) and --code with the label's code; put it in, and scan the label. What was not read meanwhile is estimated, and marked so.",
  ].join("\n");
  const files = file === undefined || dryRun ? {} : { files: [file] };
  return { handed, words, about: { ...about, label: labelIdOf(label.key), ...files } };
}

function oldLabel(state: StateReader, device: string): LabelEntry {
  const [last] = labelsOfUnit(state, device);
  if (last !== undefined) return last;
  const message = `${device} has no label, so there is none to scan again: add --new-label`;
  throw stop("replace.no-label", message);
}

/** One that is open already for the unit's place, and for long enough, stays as it is. */
function renewed(entry: LabelEntry, until: Label["until"]): Label {
  const isOpen = entry.state === "open" && entry.used === 0 && entry.takes === "place";
  if (!isOpen || entry.until < until - dayMs) return said(entry, { state: "open", until });
  const { key, version, state, device, owner, party } = entry;
  return { key, version, state, device, owner, party, until: entry.until };
}

async function freshLabel(
  { device, owner, party, until }: Omit<Label, "key" | "version" | "state">,
  {
    config: { site, member },
    output,
    dryRun,
  }: {
    readonly config: { readonly site: string; readonly member: string };
    readonly output: string;
    readonly dryRun: boolean;
  },
): Promise<{ readonly label: Label; readonly file: string }> {
  const code = newCode();
  const folder = resolve(output);
  const made: LabelFile = {
    ...{ form: "busbar-labels-1", site, member, until },
    labels: [{ device, owner, party, code }],
  };
  if (!dryRun) {
    mkdirSync(folder, { recursive: true });
    keep(join(folder, `label-${device}.json`), labelFileText(made));
    keep(join(folder, `label-${device}.html`), labelPage(made));
  }
  const key = publicKeyFromSeed((await claimKeys(code, site, nativeScrypt)).seed);
  const label = { key, version: 1, state: "open", device, owner, party, until } as const;
  return { label, file: join(folder, `label-${device}.html`) };
}
