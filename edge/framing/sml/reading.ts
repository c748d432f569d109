import { type Decimal, multiply, withResolution } from "../../meters/decimal.ts";
import type { SmlEntry, SmlList } from "./file.ts";
import { smlObject, smlUnit } from "./objects.ts";
import { hex, readServerId, type SmlServer } from "./server-id.ts";

/** A value of a meter, in its unit. */
export type SmlReading = {
  readonly obis: string | undefined;
  readonly quantity: string;
  readonly unit: string;
  readonly scaler: number;
  /** Undefined where the meter does not say it, or says it doubtfully. */
  readonly value: Decimal | undefined;
  /** The value's bytes as they came. */
  readonly raw: readonly number[];
  /** UTC seconds since 1970. */
  readonly time: number | undefined;
  /** What an object says that is no number. */
  readonly text: string | undefined;
};

/** What negative powers of a DZG meter in fewer than four bytes are, see `isDoubtful`. */
export type SmlShortNegatives = "doubtful" | "signed" | "unsigned";

/** The values of a list, in its order. */
export function smlReadings(
  list: SmlList,
  shortNegatives: SmlShortNegatives = "doubtful",
): SmlReading[] {
  const server = readServerId(list.serverId);
  return list.entries.map((entry) => readingOf(entry, server, shortNegatives));
}

function readingOf(
  entry: SmlEntry,
  server: SmlServer,
  shortNegatives: SmlShortNegatives,
): SmlReading {
  const { value: node, scaler, time } = entry;
  const { obis, quantity, unit: expected } = smlObject(entry.name);
  const unit = smlUnit(entry.unit);
  const common = { obis, quantity, unit, scaler, time, text: undefined };
  if (node.kind !== "integer") {
    const raw = node.kind === "octets" ? [...node.bytes] : [];
    return { ...common, value: undefined, raw, text: textOf(node, quantity) };
  }
  const raw = [...node.bytes];
  const doubtful = node.value < 0n && isDoubtful(quantity, raw.length, server);
  const asSent = !doubtful || shortNegatives === "signed";
  const value = asSent ? node.value : BigInt.asUintN(8 * raw.length, node.value);
  // A unit that the quantity does not have is a fault of the meter, of this table, or of the line.
  const trusted = expected === undefined || expected === unit;
  const known = trusted && (!doubtful || shortNegatives !== "doubtful");
  return { ...common, value: known ? scaled(value, scaler) : undefined, raw };
}

/** Serial numbers from here on are of repaired meters. */
const dzgSerialSound = 60_000_000;

/**
 * DZG meters with serial numbers below 60 000 000 write a positive power of 327.68 to 655.35 W as two
 * unsigned bytes under the mark of signed ones, so that 356.24 W reads as −299.12 W; other meters of
 * the same years write true negative powers that way. Nothing in the telegram tells them apart
 * (volkszaehler/libsml pull requests 66 and 136, issues 105 and 162).
 */
function isDoubtful(quantity: string, bytes: number, server: SmlServer): boolean {
  const { manufacturer, serialNumber = 0 } = server;
  if (manufacturer !== "DZG" || serialNumber >= dzgSerialSound) return false;
  return bytes < 4 && /^power\./.test(quantity);
}

function scaled(value: bigint, scaler: number): Decimal | undefined {
  const mantissa = Number(value);
  if (!Number.isSafeInteger(mantissa)) return undefined;
  const decimal = multiply({ mantissa, exponent: 0 }, { mantissa: 1, exponent: scaler });
  return decimal && withResolution(decimal, 10 ** scaler);
}

function textOf(node: SmlEntry["value"], quantity: string): string | undefined {
  if (node.kind === "boolean") return String(node.value);
  if (node.kind !== "octets" || node.bytes.length === 0) return undefined;
  if (quantity === "device.id") return readServerId(node.bytes).address;
  const printable = node.bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
  return printable ? String.fromCharCode(...node.bytes) : hex(node.bytes);
}
