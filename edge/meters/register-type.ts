/** The number formats of registers: unsigned, signed (two's complement) and IEEE 754. */
export const registerTypes = ["u16", "s16", "u32", "s32", "u64", "s64", "f32", "f64"] as const;

/** A number format of one, two or four registers. */
export type RegisterType = (typeof registerTypes)[number];

/** A text in so many registers. */
export type TextType = `ascii:${number}`;

/** How many registers a value of this type fills. */
export function wordsOf(type: RegisterType | TextType): number {
  return isText(type) ? Number(type.slice("ascii:".length)) : Number(type.slice(1)) / 16;
}

/** Whether the registers hold a text. */
export const isText = (type: RegisterType | TextType): type is TextType =>
  type.startsWith("ascii:");

/** What means "no value" by type, raw and unsigned, whoever made the meter: the numbers that SunSpec
 * reserves for it (Device Information Model Specification, "data types"), which others use as well.
 * Of a float NaN says the same without being listed. */
export const notImplemented: Readonly<Record<RegisterType, readonly number[]>> = {
  u16: [0xffff],
  s16: [0x8000],
  u32: [0xffffffff],
  s32: [0x80000000],
  // 64-bit sentinels pass 2⁵³: what is as large is unknown anyway.
  u64: [],
  s64: [],
  f32: [],
  f64: [],
};
