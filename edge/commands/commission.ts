import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { decodeProof, Failure, sheetIn, utcMs, verifyProofFrom } from "@busbar/protocol";
import { openKeyFile, readKeyFile, signerOf, verify } from "@busbar/protocol/node";
import { compareDisplay, parseShown } from "../commissioning/display.ts";
import { dropName } from "../commissioning/drop.ts";
import { sheetPage } from "../commissioning/page.ts";
import {
  type CommissioningRecord,
  emptyRecord,
  parseRecord,
  type TrialKind,
  trialKinds,
  withDisplay,
  withTrial,
} from "../commissioning/record.ts";
import {
  checkSheet,
  type Sheet,
  sheetHash,
  sheetMessage,
  sheetOf,
  signSheet,
} from "../commissioning/sheet.ts";
import { adapterTrial, networkTrial, powerOutcome, runTrial } from "../commissioning/trial.ts";
import { type LoadedConfig, loadConfig } from "../config/load.ts";
import { loadMembership } from "../config/membership-file.ts";
import { serialPorts } from "../meters/serial-ports.ts";
import { askUnit } from "../status/ask.ts";
import type { Status } from "../status/status.ts";
import { exitCode, print } from "./output.ts";

type Options = { readonly config: string; readonly json?: boolean };

/** What a command takes from the machine; a test gives its own. */
export type Surroundings = {
  readonly look: (config: LoadedConfig) => Promise<Status | undefined>;
  readonly pause: () => Promise<void>;
  /** Ms of a clock that nobody sets. */
  readonly now: () => number;
  readonly date: () => Date;
  /** By which the kernel tells one start of the machine from another. */
  readonly boot: () => string;
};

const lookEveryMs = 1_000;

const machine: Surroundings = {
  look: askUnit,
  pause: () => setTimeout(lookEveryMs),
  now: () => performance.now(),
  date: () => new Date(),
  boot: () => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
};

/** Compares displays, as the installer reads them, with what the unit read. */
export async function commissionDisplay(
  shown: readonly string[],
  { config: file, json = false }: Options,
  around: Surroundings = machine,
): Promise<void> {
  const config = loadConfig(file);
  const parsed = shown.map(parseShown);
  const { meters } = await running(config, around);
  const at = around.date().toISOString();
  const results = parsed.map((one) => compareDisplay(one, meters, at));
  save(config, results.reduce(withDisplay, recordOf(config)));
  const passed = results.every((one) => one.passed);
  print(json, { ok: passed, results }, () =>
    results
      .map(
        (one) =>
          `${one.passed ? "agrees " : "DIFFERS"}  ${one.meter} ${one.way}: display ${one.shownKwh} kWh, read ${one.readKwh} kWh`,
      )
      .join("\n"),
  );
  if (!passed) process.exitCode = exitCode.failed;
}

/** Lets the installer pull something out, and watches that the unit bears it. */
export async function commissionTry(
  what: string,
  meter: string | undefined,
  { config: file, json = false, minutes }: Options & { readonly minutes: string },
  around: Surroundings = machine,
): Promise<void> {
  const config = loadConfig(file);
  const kind = kindOf(what);
  const limitMs = Number(minutes) * 60_000;
  if (!(limitMs >= 60_000 && limitMs <= 3_600_000)) {
    throw usage(`expected --minutes from 1 to 60, got ${minutes}`);
  }
  const status = await running(config, around);
  if (kind === "power") return power(config, { status, json, around });
  const say = (text: string) => process.stderr.write(`${text}\n`);
  const trial = kind === "adapter" ? adapterOf(meter, status) : networkTrial();
  const { pause, now } = around;
  const look = () => looked(config, around);
  const outcome = await runTrial(trial, { look, pause, now, say, limitMs });
  tell(config, { kind, outcome, json, around, ...(meter === undefined ? {} : { meter }) });
}

/** Writes the sheet of all that was found, compared and tried. */
export async function commissionSheet(
  {
    config: file,
    json = false,
    installer,
    installerKey,
    output,
  }: Options & {
    readonly installer: string;
    readonly installerKey?: string;
    readonly output?: string;
  },
  around: Surroundings = machine,
): Promise<void> {
  const config = loadConfig(file);
  const status = await running(config, around);
  const unit = signerOf(readKeyFile(config.device.key));
  const by = installerKey === undefined ? undefined : signerOf(openKeyFile(resolve(installerKey)));
  const date = around.date();
  const sheet = sheetOf({
    ...{ config, status, ports: serialPorts(), record: recordOf(config), installer },
    unitKey: unit.publicKey,
    configuration: readFileSync(config.file, "utf8"),
    at: date.toISOString(),
  });
  const signed = `${JSON.stringify(signSheet(sheet, unit, by), null, 2)}\n`;
  const folder = resolve(output ?? config.home);
  mkdirSync(folder, { recursive: true });
  const name = join(folder, `commissioning-${config.device.id}-${date.toISOString().slice(0, 10)}`);
  const files = [`${name}.json`, `${name}.html`];
  replace(`${name}.json`, signed);
  replace(`${name}.html`, sheetPage(checkSheet(signed, verify)));
  // The unit that runs takes it from here to the ledger.
  const at = utcMs(Math.round(status.time));
  const word = sheetMessage(sheet, { at, unit, ...(by === undefined ? {} : { installer: by }) });
  replace(join(config.home, dropName), word);
  const { open } = sheet;
  const hash = Buffer.from(sheetHash(sheet)).toString("hex");
  print(json, { ok: open.length === 0, files, hash, open }, () =>
    [
      ...files,
      `hash ${hash}: the unit brings it to the ledger`,
      ...(open.length === 0 ? ["nothing is open"] : ["open:", ...open.map((one) => `  ${one}`)]),
    ].join("\n"),
  );
  if (open.length > 0) process.exitCode = exitCode.failed;
}

/** Checks a kept sheet, by a proof of the ledger too where there is one, and writes its page anew. */
export function commissionVerify(
  file: string,
  {
    json = false,
    page,
    proof,
    membership,
  }: {
    readonly json?: boolean;
    readonly page?: string;
    readonly proof?: string;
    readonly membership?: string;
  },
): void {
  const checked = checkSheet(readFileSync(file, "utf8"), verify);
  const ledger =
    proof === undefined ? undefined : provenSheet(checked.sheet, { proof, membership });
  if (page !== undefined) replace(resolve(page), sheetPage(checked));
  const { sheet, installerKey } = checked;
  const hash = Buffer.from(sheetHash(sheet)).toString("hex");
  const stands =
    ledger === undefined
      ? `busbar-aggregator prove state commissioning/${sheet.device} --cbor FILE; --proof FILE compares it`
      : `as block ${ledger.height} has it${ledger.installer === undefined ? "" : ", countersigned"}`;
  print(json, { ok: true, ...checked, hash, ledger }, () =>
    [
      `${sheet.device} at ${sheet.site}, ${sheet.at}: as the unit signed it`,
      `unit's key       ${sheet.unitKey}`,
      `installer's key  ${installerKey ?? `none; ${sheet.installer} is a name only`}`,
      `hash             ${hash}`,
      `on the ledger    ${stands}`,
      sheet.open.length === 0 ? "nothing was open" : `open: ${sheet.open.join("; ")}`,
    ].join("\n"),
  );
}

/** That the ledger holds the hash of this sheet. Throws: `Failure` `commission.proof`. */
function provenSheet(
  sheet: Sheet,
  {
    proof: file,
    membership: by = "membership.json",
  }: { readonly proof: string; readonly membership: string | undefined },
): { readonly height: number; readonly installer?: string } {
  const refuse = (why: string): Failure =>
    new Failure("commission.proof", `${file} proves nothing of this sheet: ${why}`, {
      retry: "never",
    });
  const decoded = decodeProof(new Uint8Array(readFileSync(file)));
  if (!decoded.ok) throw refuse(decoded.message);
  const { proof } = decoded;
  if (proof.kind !== "state") throw refuse(`it is a proof of a ${proof.kind}`);
  const membership = loadMembership(resolve(by), sheet.site);
  if (membership === undefined) throw refuse(`${by}, the members' keys, is not there`);
  const checked = verifyProofFrom(decoded, membership, verify);
  if (!checked.ok) throw refuse(checked.message);
  const found = sheetIn(proof.state, sheet.device);
  if (!found.ok) throw refuse(found.message);
  const { sheet: hash, height, installer } = found.state;
  if (Buffer.compare(hash, sheetHash(sheet)) !== 0) throw refuse("the ledger holds another sheet");
  const key =
    installer === undefined ? {} : { installer: Buffer.from(installer).toString("base64url") };
  return { height, ...key };
}

function power(
  config: LoadedConfig,
  {
    status,
    json,
    around,
  }: { readonly status: Status; readonly json: boolean; readonly around: Surroundings },
): void {
  const record = recordOf(config);
  const boot = around.boot();
  if (record.beforePower === undefined || record.beforePower.boot === boot) {
    const taken = status.journal.meters.reduce((sum, one) => sum + one.taken, 0);
    save(config, { ...record, beforePower: { boot, taken, at: around.date().toISOString() } });
    const next =
      "Pull the power out, put it back, and give this command again once the unit is up.";
    return print(json, { ok: true, next }, () => next);
  }
  const outcome = powerOutcome(record.beforePower, { boot, seen: status });
  const { beforePower: _, ...rest } = record;
  save(config, rest);
  tell(config, { kind: "power", outcome, json, around });
}

function tell(
  config: LoadedConfig,
  {
    kind,
    meter,
    outcome,
    json,
    around,
  }: {
    readonly kind: TrialKind;
    readonly meter?: string;
    readonly outcome: { readonly passed: boolean; readonly text: string };
    readonly json: boolean;
    readonly around: Surroundings;
  },
): void {
  const result = {
    ...{ kind, ...outcome, at: around.date().toISOString() },
    ...(meter === undefined ? {} : { meter }),
  };
  save(config, withTrial(recordOf(config), result));
  print(
    json,
    { ok: outcome.passed, result },
    () => `${outcome.passed ? "passed" : "FAILED"}: ${outcome.text}`,
  );
  if (!outcome.passed) process.exitCode = exitCode.failed;
}

function adapterOf(meter: string | undefined, { meters }: Status) {
  const known = meters.map(({ id }) => id).join(", ");
  if (meter === undefined) throw usage(`expected whose adapter: ${known}`);
  const found = meters.find(({ id }) => id === meter);
  if (found === undefined) throw usage(`the unit has no meter ${meter}; it has ${known}`);
  if (found.readings === 0 || found.error !== undefined) {
    const message = `${meter} does not answer now (${found.error ?? "no reading yet"}); let it answer first`;
    throw new Failure("commission.silent", message, { retry: "later" });
  }
  return adapterTrial(meter, found.serial);
}

function kindOf(what: string): TrialKind {
  const kind = trialKinds.find((one) => one === what);
  if (kind !== undefined) return kind;
  throw usage(`expected ${trialKinds.join(", ")}; got ${what}`);
}

async function running(config: LoadedConfig, { look }: Surroundings): Promise<Status> {
  const status = await look(config);
  if (status !== undefined) return status;
  const message = "the unit does not run; start it: sudo systemctl start busbar-edge";
  throw new Failure("commission.not-running", message, { retry: "later" });
}

/** A unit that is busy with what is pulled out may fail to answer once. */
async function looked(config: LoadedConfig, { look }: Surroundings): Promise<Status | undefined> {
  try {
    return await look(config);
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

const recordPath = ({ home }: LoadedConfig): string => join(home, "commissioning.json");

function recordOf(config: LoadedConfig): CommissioningRecord {
  const path = recordPath(config);
  return existsSync(path) ? parseRecord(readFileSync(path, "utf8")) : emptyRecord;
}

function save(config: LoadedConfig, record: CommissioningRecord): void {
  replace(recordPath(config), `${JSON.stringify(record, null, 2)}\n`);
}

/** Whole or not at all, also when the power goes: which is what is tried here. */
function replace(path: string, text: string | Uint8Array): void {
  const aside = `${path}.${process.pid}.new`;
  writeFileSync(aside, text, { flush: true });
  renameSync(aside, path);
}

const usage = (message: string): Failure =>
  new Failure("usage.commission", message, { retry: "never" });
