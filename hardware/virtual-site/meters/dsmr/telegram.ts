import type { Quantities } from "../quantities.ts";

/** A simulated P1 meter: a Dutch one with two tariffs, or a Swedish one with totals. */
export type DsmrPlate = {
  readonly kind: "nl" | "se" | "nl-2.2";
  /** What the meter says its number is. */
  readonly serialNumber: string;
};

/** What a meter sends at an instant (ms since 1970 UTC). */
export function telegram(plate: DsmrPlate, quantities: Quantities, timeMs: number): Uint8Array {
  const lines = linesOf(plate, quantities, timeMs);
  const body = `${lines.join("\r\n")}\r\n!`;
  if (plate.kind === "nl-2.2") return sevenEven(`${body}\r\n`);
  const crc = checksum(body).toString(16).toUpperCase().padStart(4, "0");
  return Uint8Array.from(Buffer.from(`${body}${crc}\r\n`, "latin1"));
}

function linesOf({ kind, serialNumber }: DsmrPlate, found: Quantities, timeMs: number): string[] {
  const number = (quantity: string, whole: number, fraction: number, part = 1): string => {
    const scaled = Math.floor((found.get(quantity) ?? 0) * part * 10 ** fraction);
    // A counter rolls over where its digits end; a power takes another digit.
    const shown = quantity.startsWith("energy") ? scaled % 10 ** (whole + fraction) : scaled;
    const digits = String(shown).padStart(whole + fraction, "0");
    return fraction === 0 ? digits : `${digits.slice(0, -fraction)}.${digits.slice(-fraction)}`;
  };
  const time = stamp(timeMs);
  const serial = Buffer.from(serialNumber, "latin1").toString("hex").toUpperCase();
  if (kind === "se") {
    return [
      "/ELL5\\253833635_A",
      "",
      `0-0:1.0.0(${time})`,
      `1-0:1.8.0(${number("energy.import.total", 8, 3, 0.001)}*kWh)`,
      `1-0:2.8.0(${number("energy.export.total", 8, 3, 0.001)}*kWh)`,
      `1-0:1.7.0(${number("power.import.total", 4, 3, 0.001)}*kW)`,
      `1-0:2.7.0(${number("power.export.total", 4, 3, 0.001)}*kW)`,
      ...phases(found).map(([code, value]) => `1-0:${code}(${value})`),
    ];
  }
  const old = kind === "nl-2.2";
  const whole = old ? 5 : 6;
  // Two fifths of all energy at the low tariff; both round down, as their sum then does.
  const tariffs = ["energy.import.total", "energy.export.total"].flatMap((quantity, i) => [
    `1-0:${i + 1}.8.1(${number(quantity, whole, 3, 0.0004)}*kWh)`,
    `1-0:${i + 1}.8.2(${number(quantity, whole, 3, 0.0006)}*kWh)`,
  ]);
  return [
    old ? "/ISk5\\2MT382-1004" : "/ISK5\\2M550T-1012",
    "",
    ...(old ? [] : ["1-3:0.2.8(50)", `0-0:1.0.0(${time})`]),
    `0-0:96.1.1(${serial})`,
    ...tariffs,
    "0-0:96.14.0(0002)",
    `1-0:1.7.0(${number("power.import.total", old ? 4 : 2, old ? 2 : 3, 0.001)}*kW)`,
    `1-0:2.7.0(${number("power.export.total", old ? 4 : 2, old ? 2 : 3, 0.001)}*kW)`,
    "0-0:96.13.0()",
    ...(old ? [] : phases(found).map(([code, value]) => `1-0:${code}(${value})`)),
    "0-1:24.1.0(003)",
    "0-1:96.1.0(4730303332353633353639373038303132)",
    ...(old
      ? [`0-1:24.3.0(${time.slice(0, 8)}0000)(00)(60)(1)(0-1:24.2.1)(m3)`, "(00371.471)"]
      : [`0-1:24.2.1(${time})(00371.471*m3)`]),
  ];
}

function phases(found: Quantities): [code: string, value: string][] {
  return [1, 2, 3].map((n) => {
    const volts = Math.round((found.get(`voltage.l${n}`) ?? 0) * 10) / 10;
    return [`${12 + 20 * n}.7.0`, `${volts.toFixed(1).padStart(5, "0")}*V`];
  });
}

/** YYMMDDhhmmss and W in central European winter time, the season that never changes here. */
function stamp(timeMs: number): string {
  const text = new Date(timeMs + 3_600_000).toISOString();
  return `${text.slice(2, 19).replace(/\D/g, "")}W`;
}

/** CRC-16/ARC, bit by bit. */
function checksum(text: string): number {
  let crc = 0;
  for (const byte of Buffer.from(text, "latin1")) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
  }
  return crc;
}

/** Seven bits and an even parity bit, which a terminal carries as the eighth. */
function sevenEven(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "latin1"), (character) => {
    const ones = character.toString(2).replaceAll("0", "").length;
    return ones % 2 === 1 ? character | 0x80 : character;
  });
}
