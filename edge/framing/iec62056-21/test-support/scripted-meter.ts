import { type Carried, sevenBits, toSevenEven } from "../parity.ts";
import type { SpeedLine, SpeedMeter } from "./speed-line.ts";

/** A meter that does as its identification says, at the right speeds and no others. */
export class ScriptedMeter implements SpeedMeter {
  baud = 300;
  readouts = 0;
  acknowledged: string[] = [];
  /** Whether its characters carry a parity bit; what it hears has to be the same. */
  carried: Carried = "even";
  /** What it reads out, from STX to the block check. */
  readout: () => string;
  readonly #line: SpeedLine;
  readonly #identification: string;
  #heard = "";

  constructor(line: SpeedLine, identification: string, readout: () => string) {
    this.#line = line;
    this.#identification = identification;
    this.readout = readout;
  }

  heard(byte: number): void {
    this.#heard += String.fromCharCode(sevenBits(byte, this.carried) ?? 0x3f);
    if (this.#heard.endsWith("/?!\r\n")) this.#identify();
    // ACK, protocol 0, the speed, mode 0, line end.
    const said = this.#heard.slice(-6);
    if (!said.startsWith("\x060") || !said.endsWith("0\r\n")) return;
    this.#heard = "";
    this.acknowledged.push(said.charAt(2));
    this.baud = speeds[Number(said.charAt(2))] ?? 300;
    this.#readOut(200);
  }

  #identify(): void {
    this.#heard = "";
    this.baud = 300;
    const line = `/ABC${this.#identification}\r\n`;
    this.#line.say(this.#sent(line), 200);
    const sentMs = 200 + (line.length * 10_000) / 300;
    const letter = "@ABCDEF".indexOf(this.#identification.charAt(0));
    if (/^\d/.test(this.#identification) && this.readoutWithout === false) return;
    this.#line.later(sentMs + 1, () => {
      if (letter > 0) this.baud = speeds[letter] ?? 300;
      this.#readOut(letter > 0 ? 200 : 0);
    });
  }

  #sent(text: string): Uint8Array {
    return this.carried === "even" ? toSevenEven(text) : Buffer.from(text, "latin1");
  }

  /** Whether a meter that proposes mode C reads out without an acknowledgement. */
  readoutWithout = false;

  #readOut(afterMs: number): void {
    this.readouts += 1;
    this.#line.say(this.#sent(this.readout()), afterMs, () => {
      this.baud = 300;
    });
  }
}

const speeds = [300, 600, 1200, 2400, 4800, 9600, 19_200];
