/**
 * Profiles without a file of meters whose telegrams name their values themselves. `dsmr22` is a P1
 * port without checksums (DSMR 2.2 and 3); `iec62056-21` is asked, `iec62056-21-push` sends by itself.
 */
export const telegramProfiles = [
  "dlt645-2007",
  "mbus",
  "sml",
  "dsmr",
  "dsmr22",
  "iec62056-21",
  "iec62056-21-push",
] as const;

/** All profiles without a file: `s0` is a meter that says nothing but pulses. */
export const builtInProfiles = [...telegramProfiles, "s0"] as const;

export type TelegramProfile = (typeof telegramProfiles)[number];
export type BuiltInProfile = (typeof builtInProfiles)[number];

export const isTelegramProfile = (name: string): name is TelegramProfile =>
  telegramProfiles.some((id) => id === name);

export const isBuiltInProfile = (name: string): name is BuiltInProfile =>
  builtInProfiles.some((id) => id === name);

/** Whether meters of a profile have addresses of their own instead of a Modbus unit id. */
export const hasAddress = (profile: TelegramProfile): boolean =>
  profile === "dlt645-2007" || profile === "mbus" || profile === "iec62056-21";

/** Whether a meter cannot share its line: it talks unasked, or is asked without an address. */
export const needsOwnLine = (profile: TelegramProfile, address: string | undefined): boolean =>
  !hasAddress(profile) || address === undefined || address === "254";
