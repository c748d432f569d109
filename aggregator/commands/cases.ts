import {
  type Correction,
  type DeviceChange,
  type Objection,
  type Ruling,
  utcMs,
  wh,
} from "@busbar/protocol";
import { loadConfig } from "../config/load.ts";
import { corrections, meterSlotId } from "../ledger/corrections.ts";
import { deviceStatuses } from "../ledger/device-status.ts";
import { caseId } from "../ledger/rules/cases/cases.ts";
import { cases } from "../ledger/rules/cases/tables.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { casesOf, findCase, type ListedCase } from "./case-list.ts";
import { handIn, type Told, withLedger } from "./transaction.ts";

/** What all of these commands take. */
export type CaseOptions = {
  readonly config: string;
  readonly dryRun: boolean;
  readonly note?: string;
};

/** `busbar-aggregator cases`: what is before the members. */
export function listCases(
  options: { readonly config: string; readonly all: boolean; readonly json: boolean },
  print: (value: object) => void,
): void {
  const list = withLedger(loadConfig(options.config), ({ store }) => casesOf(store.state, options));
  if (options.json) return print({ cases: list });
  for (const line of caseLines(list)) console.log(line);
}

/** Cases as lines of text. */
export function caseLines(list: readonly ListedCase[]): string[] {
  if (list.length === 0) return ["No case is before the members."];
  return list.flatMap(({ id, what, slot, by, until, outcome, uphold, reject, needed }) => [
    `${id.slice(0, 12)}  ${outcome === "open" ? `open until ${until}` : outcome}`,
    `  ${by}: ${what}, slot ${slot}`,
    `  uphold: ${uphold.join(", ") || "nobody"} (${needed} needed); reject: ${reject.join(", ") || "nobody"}`,
  ]);
}

/** `busbar-aggregator correct METER`: lays before the members what a slot held in truth. */
export async function correct(
  meter: string,
  options: CaseOptions & {
    readonly slot: number;
    readonly importWh: number;
    readonly exportWh: number;
    readonly reason: Correction["reason"];
  },
): Promise<Told> {
  const { slot, importWh, exportWh, reason } = options;
  const handed = await handIn(options, ({ store }, { member }) => {
    const version = correctionVersion(store.state, slot, meter);
    const energy = { importWh: wh(importWh), exportWh: wh(exportWh) };
    const about = { member, meter, slot: utcMs(slot), version, ...energy, reason };
    return { kind: "correction", message: { ...about, ...noteOf(options) } };
  });
  const words = `the members decide on ${meter}: ${importWh} Wh drawn, ${exportWh} Wh given`;
  return { handed, words, about: { meter, slot, importWh, exportWh } };
}

/** `busbar-aggregator object CONTRACT`: holds a contract until the members decided. */
export async function object(
  contract: string,
  options: CaseOptions & {
    readonly against: Objection["against"];
    readonly reason: Objection["reason"];
  },
): Promise<Told> {
  const { against, reason } = options;
  const handed = await handIn(options, (_, { member }) => {
    const message = { by: member, contract, against, reason, ...noteOf(options) };
    return { kind: "objection", message };
  });
  return { handed, words: `contract ${contract} is held`, about: { contract } };
}

/** `busbar-aggregator decide CASE uphold|reject`: gives the member's word. */
export async function decide(
  which: string,
  word: Ruling["word"],
  options: Omit<CaseOptions, "note">,
): Promise<Told> {
  let what = which;
  const handed = await handIn(options, ({ store }, { member }) => {
    const found = findCase(store.state, which);
    what = found.what;
    const motion = new Uint8Array(Buffer.from(found.id, "hex"));
    const slot = utcMs(Date.parse(found.slot));
    return { kind: "ruling", message: { member, slot, motion, word } };
  });
  return { handed, words: `said ${word}: ${what}`, about: { case: what, word } };
}

/** `busbar-aggregator unit suspend|resume UNIT`. */
export async function changeUnit(
  change: DeviceChange["change"],
  device: string,
  options: CaseOptions & { readonly reason: DeviceChange["reason"] },
): Promise<Told> {
  const handed = await handIn(options, ({ store }, { member }) => {
    const version = (deviceStatuses.get(store.state, device)?.version ?? 0) + 1;
    const about = { by: member, device, version, change, reason: options.reason };
    return { kind: "device-change", message: { ...about, ...noteOf(options) } };
  });
  const words = `${device} is ${change === "suspend" ? "suspended" : "resumed"}`;
  return { handed, words, about: { device, change } };
}

/** The next number; the last one's while that is open, so that the same again is known. */
export function correctionVersion(state: StateReader, slot: number, meter: string): number {
  const last = corrections.get(state, meterSlotId(slot, meter));
  if (last === undefined) return 1;
  const isOpen = cases.get(state, caseId(slot, last.motion))?.outcome === "open";
  return last.version + (isOpen ? 0 : 1);
}

function noteOf({ note }: { readonly note?: string }): { note?: string } {
  return note === undefined ? {} : { note };
}
