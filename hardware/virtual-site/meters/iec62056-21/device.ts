import type { Duplex } from "node:stream";
import { block, type IecPlate, identification, sevenEven } from "./readout.ts";

/** A meter's end of a line: takes requests and sends what it is to send. */
export type IecDevice = {
  /** Whether characters carry a parity bit; a terminal shows it, a gateway has taken it off. */
  readonly parity: boolean;
  /** From the end of a message to the start of its answer. */
  readonly reactionMs: number;
  readonly plate: IecPlate;
  /** The lines of a readout now; undefined before the site's clock has started. */
  readonly text: () => string | undefined;
};

/** The longest message that a reader sends: a request with a 32-character address. */
const heardMax = 40;

/** Normal protocol, a speed, readout. */
const acknowledgements = [0, 1, 2, 3, 4, 5, 6].map((speed) => `\x060${speed}0\r\n`);

/** Answers on a stream until it ends. Returns what ends it earlier. */
export function attach(device: IecDevice, stream: Duplex): () => void {
  const { parity, plate, reactionMs } = device;
  let heard = "";
  let timer: NodeJS.Timeout | undefined;
  const send = (text: string): void => {
    timer = setTimeout(() => {
      if (stream.writable) stream.write(parity ? sevenEven(text) : Buffer.from(text, "latin1"));
    }, reactionMs);
  };
  const sendReadout = (before: string): void => {
    const text = device.text();
    if (text !== undefined) send(before + block(text));
  };
  stream.on("data", (bytes: Buffer) => {
    const right = [...bytes].every(
      (byte) => !parity || sevenEven(String.fromCharCode(byte & 0x7f))[0] === byte,
    );
    // A character with the wrong parity makes the message that it is in worthless.
    heard = right
      ? (heard + Buffer.from(bytes.map((byte) => byte & 0x7f)).toString()).slice(-heardMax)
      : "";
    if (!heard.endsWith("\r\n")) return;
    const message = heard;
    heard = "";
    const asked = /\/\?([^/!]*)!\r\n$/.exec(message);
    if (asked !== null && (asked[1] === "" || asked[1] === plate.serialNumber)) {
      if (plate.mode === "C") send(identification(plate));
      else sendReadout(identification(plate));
      // At the speed that was acknowledged: "0" where the reader's line has none to change.
    } else if (plate.mode === "C" && acknowledgements.some((all) => message.endsWith(all))) {
      sendReadout("");
    }
  });
  const end = (): void => clearTimeout(timer);
  stream.on("close", end);
  return end;
}
