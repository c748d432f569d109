import type { Profile } from "./profile.ts";

/** What most meters' RS-485 ports are set to; where a profile names none, a gateway has its own. */
export const usualSerial: NonNullable<Profile["serial"]> = {
  baud: 9600,
  parity: "none",
  stopBits: 1,
};

/** A value that meters of a profile give. */
export type ProfileValue = {
  readonly quantity: string;
  readonly unit: string;
  readonly obis?: string | undefined;
  readonly optional?: boolean | undefined;
};

/** All values of a profile, of every model and sums included; units as in the file. */
export function valuesOf(profile: Profile): readonly ProfileValue[] {
  if (profile.protocol === "sunspec") return profile.models.flatMap(({ registers }) => registers);
  const sums = profile.sums.map(({ quantity, obis, of }) => {
    const parts = profile.registers.filter((row) => of.includes(row.quantity));
    const optional = parts.some((row) => row.optional);
    return { quantity, obis, unit: parts[0]?.unit ?? "", optional };
  });
  return [...profile.registers, ...sums];
}
