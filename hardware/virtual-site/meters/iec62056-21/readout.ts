import type { Quantities } from "../quantities.ts";

/** What a simulated meter says of itself. */
export type IecPlate = {
  readonly mode: "A" | "B" | "C" | "D";
  /** Device address and number. */
  readonly serialNumber: string;
};

/** Its own name, with the character that proposes 9600 baud in each mode. */
export const identification = ({ mode }: IecPlate): string =>
  `/BSB${{ A: "-", B: "E", C: "5", D: "5" }[mode]}\\2SIM1000\r\n`;

/** The lines of a readout, without what frames them. */
export function readoutText({ serialNumber }: IecPlate, found: Quantities): string {
  const number = (quantity: string, unit: string, digits: readonly [number, number], part = 1) => {
    const [whole, fraction] = digits;
    const value = Math.floor((found.get(quantity) ?? 0) * part * 10 ** fraction);
    const text = String(value).padStart(whole + fraction, "0");
    return `(${text.slice(0, -fraction)}.${text.slice(-fraction)}*${unit})`;
  };
  const lines = [
    "F.F(00000000)",
    `0.0.0(${serialNumber})`,
    `1.8.0${number("energy.import.total", "kWh", [8, 4], 0.001)}`,
    "1.8.0*01(00000000.0000)",
    `2.8.0${number("energy.export.total", "kWh", [8, 4], 0.001)}`,
    `1.7.0${number("power.import.total", "kW", [4, 3], 0.001)}2.7.0${number("power.export.total", "kW", [4, 3], 0.001)}`,
    ...[1, 2, 3].map((n) => `${12 + 20 * n}.7.0${number(`voltage.l${n}`, "V", [3, 1])}`),
    "!",
  ];
  return `${lines.join("\r\n")}\r\n`;
}

/** STX, the text, ETX and the block check character: all behind STX in exclusive or. */
export function block(text: string): string {
  const checked = `${text}\x03`;
  let check = 0;
  for (const character of checked) check ^= character.charCodeAt(0);
  return `\x02${checked}${String.fromCharCode(check)}`;
}

/** Seven bits and an even parity bit, which a terminal carries as the eighth. */
export function sevenEven(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "latin1"), (character) => {
    const ones = character.toString(2).replaceAll("0", "").length;
    return ones % 2 === 1 ? character | 0x80 : character;
  });
}
