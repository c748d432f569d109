import { settlementId, settlements, slotKey } from "../../ledger/settlements.ts";
import { greenForms } from "../certificates.ts";

/** The state's keys that a bill rests on, besides those that are found by scanning. */
export const siteKey = "site/genesis";
export const parametersKey = "parameters/current";
export const parametersFromPrefix = "parameters-from/";
export const bureauPrefix = "bureau/";
export const bureauFromPrefix = "bureau-from/";

export const ownerKey = (owner: string): string => `owner/${owner}`;
export const creditKey = (owner: string): string => `credit/${owner}`;
export const accountKey = (owner: string): string => `account/${owner}`;
export const connectionPrefix = (owner: string): string => `connection/${owner}/`;
export const meterKey = (meter: string): string => `meter/${meter}`;
export const deviceKey = (device: string): string => `device/${device}`;
export const contractPrefix = (slot: number): string => `contract/${slotKey(slot)}-`;
export const contractKey = (contract: string): string => `contract/${contract}`;
export const correctedKey = (slot: number, meter: string): string =>
  `corrected/${slotKey(slot)}/${meter}`;
export const voidsKey = (owner: string): string => `voids/${owner}`;
export const takerKey = (owner: string): string => `takes/${owner}`;
export const takingKey = (slot: number, owner: string): string =>
  `taking/${slotKey(slot)}/${owner}`;
export const entryHeadKey = (owner: string): string => `account-entries/${owner}`;
export const entryKey = (owner: string, number: number): string =>
  `account-entry/${owner}/${String(number).padStart(9, "0")}`;
export const demandKey = (order: string): string => `demand/${order}`;
export const greenSlotKey = (slot: number): string => `green-slot/${slotKey(slot)}`;
export const greenKeys = (slot: number, owner: string): readonly string[] =>
  greenForms.map((form) => `green/${slotKey(slot)}/${owner}/${form}`);
export const movesKey = (owner: string): string => `certificate-moves/${owner}`;
export const greenMoveKeys = (slot: number, owner: string): readonly string[] =>
  greenForms.map((form) => `green-move/${slotKey(slot)}/${owner}/${form}`);
export const balanceKey = (slot: number): string => `slot-balance/${slotKey(slot)}`;

/** All versions of what a party's slot came to, with those of its hour. */
export const settlementKey = (slot: number, owner: string): string =>
  settlements.keyOf(settlementId(slot, owner));

const hourMs = 3_600_000;

/** The slot that a key is about, or of an hour's entry that lie in it: those in [from, to). Undefined for other keys. */
export function slotsOfKey(
  key: string,
): { readonly from: number; readonly to: number } | undefined {
  const [, name, digits] =
    /^(contract|settlement|corrected|slot-balance|taking|green|green-slot|green-move)\/(\d{15})/.exec(
      key,
    ) ?? [];
  if (digits === undefined) return undefined;
  const from = Number(digits);
  return { from, to: from + (name === "settlement" ? hourMs : 1) };
}

/** The number of the account's entry that a key is about. */
export function entryOfKey(key: string): number | undefined {
  const [, digits] = /^account-entry\/[^/]+\/(\d{9})$/.exec(key) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** The contract that a key is about. */
export function contractOfKey(key: string): string | undefined {
  return key.startsWith("contract/") ? key.slice("contract/".length) : undefined;
}
