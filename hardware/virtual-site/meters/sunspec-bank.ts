import assert from "node:assert/strict";
import { ratedWatts, type Source } from "../physics/site.ts";
import { type Bank, exception, refuse } from "./bank.ts";
import type { SunSpecProfile } from "./profile.ts";
import { inUnit, type Quantities } from "./quantities.ts";
import type { Quirks } from "./register-bank.ts";
import { encodeWords, notAvailable } from "./words.ts";

type Model = SunSpecProfile["models"][number];
type Point = Model["registers"][number];

/** "SunS". */
const marker = [0x5375, 0x6e53];
const endModel = [0xffff, 0];
const inverterModel = 103;
const meterModel = 203;
/** Every model starts with its id and length. */
const headerWords = 2;

/**
 * Points that the profiles do not list and that are no `s16` or scale factor (0x8000), by model:
 * [first offset, last offset, value]. Unimplemented enums are 0xFFFF, accumulators and event flags 0.
 * Source: SunSpec models 103 and 203.
 */
const unlisted: Readonly<Record<number, readonly (readonly [number, number, number])[]>> = {
  [inverterModel]: [
    [39, 39, 0xffff],
    [40, 43, 0],
    [44, 51, 0xffff],
  ],
  [meterModel]: [
    [55, 70, 0],
    [72, 103, 0],
    [105, 106, 0],
  ],
};

/**
 * Registers of a SunSpec device: marker, model 1, an inverter (103) at the photovoltaic plant or a
 * meter (203) elsewhere, or what `models` names, end model.
 */
export function sunspecBank(
  profile: SunSpecProfile,
  device: Quirks & {
    readonly unit: number;
    readonly source: Source;
    /** Ids of the models it has, in this order. */
    readonly models?: readonly number[] | undefined;
  },
  measure: () => Quantities,
): Bank {
  const base = profile.sunspec.bases[0] ?? 0;
  const limit = Math.min(125, device.maxRegisters ?? profile.read.maxRegisters);
  const before = [...marker, ...commonModel(device)];
  const templates = (device.models ?? [usualModel(profile, device.source)]).map((id) =>
    modelTemplate(modelOf(profile, id), id, ratedWatts[device.source]),
  );
  const length =
    before.length + templates.reduce((sum, { words }) => sum + words.length, endModel.length);

  return {
    knows: (code) => code === profile.read.function,
    read: ({ functionCode, address, count }) => {
      if (functionCode !== profile.read.function) return refuse(exception.illegalFunction);
      if (count < 1 || count > limit) return refuse(exception.illegalValue);
      const from = address - base;
      if (from < 0 || from + count > length) return refuse(exception.illegalAddress);
      const now = measure();
      const image = [...before, ...templates.flatMap((of) => filled(of, now)), ...endModel];
      return { ok: true, words: image.slice(from, from + count) };
    },
  };
}

function usualModel({ models }: SunSpecProfile, source: Source): number {
  const usual = source === "company.pv" ? inverterModel : meterModel;
  const known = models.flatMap(({ ids }) => ids);
  return known.includes(usual) ? usual : (known[0] ?? usual);
}

function modelOf({ id: profile, models }: SunSpecProfile, id: number): Model {
  const model = models.find(({ ids }) => ids.includes(id));
  assert(model !== undefined, `the profile ${profile} describes no model ${id}`);
  return model;
}

/** Model 1: who made the device. Offsets from the model's start: Mn 2, Md 18, Opt 34, Vr 42, SN 50, DA 66. */
function commonModel({ serialNumber, unit }: Quirks & { readonly unit: number }): number[] {
  return [
    1,
    66,
    ...encodeWords("ascii:16", "Busbar"),
    ...encodeWords("ascii:16", "Virtual site"),
    ...encodeWords("ascii:8", ""),
    ...encodeWords("ascii:8", "1"),
    ...encodeWords("ascii:16", serialNumber),
    unit,
    0x8000,
  ];
}

/** A model's words with everything in place but the values; and each scale factor by its offset. */
type Template = {
  readonly points: readonly Point[];
  readonly words: readonly number[];
  readonly factors: ReadonlyMap<number, number>;
};

function modelTemplate(model: Model, id: number, rating: number): Template {
  const words: number[] = new Array(headerWords + model.length).fill(0x8000);
  words[0] = id;
  words[1] = model.length;
  for (const [first, last, value] of unlisted[id] ?? []) words.fill(value, first, last + 1);
  const factors = scaleFactors(model.registers, rating);
  for (const [offset, factor] of factors) words[offset] = factor & 0xffff;
  return { points: model.registers, words, factors };
}

function filled({ points, words, factors }: Template, now: Quantities): number[] {
  const image = words.slice();
  for (const point of points) {
    const { offset, type, quantity } = point;
    const value = now.get(quantity);
    const encoded =
      value === undefined || Number.isNaN(value)
        ? notAvailable(type)
        : encodeWords(type, raw(point, value, factors));
    for (const [i, word] of encoded.entries()) image[offset + i] = word;
  }
  return image;
}

function raw(point: Point, value: number, factors: ReadonlyMap<number, number>): number {
  const factor = point.scaleFactor === undefined ? 0 : (factors.get(point.scaleFactor) ?? 0);
  const steps = inUnit(value, point.unit) / point.scale / 10 ** factor;
  // An accumulator counts whole steps and starts again at 2³².
  return isEnergy(point) ? Math.floor(steps) % 2 ** 32 : steps;
}

const isEnergy = ({ quantity, type }: Point): boolean =>
  type === "u32" && quantity.includes("energy");

/** Fixed for a device, as its maker would choose: the finest that its rating still fits into. */
function scaleFactors(points: readonly Point[], rating: number): Map<number, number> {
  const factors = new Map<number, number>();
  for (const point of points) {
    if (point.scaleFactor === undefined) continue;
    const finest = isEnergy(point) ? 0 : finestFactor(point, rating);
    factors.set(point.scaleFactor, Math.max(finest, factors.get(point.scaleFactor) ?? -2));
  }
  return factors;
}

function finestFactor(point: Point, rating: number): number {
  const most = inUnit(largest(point.quantity, rating), point.unit) / point.scale;
  const limit = point.type.startsWith("s") ? 0x7fff : 0xfffe;
  let factor = -2;
  while (most / 10 ** factor > limit) factor++;
  return factor;
}

/** The largest value that a quantity can take at a device of a rating in watts. */
function largest(quantity: string, rating: number): number {
  const [kind = ""] = quantity.split(".");
  switch (kind) {
    case "voltage":
      return 500;
    case "current":
      return (quantity === "current.sum" ? 1 : 0.5) * (rating / 200);
    case "dc":
      if (quantity.endsWith("voltage")) return 1000;
      if (quantity.endsWith("current")) return rating / 500;
      return quantity.endsWith("temperature") ? 100 : rating * 1.1;
    case "battery":
      return /soc|soh|dod|voltage/.test(quantity) ? 1 : 10_000;
    case "power":
    case "apparent":
    case "reactive":
      return rating * 1.1;
    case "frequency":
    case "temperature":
      return 100;
    default:
      return 1;
  }
}
