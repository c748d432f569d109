import { existsSync, realpathSync } from "node:fs";
import { placeText } from "../commands/places.ts";
import { busName, type MeterConnection } from "../framing/line.ts";
import type { Connection } from "../meters/meter.ts";
import { usualSerial } from "../meters/profile-values.ts";
import type { ScanResult } from "../meters/scan.ts";
import { isTelegramProfile } from "../meters/telegram-profiles.ts";
import type { MeterDraft } from "./draft.ts";
import { profileFiles } from "./known-profiles.ts";

/** A meter without its name: what is read, and where. */
export type Placed = Omit<MeterDraft, "id">;

/** The serial connection without settings that are the profile's own anyway. */
export function plainConnection(connection: Connection, profile: string): Connection {
  if (connection.kind !== "rtu") return connection;
  const shipped = profileFiles().get(profile)?.serial ?? usualSerial;
  const { path, baud, parity } = connection;
  const same =
    (baud ?? shipped.baud) === shipped.baud && (parity ?? shipped.parity) === shipped.parity;
  return same ? { kind: "rtu", path } : { kind: "rtu", path, baud, parity };
}

/** The configured meter that a result is, by whichever name its port goes. */
export function knownAs(result: ScanResult, meters: readonly MeterDraft[]): string | undefined {
  const bus = busKey(result.connection);
  const telegram = isTelegramProfile(result.candidates[0]?.identity.profile ?? "");
  const same = meters.find(({ connection, unit = 1, address, profile }) => {
    if (busKey(withPort(connection)) !== bus || isTelegramProfile(profile) !== telegram)
      return false;
    return telegram ? address === result.address : unit === result.unit;
  });
  return same?.id;
}

/** A connection of the file in words. */
export const draftPlace = (connection: MeterDraft["connection"]): string =>
  placeText(withPort(connection));

/** The default of a name for a meter: "anna-grid", "anna-solar-2". */
export function suggestedId(owner: string, role: string, taken: readonly string[]): string {
  const part = role === "connection" ? "grid" : role;
  for (let n = 1; ; n += 1) {
    const end = `-${part}${n === 1 ? "" : `-${n}`}`;
    const id = `${owner.slice(0, 32 - end.length)}${end}`;
    if (!taken.includes(id)) return id;
  }
}

function busKey(connection: MeterConnection): string {
  if (connection.kind !== "rtu") return busName(connection);
  return existsSync(connection.path) ? realpathSync(connection.path) : connection.path;
}

/** A connection as the file writes it, with the defaults that name its bus. */
function withPort(connection: MeterDraft["connection"]): MeterConnection {
  if (connection.kind === "tcp") return { ...connection, port: connection.port ?? 502 };
  if (connection.kind !== "gpio") return connection;
  const { chip = "gpiochip0", bias = "pull-up", activeLow = true } = connection;
  return { ...connection, chip, bias, activeLow };
}
