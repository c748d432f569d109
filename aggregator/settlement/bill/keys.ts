import { slotKey } from "../../ledger/settlements.ts";

/** The state's keys that a bill rests on, besides those that are found by scanning. */
export const siteKey = "site/genesis";
export const parametersKey = "parameters/current";
export const parametersFromPrefix = "parameters-from/";
export const bureauPrefix = "bureau/";

export const ownerKey = (owner: string): string => `owner/${owner}`;
export const creditKey = (owner: string): string => `credit/${owner}`;
export const accountKeys = (owner: string): readonly string[] =>
  ["sales", "purchase"].map((side) => `account/${owner}/${side}`);
export const connectionPrefix = (owner: string): string => `connection/${owner}/`;
export const meterKey = (meter: string): string => `meter/${meter}`;
export const deviceKey = (device: string): string => `device/${device}`;
export const contractPrefix = (slot: number): string => `contract/${slotKey(slot)}-`;
export const correctedKey = (slot: number, meter: string): string =>
  `corrected/${slotKey(slot)}/${meter}`;
export const balanceKey = (slot: number): string => `slot-balance/${slotKey(slot)}`;

/** A version of what a party's slot came to. */
export function settlementKey(slot: number, owner: string, version: number): string {
  return `settlement/${slotKey(slot)}/${owner}/${String(version).padStart(3, "0")}`;
}

/** The slot that a key is about; undefined where it is about none. */
export function slotOfKey(key: string): number | undefined {
  const [, digits] = /^(?:contract|settlement|corrected|slot-balance)\/(\d{15})/.exec(key) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** The contract that a key is about. */
export function contractOfKey(key: string): string | undefined {
  return key.startsWith("contract/") ? key.slice("contract/".length) : undefined;
}
