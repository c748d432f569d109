import { Failure } from "@busbar/protocol";
import type { ModbusProfile, Profile } from "../meters/profile.ts";
import { captureBytes } from "./capture-bytes.ts";
import { type CaptureProtocol, captureProtocols, isCaptureProtocol } from "./capture-protocols.ts";
import { decodeDlt645 } from "./dlt645/capture.ts";
import { decodeDsmr } from "./dsmr/capture.ts";
import { decodeIec62056 } from "./iec62056-21/capture.ts";
import { decodeMbus } from "./mbus/capture.ts";
import { decodeModbus, type ModbusEntry } from "./modbus/capture.ts";
import { decodeModbusTcp } from "./modbus/tcp-capture.ts";
import { decodeSml } from "./sml/capture.ts";
import type { TelegramEntry } from "./telegram.ts";

/** One telegram of a capture, or the bytes that are none. `offset` is in bytes from the start. */
export type CaptureEntry = ModbusEntry | TelegramEntry;

type Decoder = (bytes: Uint8Array, profile: ModbusProfile | undefined) => Iterable<CaptureEntry>;

const decoders: Readonly<Record<CaptureProtocol, Decoder>> = {
  "modbus-rtu": decodeModbus,
  "modbus-tcp": decodeModbusTcp,
  dlt645: (bytes) => decodeDlt645(bytes),
  mbus: (bytes) => decodeMbus(bytes),
  sml: (bytes) => decodeSml(bytes),
  dsmr: (bytes) => decodeDsmr(bytes),
  dsmr22: (bytes) => decodeDsmr(bytes, { checksum: "optional" }),
  "iec62056-21": (bytes) => decodeIec62056(bytes),
};

/**
 * The telegrams of a capture file, in order. Only Modbus takes a profile, and gives no readings
 * without one; telegrams of the other protocols say themselves what they hold.
 * Throws: `Failure` `decode.protocol`, `decode.profile`, `decode.hex` before the first entry.
 */
export function decodeCapture(options: {
  readonly protocol: string;
  readonly bytes: Uint8Array;
  readonly profile?: Profile | undefined;
}): Iterable<CaptureEntry> {
  const { protocol, bytes } = options;
  if (!isCaptureProtocol(protocol)) {
    const message = `unknown capture protocol ${protocol}; known: ${captureProtocols.join(", ")}`;
    throw new Failure("decode.protocol", message, { retry: "never" });
  }
  const profile = addressed(protocol, options.profile);
  return decoders[protocol](captureBytes(bytes), profile);
}

/** No guess rests on more than the beginning of a capture. */
const guessBytes = 65_536;

/** Protocols of which there is a whole telegram near the beginning of a capture, for a hint. */
export function likelyProtocols(bytes: Uint8Array): CaptureProtocol[] {
  const start = captureBytes(bytes).subarray(0, guessBytes);
  return captureProtocols.filter((protocol) => {
    for (const entry of decoders[protocol](start, undefined)) {
      if (entry.ok && (!("readings" in entry) || (entry.readings?.length ?? 0) > 0)) return true;
    }
    return false;
  });
}

/** The profile, if it can name what is in a capture. */
function addressed(
  protocol: CaptureProtocol,
  profile: Profile | undefined,
): ModbusProfile | undefined {
  if (profile === undefined) return undefined;
  if (protocol !== "modbus-rtu" && protocol !== "modbus-tcp") {
    const message = `profile ${profile.id} names Modbus registers, and ${protocol} telegrams name their values themselves; decode without a profile`;
    throw new Failure("decode.profile", message, { retry: "never" });
  }
  if (profile.protocol === "modbus") return profile;
  const message = `profile ${profile.id} has no fixed addresses: a capture does not say which model is where; decode without a profile`;
  throw new Failure("decode.profile", message, { retry: "never" });
}
