import { compareBytes, keyId, sheetDomain, toBeSigned } from "@busbar/protocol";
import { refuse } from "../../refuse.ts";
import type { TxRule } from "../../rule.ts";
import { sheets } from "../../unit-reports.ts";
import { aheadMsMax } from "./ahead.ts";

/**
 * Keeps the hash of a unit's commissioning sheet. The sheet itself stays with the unit and its installer,
 * who show it to whom they like; that it is this one, of this time, is then provable.
 *
 * Codes, in order: `sheet.rights`, `sheet.time`; for the last sheet of the unit `exists` (same content)
 * or `sheet.exists-different`; `sheet.number`, `sheet.installer`.
 */
export const commissioningRule: TxRule<"commissioning"> = (context, message, signer) => {
  const { state, time, height, chain, verify, emit } = context;
  const { device, number, sheet, at, open, installer } = message;
  if (signer.kind !== "device" || signer.id !== device) {
    return refuse("sheet.rights", `expected the signature of ${device}, got ${signer.id}'s`);
  }
  if (at > time + aheadMsMax) {
    return refuse("sheet.time", `the sheet is of ${at}, which is yet to come at ${time}`);
  }
  const before = sheets.get(state, device);
  if (before !== undefined && before.number === number) {
    return compareBytes(before.sheet, sheet) === 0
      ? { ok: true, code: "exists" }
      : refuse("sheet.exists-different", `sheet ${number} of ${device} is another one`);
  }
  if (before !== undefined && number < before.number) {
    return refuse("sheet.number", `expected a sheet after ${before.number}, got ${number}`);
  }
  if (installer !== undefined) {
    const { key, signature } = installer;
    const signed = toBeSigned(sheet, keyId(key), sheetDomain(chain));
    if (!verify(signature, signed, key)) {
      return refuse("sheet.installer", "the installer's signature is not one of this sheet's hash");
    }
  }
  sheets.set(state, device, {
    ...{ number, sheet, at, open, height },
    ...(installer === undefined ? {} : { installer: installer.key }),
    ...(before === undefined ? {} : { before: before.sheet }),
  });
  const { owner } = signer.device;
  const hash = Buffer.from(sheet).toString("hex");
  emit({
    type: "unit-commissioned",
    device,
    owner,
    sheet: hash,
    open,
    signed: installer !== undefined,
  });
  return { ok: true };
};
