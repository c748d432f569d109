import { anyAddress, control, encodeFrame } from "../framing/dlt645/frame.ts";
import { Dlt645Framer } from "../framing/dlt645/framer.ts";
import { readMessage } from "../framing/dlt645/message.ts";
import { iecFramer } from "../framing/iec62056-21/frame.ts";
import { toSevenEven } from "../framing/iec62056-21/parity.ts";
import { acknowledge, command, encodeShort, respondUserData } from "../framing/mbus/frame.ts";
import { MbusFramer } from "../framing/mbus/framer.ts";
import { readAnswer } from "../framing/mbus/values.ts";
import type { Patience, ProbeLine } from "../framing/probe-line.ts";
import type { MeterIdentity } from "./reading.ts";

/** Who answered, and by which address of its protocol it is asked. */
export type Answered = { readonly identity: MeterIdentity; readonly address?: string };

/** A request is sent again once: a wrong bit must not hide a meter. */
const attempts = 2;

async function asked<T>(ask: () => Promise<T | undefined>): Promise<T | undefined> {
  for (let left = attempts; left > 0; left -= 1) {
    const found = await ask();
    if (found !== undefined) return found;
  }
  return undefined;
}

const dlt645Patience: Patience = { quietMs: 800, totalMs: 3000 };
const wake = Uint8Array.of(0xfe, 0xfe, 0xfe, 0xfe);

/** Asks whichever DL/T 645 meter is there for its address (13H); several talk at once and are not found. */
export async function askDlt645(probe: ProbeLine): Promise<Answered[]> {
  const data = new Uint8Array(0);
  const frame = encodeFrame({ address: anyAddress, control: control.readAddress, data });
  const finder = () => {
    const framer = new Dlt645Framer();
    return (bytes: Uint8Array) => {
      for (const item of framer.push(bytes)) {
        if (item.kind === "damage") continue;
        const read = readMessage(item);
        if (read.ok && read.message.kind === "address") return read.message.address;
      }
      return undefined;
    };
  };
  const request = Buffer.concat([wake, frame]);
  const address = await asked(() => probe.ask(request, finder(), dlt645Patience));
  if (address === undefined) return [];
  return [{ identity: { profile: "dlt645-2007", serialNumber: address }, address }];
}

/** Answers start within 330 bits + 50 ms, 190 ms at 2400 baud; converters and gateways add to it. */
const mbusQuietMs = (baud: number) => 400 + 330_000 / baud;
/** To every meter, which all answer. */
const everyMeter = 254;

/**
 * Asks whichever M-Bus meter is there who it is. Where several answer at once, the primary addresses
 * named are asked one by one.
 */
export async function askMbus(
  probe: ProbeLine,
  { baud, addresses }: { readonly baud: number; readonly addresses: readonly number[] },
): Promise<Answered[]> {
  const quietMs = mbusQuietMs(baud);
  const patience = { quietMs, totalMs: 12_000 };
  const reset = encodeShort(command.sendNke, everyMeter);
  let bytes = 0;
  const confirmation = (came: Uint8Array) => {
    bytes += came.length;
    return came.includes(acknowledge) || undefined;
  };
  const confirmed = await probe.ask(reset, confirmation, patience);
  const only = await probe.ask(requestOf(everyMeter), mbusFinder(), patience);
  if (only !== undefined) return [mbusAnswered(only, everyMeter)];
  // No more than an echo.
  if (confirmed === undefined && bytes <= reset.length) return [];
  const found: Answered[] = [];
  for (const address of addresses) {
    const answer = await probe.ask(requestOf(address), mbusFinder(), patience);
    if (answer !== undefined) found.push(mbusAnswered(answer, address));
  }
  return found;
}

const requestOf = (address: number) => encodeShort(command.requestUserData | command.fcb, address);

type MbusFound = NonNullable<ReturnType<ReturnType<typeof mbusFinder>>>;

function mbusFinder() {
  const framer = new MbusFramer();
  return (bytes: Uint8Array) => {
    for (const item of framer.push(bytes)) {
      if (item.kind !== "long" || (item.control & 0x0f) !== respondUserData) continue;
      const answer = readAnswer(item.ci, item.data);
      if (answer.ok) return answer;
    }
    return undefined;
  };
}

/** By its own number where it says one: primary addresses are 0 from the factory. */
function mbusAnswered({ header: { meter } }: MbusFound, address: number): Answered {
  if (meter === undefined || !/^\d{8}$/.test(meter.id)) {
    return { identity: { profile: "mbus" }, address: String(address) };
  }
  const model = `${meter.manufacturer} version ${meter.version}, medium ${meter.medium}`;
  return { identity: { profile: "mbus", serialNumber: meter.id, model }, address: meter.id };
}

/**
 * Signs on to whichever IEC 62056-21 meter is there. Its number stands in its readout, which may take
 * minutes and is not waited for.
 */
export async function signOn(probe: ProbeLine, baud: number): Promise<Answered[]> {
  const text = "/?!\r\n";
  // §6.6: a meter reacts within 1500 ms; then come up to 30 characters.
  const patience = { quietMs: 2500, totalMs: 3000 + 400_000 / baud };
  const finder = () => {
    const framer = iecFramer("polled");
    return (bytes: Uint8Array) => {
      for (const item of framer.push(bytes)) {
        if (item.kind === "damage" || item.telegram.kind !== "identification") continue;
        return item.telegram.identification;
      }
      return undefined;
    };
  };
  // With parity bits first, then as a meter wants it that is set to 8N1.
  for (const request of [toSevenEven(text), Buffer.from(text, "latin1")]) {
    const found = await probe.ask(request, finder(), patience);
    if (found === undefined) continue;
    const model = `${found.manufacturer} ${found.type}`.trim();
    return [{ identity: { profile: "iec62056-21", model } }];
  }
  return [];
}
