import { type UtcMs, wh } from "@busbar/protocol";
import {
  type Certificates,
  certifySlot,
  type Generator,
  type GreenForm,
  type GreenSale,
  isGreen,
} from "../../../settlement/certificates.ts";
import { greenAgain, greenLines, greenOpen, greenSlots, greenWaiting } from "../../certificates.ts";
import { type GreenMeter, greenMetersOf, noteGreenMeters } from "../../green-meters.ts";
import type { BlockContext, BlockRule } from "../../rule.ts";
import { settlements } from "../../settlements.ts";
import { slotEnergy } from "../../slots.ts";
import type { StateReader } from "../../state/state.ts";
import { meters } from "../../tables.ts";
import { meterStates } from "../meter-state.ts";
import { countDebts, leftToRetire, withheldIn, withholdDebts } from "./green-debts.ts";
import { contracts, slotKey } from "./tables.ts";
import { slotMs, timetable } from "./timetable.ts";
import { waitMsMax } from "./waiting.ts";

/**
 * Green certificates of settled slots: issued from the signed readings of generation meters, sold with
 * the slot's contracts of their form, retired by who used the energy. A slot waits for its generation
 * meters, `waitMsMax` at most; what readings or decisions change later is certified anew, and what
 * the slot's certificates were is in its blocks.
 */
export const certificatesRule: BlockRule = {
  name: "certificates",
  // Readings bring the blocks that this rule needs.
  due: () => false,
  run(context, touched) {
    const { state } = context;
    for (const owner of [...touched].sort()) arrive(context, owner);
    for (const [, { slot }] of greenOpen.scan(state)) {
      if (timetable(slot, context.parameters).end + waitMsMax > context.time) break;
      certify(context, slot);
      break;
    }
    for (const [key, { slot }] of [...greenAgain.scan(state)]) {
      greenAgain.delete(state, key);
      if (greenSlots.get(state, key) !== undefined) certify(context, slot);
    }
  },
};

/** Certifies a slot that is settled, or puts it on the list of those that wait for generation meters. */
export function expectCertificates(context: BlockContext, slot: UtcMs): void {
  const { state } = context;
  const all = registeredMeters(context, slot);
  if (all.length === 0) return;
  const list = noteGreenMeters(state, all, context.time);
  const away = all.filter((meter) => isPending(context, meter.id, slot));
  const owners = [...new Set(away.map(({ owner }) => owner))].sort();
  const key = slotKey(slot);
  if (owners.length === 0) return certify(context, slot, list);
  greenOpen.set(state, key, { slot, owners, meters: list });
  for (const owner of owners) greenWaiting.set(state, `${owner}/${key}`, { slot });
}

/** Takes an owner off the lists of slots that its generation meters have come to. */
function arrive(context: BlockContext, owner: string): void {
  const { state } = context;
  for (const [key, { slot }] of [...greenWaiting.scan(state, `${owner}/`)]) {
    const open = greenOpen.get(state, slotKey(slot));
    const own = metersOfSlot(context, slot, open?.meters).filter((meter) => meter.owner === owner);
    if (own.some(({ id }) => isPending(context, id, slot))) return;
    greenWaiting.delete(state, key);
    const owners = open?.owners.filter((other) => other !== owner) ?? [];
    if (open !== undefined && owners.length > 0) {
      greenOpen.set(state, slotKey(slot), { ...open, owners });
    } else certify(context, slot);
  }
}

/** The meters that a slot closed with; of one that closed without noting them those of now. */
function metersOfSlot(
  context: BlockContext,
  slot: number,
  list: number | undefined,
): readonly GreenMeter[] {
  const noted = list === undefined ? undefined : greenMetersOf(context.state, list);
  return noted ?? registeredMeters(context, slot);
}

/**
 * Meters whose energy is certified: generation meters of a green form that counted all through the slot,
 * and connection meters of one, where a plant is all that is behind them.
 */
function registeredMeters({ state, parameters }: BlockContext, slot: number): GreenMeter[] {
  const end = slot + slotMs(parameters);
  const found = Array.from(meters.scan(state)).flatMap(([id, { role, form, owner, until }]) => {
    if (!isGreen(form) || (until !== undefined && until < end)) return [];
    return role === "generation" || role === "connection" ? [{ id, owner, form, role }] : [];
  });
  const withPlant = new Set(
    found.flatMap(({ role, owner }) => (role === "generation" ? [owner] : [])),
  );
  return found.flatMap(({ id, owner, form, role }): GreenMeter[] => {
    if (role === "generation") return [{ id, owner, form, isWhole: 0 }];
    return withPlant.has(owner) ? [] : [{ id, owner, form, isWhole: 1 }];
  });
}

/** Whether a meter may still show what the slot held. */
function isPending({ state, parameters }: BlockContext, meter: string, slot: UtcMs): boolean {
  const lengthMs = slotMs(parameters);
  if (slotEnergy(state, meter, slot, lengthMs) !== undefined) return false;
  const last = meterStates.get(state, meter)?.energyTime;
  return last === undefined || last < slot + lengthMs;
}

function certify(
  context: BlockContext,
  slot: UtcMs,
  list = greenSlots.get(context.state, slotKey(slot))?.meters,
): void {
  const { state, height, emit } = context;
  const key = slotKey(slot);
  const open = greenOpen.get(state, key);
  for (const owner of open?.owners ?? []) greenWaiting.delete(state, `${owner}/${key}`);
  greenOpen.delete(state, key);
  const noted = list ?? open?.meters;
  const version = (greenSlots.get(state, key)?.version ?? 0) + 1;
  const made = generatorsOf(context, slot, metersOfSlot(context, slot, noted));
  if (version === 1) withholdDebts(context, slot, made);
  const withheld = withheldIn(state, key);
  const generators = made.map((one) => ({ ...one, withheld: withheld.get(one.owner) ?? {} }));
  const certified = certifySlot(generators, salesOf(state, slot));
  const { sales } = certified;
  const certificates = certified.certificates.map((one) => leftToRetire(state, key, one));
  const before = [...greenLines.scan(state, `${key}/`)];
  if (version > 1 && isSame(before, certificates)) return;
  for (const [id] of before) greenLines.delete(state, id);
  for (const { owner, form, ...line } of certificates) {
    greenLines.set(state, `${key}/${owner}/${form}`, line);
  }
  greenSlots.set(state, key, {
    version,
    height,
    ...(noted === undefined ? {} : { meters: noted }),
  });
  countDebts(state, key);
  emit({ type: "slot-certified", slot, version, certificates, sales });
}

function isSame(
  before: readonly (readonly [string, Omit<Certificates, "owner" | "form">])[],
  after: readonly Certificates[],
): boolean {
  const text = (line: Omit<Certificates, "owner" | "form">) =>
    [line.issuedWh, line.boughtWh, line.soldWh, line.retiredWh].join();
  const known = new Map(before.map(([id, line]) => [id.slice(id.indexOf("/") + 1), text(line)]));
  return (
    known.size === after.length &&
    after.every((line) => known.get(`${line.owner}/${line.form}`) === text(line))
  );
}

/** Everybody that was settled in the slot, or made something in it. */
function generatorsOf(
  { state, parameters }: BlockContext,
  slot: UtcMs,
  meters: readonly GreenMeter[],
): Generator[] {
  const nets = new Map<string, number | undefined>();
  for (const [id, { versions }] of settlements.scan(state, `${slotKey(slot)}/`)) {
    const [, owner = ""] = id.split("/");
    const last = versions.at(-1);
    if (last === undefined) continue;
    const { importWh, exportWh } = last;
    const known = importWh !== undefined && exportWh !== undefined;
    nets.set(owner, known ? exportWh - importWh : undefined);
  }
  const made = new Map<string, Partial<Record<GreenForm, number>>>();
  for (const { id, owner, form, isWhole } of meters) {
    const energy = slotEnergy(state, id, slot, slotMs(parameters));
    if (energy === undefined) continue;
    const own = made.get(owner) ?? {};
    const shown = isWhole === 1 ? Math.max(0, energy.exportWh - energy.importWh) : energy.exportWh;
    made.set(owner, { ...own, [form]: (own[form] ?? 0) + shown });
    if (!nets.has(owner)) nets.set(owner, undefined);
  }
  return Array.from(nets, ([owner, netWh]) => {
    const { solar, wind } = made.get(owner) ?? {};
    const forms = {
      ...(solar === undefined ? {} : { solar: wh(solar) }),
      ...(wind === undefined ? {} : { wind: wh(wind) }),
    };
    return { owner, made: forms, netWh };
  });
}

/** The slot's contracts of green energy; void ones sold nothing. */
function salesOf(state: StateReader, slot: number): GreenSale[] {
  return Array.from(contracts.scan(state, `${slotKey(slot)}-`)).flatMap(
    ([contract, { seller, buyer, energy, form, isVoid }]) =>
      isVoid === 1 || !isGreen(form) ? [] : [{ contract, seller, buyer, energy, form }],
  );
}
