import type { Identification } from "./frame.ts";

/** How a readout is asked for after the identification. */
export type Proposal = {
  readonly mode: "A" | "B" | "C";
  /** Of the readout. */
  readonly baud: number;
  /** What the meter waits for before it sends, in mode C. */
  readonly acknowledgement: string | undefined;
};

/** Speeds by their place: "0" or "@" is the first. Source: IEC 62056-21 §6.3.14, table of Z. */
const speeds = [300, 600, 1200, 2400, 4800, 9600, 19_200] as const;

/**
 * The readout that an identification proposes: a digit is mode C, A to F mode B, anything else
 * mode A. `mode` overrules it. `fixed` is a line whose speed cannot change; it stays at `startBaud`.
 */
export function proposalOf(
  { baudCharacter }: Identification,
  options: {
    readonly mode: "auto" | "A" | "B" | "C";
    readonly startBaud: number;
    readonly baudMax: number;
    readonly fixed: boolean;
  },
): Proposal {
  const { startBaud, baudMax, fixed } = options;
  const digit = "0123456".indexOf(baudCharacter);
  const letter = "@ABCDEF".indexOf(baudCharacter);
  const mode =
    options.mode === "auto" ? (digit >= 0 ? "C" : letter >= 1 ? "B" : "A") : options.mode;
  if (mode === "A") return { mode, baud: startBaud, acknowledgement: undefined };
  if (mode === "B") {
    return { mode, baud: speeds[letter] ?? startBaud, acknowledgement: undefined };
  }
  const wanted = fixed ? startBaud : Math.min(speeds[digit] ?? startBaud, baudMax);
  const place = Math.max(
    0,
    speeds.findLastIndex((baud) => baud <= wanted),
  );
  // Protocol 0 (normal), speed, mode 0 (data readout): never programming mode.
  const acknowledgement = `\x060${place}0\r\n`;
  return { mode, baud: fixed ? startBaud : (speeds[place] ?? startBaud), acknowledgement };
}
