/**
 * Profiles without a file: meters whose telegrams name their values themselves. `dsmr22` is a P1 port
 * without checksums (DSMR 2.2 and 3).
 */
export const telegramProfiles = ["dlt645-2007", "mbus", "sml", "dsmr", "dsmr22"] as const;

export type TelegramProfile = (typeof telegramProfiles)[number];

export const isTelegramProfile = (name: string): name is TelegramProfile =>
  telegramProfiles.some((id) => id === name);

/** Whether meters of a profile have addresses of their own instead of a Modbus unit id. */
export const hasAddress = (profile: TelegramProfile): boolean =>
  profile === "dlt645-2007" || profile === "mbus";

/** Whether a meter cannot share its line: it talks unasked, or is asked without an address. */
export const needsOwnLine = (profile: TelegramProfile, address: string | undefined): boolean =>
  !hasAddress(profile) || address === undefined || address === "254";
