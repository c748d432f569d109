import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import {
  Failure,
  type Mandate,
  microPerKwh,
  type Signer,
  sealFrame,
  utcMs,
  wh,
} from "@busbar/protocol";
import {
  openKeyFile,
  openSiteClock,
  publicKeysOf,
  readKeyFile,
  signerOf,
} from "@busbar/protocol/node";
import { type LoadedConfig, loadConfig } from "../config/load.ts";
import { print } from "./output.ts";

/** Options of `busbar-edge enrol`. */
export type EnrolOptions = {
  readonly config: string;
  readonly home?: string;
  readonly ownerKey?: string;
  readonly json?: boolean;
};

const dayMs = 86_400_000;

/**
 * Makes the unit's key, writes the request that a member admits, and signs the owner's limits where
 * the owner's key is at hand. Keys that exist are kept, so it may be run again.
 * Throws: `Failure` `enrol.no-owner-key`, `key.*`.
 */
export async function enrolCommand(options: EnrolOptions): Promise<void> {
  const config = loadConfig(options.config);
  const home = resolve(options.home ?? dirname(config.file));
  mkdirSync(home, { recursive: true });
  const ownerKey = options.ownerKey === undefined ? config.owner.key : resolve(options.ownerKey);
  if (ownerKey === undefined) {
    const message = `expected the owner's key: --owner-key FILE, or owner.key in ${options.config}; it is made where there is none`;
    throw new Failure("enrol.no-owner-key", message, { retry: "never" });
  }
  mkdirSync(dirname(config.device.key), { recursive: true });
  const device = openKeyFile(config.device.key);
  const isNew = !existsSync(ownerKey);
  const owner = isNew ? openKeyFile(ownerKey) : readKeyFile(ownerKey);
  const request = requestOf(config, publicKeysOf(device), publicKeysOf(owner));
  const requestFile = join(home, "request.json");
  replace(requestFile, `${JSON.stringify(request, null, 2)}\n`);
  const mandate = config.agent.enabled ? await signMandate(config, signerOf(owner)) : undefined;
  if (mandate !== undefined) replace(config.agent.mandate, mandate);
  const files = {
    request: requestFile,
    deviceKey: config.device.key,
    ownerKey,
    ...(mandate === undefined ? {} : { mandate: config.agent.mandate }),
  };
  print(options.json ?? false, { ok: true, ...files }, () =>
    [
      ...Object.entries(files).map(([name, path]) => `${name.padEnd(10)} ${path}`),
      isNew
        ? "The owner's key is new: keep a copy of it in a safe place, it is the owner's account."
        : "",
      `Give request.json to a member: busbar-aggregator admit --request ${requestFile}`,
      "(for a chain that is yet to be made: busbar-aggregator init --admit FILE)",
    ]
      .filter((line) => line !== "")
      .join("\n"),
  );
}

type PublicKeys = { readonly key: Uint8Array; readonly boxKey: Uint8Array };

function requestOf({ owner, device, meters }: LoadedConfig, unit: PublicKeys, person: PublicKeys) {
  const text = (key: Uint8Array) => Buffer.from(key).toString("base64url");
  return {
    owner: {
      id: owner.id,
      party: owner.party,
      name: owner.name,
      key: text(person.key),
      boxKey: text(person.boxKey),
    },
    device: {
      id: device.id,
      owner: owner.id,
      key: text(unit.key),
      meters: meters.map(({ id, role, form, feeder }) => ({
        id,
        role,
        ...(form === undefined ? {} : { form }),
        feeder,
      })),
    },
  };
}

async function signMandate(config: LoadedConfig, signer: Signer): Promise<Uint8Array> {
  const { limits } = config.agent;
  const mandate: Mandate = {
    owner: config.owner.id,
    device: config.device.id,
    // Later ones replace earlier ones, on whichever machine they are signed.
    version: Date.now(),
    askMax: wh(limits.askWhMax),
    askPriceMin: microPerKwh(limits.askMicroPerKwhMin),
    bidMax: wh(limits.bidWhMax),
    bidPriceMax: microPerKwh(limits.bidMicroPerKwhMax),
    until: utcMs((await siteTime(config)) + limits.days * dayMs),
  };
  return sealFrame("mandate", mandate, { chain: config.site, signer });
}

/** A virtual site's clock may not run yet when its units are enrolled: then the wall clock counts. */
async function siteTime({ clock }: LoadedConfig): Promise<number> {
  if (clock.kind === "file" && !existsSync(clock.path)) return Date.now();
  return (await openSiteClock(clock)).now();
}

/** Whole or not at all, also when the power goes. */
function replace(path: string, content: string | Uint8Array): void {
  const aside = `${path}.${process.pid}.new`;
  writeFileSync(aside, content, { flush: true });
  renameSync(aside, path);
}
