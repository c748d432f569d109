import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import {
  type AdmissionRequest,
  Failure,
  type Mandate,
  microPerKwh,
  requestText,
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
import { sealedPath } from "../claim/card.ts";
import { type LoadedConfig, loadConfig } from "../config/load.ts";
import { loadMembership } from "../config/membership-file.ts";
import { openDeviceKey } from "../journal/device-key.ts";
import { untilAdmitted } from "./enrol-wait.ts";
import { print } from "./output.ts";
import { qrCode } from "./qr.ts";
import { columnsOf, wrap } from "./terminal.ts";

/** Options of `busbar-edge enrol`. */
export type EnrolOptions = {
  readonly config: string;
  readonly home?: string;
  readonly ownerKey?: string;
  /** The site's membership file, to be put in its place. */
  readonly membership?: string;
  readonly wait?: boolean;
  readonly json?: boolean;
};

const dayMs = 86_400_000;

/**
 * Makes the unit's key, writes the request that a member admits, and signs the owner's limits where
 * the owner's key is at hand. Keys that exist are kept, so it may be run again. With `wait` it ends
 * once a broker lets the unit in.
 * Throws: `Failure` `enrol.no-owner-key`, `key.*`, `membership.*`, `ConfigError`.
 */
export async function enrolCommand(options: EnrolOptions): Promise<void> {
  const config = loadConfig(options.config);
  const home = resolve(options.home ?? config.home);
  mkdirSync(home, { recursive: true });
  const ownerKey = options.ownerKey === undefined ? config.owner.key : resolve(options.ownerKey);
  // The card may bring the owner's key, sealed: another one would take its place.
  if (existsSync(sealedPath(home)) && (ownerKey === undefined || !existsSync(ownerKey))) {
    mkdirSync(dirname(config.device.key), { recursive: true });
    openDeviceKey(config.device.key);
    return waitForCode(options, config);
  }
  if (ownerKey === undefined) {
    const message = `expected the owner's key: --owner-key FILE, or owner.key in ${options.config}; it is made where there is none`;
    throw new Failure("enrol.no-owner-key", message, { retry: "never" });
  }
  mkdirSync(dirname(config.device.key), { recursive: true });
  const device = openDeviceKey(config.device.key);
  const isNew = !existsSync(ownerKey);
  const owner = isNew ? openKeyFile(ownerKey) : readKeyFile(ownerKey);
  const request = requestOf(config, publicKeysOf(device), publicKeysOf(owner));
  const requestFile = join(home, "request.json");
  replace(requestFile, `${JSON.stringify(request, null, 2)}\n`);
  const mandate = config.agent.enabled ? await signMandate(config, signerOf(owner)) : undefined;
  if (mandate !== undefined) replace(config.agent.mandate, mandate);
  if (options.membership !== undefined) storeMembership(config, options.membership);
  const word = requestText(messageOf(request), sha256);
  const files = {
    request: requestFile,
    deviceKey: config.device.key,
    ownerKey,
    ...(mandate === undefined ? {} : { mandate: config.agent.mandate }),
    ...(options.membership === undefined ? {} : { membership: config.membership }),
  };
  const json = options.json ?? false;
  // Who brings the membership has handed the request over before.
  const isHandedOver = options.membership !== undefined;
  if (!json) process.stdout.write(await enrolText({ files, word, isNew, isHandedOver }));
  const result = { ok: true, ...files, text: word };
  if (options.wait !== true) return json ? print(true, result, () => "") : undefined;
  const say = (text: string) => process.stderr.write(`${text}\n`);
  const broker = await untilAdmitted(config, { signer: signerOf(device), say });
  print(
    json,
    { ...result, broker },
    () => `Admitted: ${broker} lets the unit in.\nNext: busbar-edge doctor looks at the rest.`,
  );
}

/** A unit that is taken in by its label asks by itself once the code is entered. */
function waitForCode({ json = false }: EnrolOptions, { device }: LoadedConfig): void {
  const next = `the code on the unit's label: http://${device.id}.local:8080/claim, or busbar-edge claim`;
  print(json, { ok: true, deviceKey: device.key, waitsFor: "code" }, () =>
    [`deviceKey  ${device.key}`, `The card is sealed. It waits for ${next}.`].join("\n"),
  );
}

async function enrolText({
  files,
  word,
  isNew,
  isHandedOver,
}: {
  readonly files: { readonly request: string };
  readonly word: string;
  readonly isNew: boolean;
  readonly isHandedOver: boolean;
}): Promise<string> {
  const width = columnsOf(process.stdout);
  const newKey =
    "The owner's key is new: keep a copy of it in a safe place, it is the owner's account.";
  const head = [
    ...Object.entries(files).map(([name, path]) => `${name.padEnd(10)} ${path}`),
    ...(isNew ? [wrap(newKey, width)] : []),
  ];
  const rest = isHandedOver ? [] : ["", ...(await requestLines(files.request, word))];
  return `${[...head, ...rest].join("\n")}\n`;
}

/** The request as people carry it to a member. */
async function requestLines(file: string, word: string): Promise<string[]> {
  const onTerminal = process.stdout.isTTY === true;
  const code = onTerminal ? await qrCode(word, columnsOf(process.stdout)) : undefined;
  return [
    ...(code === undefined ? [] : [code]),
    ...(onTerminal && code === undefined
      ? ["(sudo apt-get install qrencode shows it as a QR code too)"]
      : []),
    word,
    "",
    "Give a member this text, or the file. The member takes the unit in by one of",
    `  busbar-aggregator admit --request ${file}`,
    "  busbar-aggregator admit --request -       and the text on standard input",
    "(for a chain that is yet to be made: busbar-aggregator init --admit FILE)",
    "and gives you membership.json: busbar-edge enrol --membership FILE --wait",
  ];
}

/** Checks a membership file before it takes the place of another. */
function storeMembership({ membership, site }: LoadedConfig, from: string): void {
  const path = resolve(from);
  if (loadMembership(path, site) === undefined) {
    const message = `${from}: there is no such file; a member gives it: membership.json beside aggregator.yaml`;
    throw new Failure("membership.missing", message, { retry: "never" });
  }
  mkdirSync(dirname(membership), { recursive: true });
  if (path !== membership) replace(membership, readFileSync(path));
}

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash("sha256").update(bytes).digest());

function messageOf({ owner, device }: ReturnType<typeof requestOf>): AdmissionRequest {
  const key = (text: string) => new Uint8Array(Buffer.from(text, "base64url"));
  return {
    owner: { ...owner, key: key(owner.key), boxKey: key(owner.boxKey) },
    device: { ...device, key: key(device.key) },
  };
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
