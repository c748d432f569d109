import assert from "node:assert/strict";
import type { CellType, NumberType } from "./profile.ts";

/** Which word of a wide value comes first on the wire. */
export type WordOrder = "msw" | "lsw";

const bytesOf: Readonly<Record<NumberType, number>> = {
  u16: 2,
  s16: 2,
  u32: 4,
  s32: 4,
  u64: 8,
  s64: 8,
  f32: 4,
  f64: 8,
};

/** Registers that a value of a type takes. */
export function wordCount(type: CellType): number {
  return isNumber(type) ? bytesOf[type] / 2 : Number(type.slice("ascii:".length));
}

/**
 * A value's registers. Integers are rounded and held to the type's range, as meters do; text is cut or
 * filled with NUL.
 */
export function encodeWords(
  type: CellType,
  value: number | string,
  order: WordOrder = "msw",
): number[] {
  const words = isNumber(type) ? numberWords(type, Number(value)) : textWords(type, String(value));
  return order === "lsw" && isNumber(type) ? words.reverse() : words;
}

/** What a point that the device lacks shows. Source: SunSpec Information Model, "unimplemented". */
export function notAvailable(type: NumberType): number[] {
  switch (type) {
    case "u16":
      return [0xffff];
    case "s16":
      return [0x8000];
    case "u32":
      return [0xffff, 0xffff];
    case "s32":
      return [0x8000, 0];
    case "u64":
      return [0xffff, 0xffff, 0xffff, 0xffff];
    case "s64":
      return [0x8000, 0, 0, 0];
    case "f32":
      return [0x7fc0, 0];
    case "f64":
      return [0x7ff8, 0, 0, 0];
    default:
      return type satisfies never;
  }
}

function isNumber(type: CellType): type is NumberType {
  return !type.startsWith("ascii:");
}

function numberWords(type: NumberType, value: number): number[] {
  const view = new DataView(new ArrayBuffer(8));
  const count = bytesOf[type] / 2;
  if (type === "f32") view.setFloat32(0, value);
  else if (type === "f64") view.setFloat64(0, value);
  else {
    assert(Number.isFinite(value), `${type}: a register holds no ${value}`);
    const bits = BigInt(count * 16);
    const whole = held(BigInt(Math.round(value)), bits, type.startsWith("s"));
    view.setBigUint64(0, BigInt.asUintN(64, whole << (64n - bits)));
  }
  return Array.from({ length: count }, (_, i) => view.getUint16(i * 2));
}

function held(value: bigint, bits: bigint, signed: boolean): bigint {
  const low = signed ? -(1n << (bits - 1n)) : 0n;
  const high = (1n << (signed ? bits - 1n : bits)) - 1n;
  return value < low ? low : value > high ? high : value;
}

function textWords(type: CellType, text: string): number[] {
  const bytes = Buffer.alloc(wordCount(type) * 2);
  bytes.write(text, "ascii");
  return Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readUInt16BE(i * 2));
}
