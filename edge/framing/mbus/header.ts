import { command, encodeLong, selectedAddress, selectMeter } from "./frame.ts";

/** Why a telegram cannot be read. `at` counts from the first byte of its data field. */
export type MbusRefusal = {
  readonly ok: false;
  readonly code: string;
  readonly at: number;
  readonly message: string;
};

/** Who answers, and where its records start. */
export type MbusHeader = {
  /** Absent in the short header (CI 7Ah). */
  readonly meter: MbusMeterId | undefined;
  readonly accessNumber: number;
  readonly status: number;
  readonly recordsAt: number;
  /** Mode 2 (CI 76h): the most significant byte of a value comes first. */
  readonly bigEndian: boolean;
};

/** A secondary address: EN 13757-3 §5.5 … 5.8. */
export type MbusMeterId = {
  /** Eight digits; a meter may show letters where it is broken. */
  readonly id: string;
  /** Three letters, as registered. */
  readonly manufacturer: string;
  readonly version: number;
  readonly medium: number;
  /** Sixteen hex digits, as readers list meters: id, manufacturer, version, medium. */
  readonly secondary: string;
};

/** The medium code of electricity: EN 13757-3 Table 13. */
export const electricity = 0x02;

const longHeader = 12;
const shortHeader = 4;

/** What a CI field says when it brings no records. */
const otherCi: ReadonlyMap<number, string> = new Map([
  [0x70, "the meter reports an application error"],
  [0x71, "the meter reports an alarm"],
  [0x73, "the fixed data structure, given up by EN 13757-3, is not read"],
  [0x77, "the fixed data structure, given up by EN 13757-3, is not read"],
]);

/** Reads the header of an answer with variable data. */
export function readHeader(
  ci: number,
  data: Uint8Array,
): { readonly ok: true; readonly header: MbusHeader } | MbusRefusal {
  const bigEndian = ci === 0x76;
  if (ci !== 0x72 && ci !== 0x7a && !bigEndian) {
    const text = otherCi.get(ci) ?? "only 72h, 76h and 7Ah bring variable data";
    return refuse("mbus.ci", 0, `CI field ${ci.toString(16)}h: ${text}`);
  }
  const size = ci === 0x7a ? shortHeader : longHeader;
  if (data.length < size) {
    return refuse("mbus.header", 0, `the header takes ${size} bytes, ${data.length} are there`);
  }
  const [accessNumber = 0, status = 0, low = 0, high = 0] = data.slice(size - shortHeader, size);
  const mode = (bigEndian ? low : high) & 0x1f;
  if (mode !== 0) {
    return refuse("mbus.encrypted", size - 2, `the records are encrypted (mode ${mode})`);
  }
  const meter = ci === 0x7a ? undefined : meterId(data, bigEndian);
  return { ok: true, header: { meter, accessNumber, status, recordsAt: size, bigEndian } };
}

export const refuse = (code: string, at: number, message: string): MbusRefusal => ({
  ok: false,
  code,
  at,
  message,
});

function meterId(data: Uint8Array, bigEndian: boolean): MbusMeterId {
  const ordered = (from: number, to: number) =>
    bigEndian ? data.slice(from, to) : data.slice(from, to).reverse();
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex").toUpperCase();
  const id = hex(ordered(0, 4));
  const maker = ordered(4, 6);
  const [version = 0, medium = 0] = data.slice(6, 8);
  const secondary = `${id}${hex(maker.slice().reverse())}${hex(data.slice(6, 8))}`;
  return { id, manufacturer: makerOf(maker), version, medium, secondary };
}

/** Three letters of five bits: §5.6. */
function makerOf([high = 0, low = 0]: Uint8Array): string {
  const word = (high << 8) | low;
  return String.fromCharCode(
    ...[word >>> 10, word >>> 5, word].map((bits) => 0x40 + (bits & 0x1f)),
  );
}

const patternShape = /^[0-9F]{8}([0-9A-F]{8})?$/;

/**
 * A secondary address to select by: eight digits, or sixteen with manufacturer, version and medium;
 * `F` in a place means any. Undefined when it is none.
 */
export function parseSecondary(text: string): string | undefined {
  const upper = text.toUpperCase();
  return patternShape.test(upper) ? upper.padEnd(16, "F") : undefined;
}

/** Whether a meter is meant by the pattern. */
export function meansMeter(pattern: string, { secondary }: MbusMeterId): boolean {
  return [...pattern].every((digit, i) => digit === "F" || digit === secondary[i]);
}

/** The frame that selects the meters of a pattern; those meant confirm it. */
export function encodeSelect(pattern: string): Uint8Array {
  const id = Buffer.from(pattern.slice(0, 8), "hex").reverse();
  const rest = Buffer.from(pattern.slice(8), "hex");
  return encodeLong({
    control: command.sendUserData,
    address: selectedAddress,
    ci: selectMeter,
    data: Buffer.concat([id, rest]),
  });
}
