import type { Connection, SerialSettings } from "../framing/line.ts";
import type { Profile } from "./profile.ts";
import { usualSerial } from "./profile-values.ts";

/** A connection with the settings it is asked at; by TCP there is one, and it means nothing. */
export type Speed = { readonly connection: Connection; readonly serial: SerialSettings };

/**
 * How far a scan goes: the three likeliest settings, those that meters ship with until something
 * answers, or all that meters can be switched to, to the end.
 */
export type ScanEffort = "quick" | "usual" | "thorough";

const quickSpeeds = 3;
/** Settings that meters can be switched to though none ships with them. */
const furtherBauds = [9600, 19_200, 38_400, 4800, 2400, 1200, 57_600, 115_200];

/**
 * The settings a connection is tried at, what most profiles ship
 * with first. A setting that the connection names stays.
 */
export function speedsOf(
  connection: Connection,
  profiles: readonly Profile[],
  effort: ScanEffort = "usual",
): Speed[] {
  if (connection.kind !== "rtu") return [{ connection, serial: usualSerial }];
  const shipped: readonly SerialSettings[] = profiles.flatMap(({ serial = [] }) => serial);
  const further = furtherBauds.flatMap((baud) =>
    (["none", "even"] as const).map((parity) => ({ baud, parity, stopBits: 1 as const })),
  );
  const count = new Map<string, number>();
  const speeds = new Map<string, Speed>();
  for (const serial of [usualSerial, ...shipped, ...(effort === "thorough" ? further : [])]) {
    const { baud = serial.baud, parity = serial.parity } = connection;
    const key = `${baud} ${parity}`;
    count.set(key, (count.get(key) ?? 0) + (shipped.includes(serial) ? 1 : 0));
    if (!speeds.has(key)) speeds.set(key, { connection: { ...connection, baud, parity }, serial });
  }
  const byLikelihood = [...speeds].toSorted(
    ([a], [b]) => (count.get(b) ?? 0) - (count.get(a) ?? 0),
  );
  const all = byLikelihood.map(([, speed]) => speed);
  return effort === "quick" ? all.slice(0, quickSpeeds) : all;
}
