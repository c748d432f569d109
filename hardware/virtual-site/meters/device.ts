import { Failure } from "@busbar/protocol";
import type { Reading } from "../physics/counters.ts";
import type { Source } from "../physics/site.ts";
import { type Bank, exception, refuse } from "./bank.ts";
import type { DeviceConfig } from "./config.ts";
import { faultyQuantities, tornBank } from "./faults/device-faults.ts";
import { seededRandom } from "./faults/dice.ts";
import type { Profile } from "./profile.ts";
import { makeQuantities } from "./quantities.ts";
import { registerBank } from "./register-bank.ts";
import { sunspecBank } from "./sunspec-bank.ts";

/** The site as meters see it. */
export type SiteView = {
  readonly seed: number;
  /** Site time, or undefined before the site's clock has started. */
  readonly now: () => number | undefined;
  readonly read: (source: Source, timeMs: number) => Reading;
};

const idle: Reading = { powerWatts: 0, importJoules: 0, exportJoules: 0 };

/**
 * One simulated device. Before the site's clock has started it answers "busy".
 * Throws: `Failure` `meter.serial-number`, `meter.quantity-unknown`.
 */
export function makeDevice(config: DeviceConfig, profile: Profile, site: SiteView): Bank {
  const { source, faults = {} } = config;
  const random = seededRandom(site.seed + 7919 * config.unit);
  const quantities = makeQuantities({ seed: site.seed, source, phases: phasesOf(profile) });
  const known = quantities(idle, 0);
  const measured = () => {
    const now = site.now() ?? 0;
    return quantities(site.read(source, now), now);
  };
  const measure = faultyQuantities(measured, faults, random);
  checkSerialNumber(config, profile);
  let bank: Bank;
  if (profile.protocol === "sunspec") bank = sunspecBank(profile, config, measure);
  else {
    // Rows that are optional in the type may be missing in a unit; the others have to mean something.
    const strange = profile.registers.filter(({ quantity }) => !known.has(quantity));
    const needed = strange.find(({ optional }) => !optional);
    if (needed !== undefined) throw quantityUnknown(profile.id, needed.quantity);
    const missing = [...(config.missing ?? []), ...strange.map(({ address }) => address)];
    bank = registerBank(profile, { ...config, missing }, measure);
  }
  const torn = tornBank(bank, faults, random);
  return {
    knows: (code) => torn.knows(code),
    read: (request) =>
      site.now() === undefined ? refuse(exception.deviceBusy) : torn.read(request),
  };
}

/** A type whose profile names a second phase has three. */
function phasesOf(profile: Profile): 1 | 3 {
  if (profile.protocol === "sunspec") return 3;
  return profile.registers.some(({ quantity }) => quantity.endsWith(".l2")) ? 3 : 1;
}

function checkSerialNumber({ serialNumber, unit }: DeviceConfig, profile: Profile): void {
  const type = profile.protocol === "modbus" ? profile.serialNumber?.type : undefined;
  if (type === undefined || type.startsWith("ascii:") || /^\d{1,10}$/.test(`${serialNumber}`)) {
    return;
  }
  throw new Failure(
    "meter.serial-number",
    `unit ${unit}: a ${profile.id} has a number of up to ten digits as its serial number, got "${serialNumber}"`,
    { retry: "never" },
  );
}

function quantityUnknown(profile: string, quantity: string): Failure {
  return new Failure(
    "meter.quantity-unknown",
    `profile ${profile}: the virtual site measures no "${quantity}": mark the row optional or add it to meters/quantities.ts`,
    { retry: "never" },
  );
}
