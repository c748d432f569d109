import { busName, type MeterConnection } from "../framing/line.ts";
import { hasAddress, isTelegramProfile, needsOwnLine } from "../meters/telegram-profiles.ts";
import type { MeterOptions } from "./meter-options.ts";

type Placed = Pick<MeterOptions, "startBaud"> & {
  readonly id: string;
  readonly profile: string;
  readonly connection: MeterConnection;
  readonly unit: number;
  readonly address?: string | undefined;
};

/** What two meters may not have in common: as a key, in words, and the field that says it. */
export function placeOfMeter({ profile, connection, unit, address }: Placed): {
  readonly key: string;
  readonly text: string;
  readonly field: "unit" | "address" | "connection";
} {
  const bus = busName(connection);
  const key = (which: string) => `${bus} ${which} ${profile}`;
  if (connection.kind === "gpio") return { key: bus, text: bus, field: "connection" };
  if (!isTelegramProfile(profile)) {
    return { key: key(`${unit}`), text: `unit ${unit} at ${bus}`, field: "unit" };
  }
  if (address === undefined) return { key: key("any"), text: bus, field: "connection" };
  // A DL/T 645 address may be written without its leading zeros.
  const whole = profile === "dlt645-2007" ? address.padStart(12, "0") : address;
  return { key: key(whole), text: `address ${address} at ${bus}`, field: "address" };
}

/** What is wrong with a meter's address, or undefined. */
export function addressProblem({ profile, address }: Placed): string | undefined {
  const takesOne = isTelegramProfile(profile) && hasAddress(profile);
  if (address !== undefined && !takesOne)
    return `profile ${profile} has no addresses; leave it out`;
  if (profile === "iec62056-21" && address !== undefined && !/^[0-9A-Za-z ]{1,32}$/.test(address))
    return "expected an address of 1 to 32 digits and letters";
  if (address !== undefined || profile !== "mbus") return undefined;
  return "expected the address: 0 to 250, 254 for the only meter, or the eight digits of its plate";
}

/** Why a profile cannot be read over a connection, or undefined. */
export function connectionProblem({ profile, connection, startBaud }: Placed): string | undefined {
  if (profile === "s0") {
    return connection.kind === "gpio" ? undefined : "expected kind: gpio, which carries pulses";
  }
  if (connection.kind === "gpio")
    return `a GPIO line carries pulses, profile s0, not ${profile}; expected rtu, rtu-over-tcp or tcp`;
  if (connection.kind !== "rtu" || !/^iec62056-21/.test(profile)) return undefined;
  const { baud, parity } = connection;
  if (parity !== undefined) return "leave parity out: the unit makes this protocol's 7E1 itself";
  if (startBaud !== undefined && baud !== undefined && startBaud !== baud)
    return `baud ${baud} and startBaud ${startBaud} are the same thing; leave one out`;
  return undefined;
}

/** Why a meter cannot be on its line beside the meters before it, or undefined. */
export function lineProblem(meter: Placed, before: readonly Placed[]): string | undefined {
  const bus = busName(meter.connection);
  const other = before.find(
    (one) => busName(one.connection) === bus && (wantsAll(meter) || wantsAll(one)),
  );
  if (other === undefined) return undefined;
  const alone = wantsAll(meter) ? meter : other;
  return `${bus} has ${other.id} on it already, and ${alone.id} needs a line of its own`;
}

const wantsAll = ({ profile, address }: Placed): boolean =>
  isTelegramProfile(profile) && needsOwnLine(profile, address);
