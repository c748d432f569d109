import { resolve } from "node:path";
import { journalFolder } from "@busbar/edge";
import { isId, type Signer } from "@busbar/protocol";
import { readKeyFile, signerOf } from "@busbar/protocol/node";
import { flowError } from "../link/errors.ts";
import { entered, optional, unsetVariable } from "../link/form.ts";

/** Who signs as a unit, and whom receipts and proofs are checked against. */
export type DeviceSettings = {
  readonly device: string;
  readonly signer: Signer;
  /** Path of the site's membership.json. */
  readonly membership: string;
};

/** What a sign node needs to speak for a device. */
export type SignSettings = DeviceSettings & { readonly data: string };

/** Properties as the editor stores them. */
export type SignForm = Readonly<Record<string, unknown>>;

/**
 * Checks a sign node's form and loads the device's key. `userDir`: where journals stand by default.
 * Throws: as `readDevice`.
 */
export function readSignSettings(
  form: SignForm,
  { site, userDir }: { readonly site: string; readonly userDir: string },
): SignSettings {
  const settings = readDevice(form);
  const folder = optional(form.data) || resolve(userDir, "busbar", "journal");
  return { ...settings, data: journalFolder(folder, site, settings.device) };
}

/** The device that a node speaks for. Throws: `Failure` `flows.*`, `key.*`. */
export function readDevice(form: SignForm): DeviceSettings {
  const [device, keyFile, membership] = [
    filled("device", form.device),
    filled("keyFile", form.keyFile),
    filled("membership", form.membership),
  ];
  if (!isId(device)) {
    throw flowError("flows.id", `device: expected lower case, digits and inner -, got ${device}`);
  }
  return { device, signer: signerOf(readKeyFile(keyFile)), membership };
}

function filled(name: string, value: unknown): string {
  const variable = unsetVariable(value);
  if (variable !== undefined) {
    const message = `${name}: the environment variable ${variable} is not set`;
    throw flowError("flows.variable-unset", message);
  }
  const text = entered(value);
  if (text === "") throw flowError("flows.field-missing", `${name}: nothing entered`);
  return text;
}
