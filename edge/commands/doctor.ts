import { accessSync, constants, existsSync, statfsSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { openSiteClock, readKeyFile, signerOf } from "@busbar/protocol/node";
import { readMandate } from "../agent/mandate.ts";
import { brokersOf } from "../config/brokers.ts";
import { type LoadedConfig, loadConfig } from "../config/load.ts";
import { loadMembership, type MembershipFile } from "../config/membership-file.ts";
import type { MeterConfig } from "../config/schema.ts";
import { openDatabaseToRead } from "../journal/database.ts";
import { summarise } from "../journal/summary.ts";
import { probeBroker } from "../link/probe.ts";
import { profileOf } from "../meters/profile.ts";
import { isBuiltInProfile } from "../meters/telegram-profiles.ts";
import { gpioLine } from "./doctor-gpio.ts";
import { exitCode, print } from "./output.ts";

/** One thing looked at. `remedy` says what to do where it is not well. */
export type Finding = {
  readonly check: string;
  readonly state: "ok" | "warning" | "fault";
  readonly message: string;
  readonly remedy?: string;
};

const freeBytesMin = 256 * 1024 * 1024;
const connectMs = 3_000;

/** Looks at all that a unit needs and tells, for each fault, what to do about it. */
export async function doctorCommand({
  config: file,
  json = false,
}: {
  readonly config: string;
  readonly json?: boolean;
}): Promise<void> {
  const findings: Finding[] = [];
  const config = attempt(findings, "configuration", `correct ${file}`, () => loadConfig(file));
  if (config !== undefined) findings.push(...(await examine(config)));
  const ok = findings.every(({ state }) => state !== "fault");
  print(json, { ok, findings }, () => findings.map(findingText).join("\n"));
  if (!ok) process.exitCode = exitCode.failed;
}

async function examine(config: LoadedConfig): Promise<Finding[]> {
  const findings: Finding[] = [];
  findings.push(keyFile(config), dataFolder(config), await clock(config));
  for (const meter of config.meters) findings.push(await meterPort(meter));
  const membership = attempt(findings, "membership", "fetch the site's membership.json", () =>
    membershipOf(config),
  );
  const now = await siteTime(config);
  if (config.agent.enabled) {
    attempt(findings, "mandate", "run busbar-edge enrol", () => {
      const who = { device: config.device.id, owner: config.owner.id };
      const { until } = readMandate(config.agent.mandate, who).mandate;
      const end = new Date(until).toISOString().slice(0, 10);
      if (until > now) return `the owner's limits are signed, until ${end}`;
      const message = `the owner's limits ended on ${end}: the unit quotes no more`;
      throw new Failure("mandate.expired", message, { retry: "never" });
    });
  }
  findings.push(...(await brokers(config, membership)), await journal(config));
  return findings;
}

/** Runs a check that throws; its message is the finding. */
function attempt<T>(
  findings: Finding[],
  check: string,
  remedy: string,
  run: () => T,
): T | undefined {
  try {
    const result = run();
    findings.push({
      check,
      state: "ok",
      message: typeof result === "string" ? result : "in order",
    });
    return result;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    findings.push({ check, state: "fault", message: error.message, remedy });
    return undefined;
  }
}

function membershipOf(config: LoadedConfig): MembershipFile {
  const membership = loadMembership(config.membership, config.site);
  if (membership !== undefined) return membership;
  const message = `${config.membership}: not there yet; the unit records, and nothing reaches the ledger`;
  throw new Failure("membership.missing", message, { retry: "later" });
}

function keyFile({ device }: LoadedConfig): Finding {
  const check = "device key";
  try {
    readKeyFile(device.key);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { check, state: "fault", message: error.message, remedy: "run busbar-edge enrol" };
  }
  const mode = statSync(device.key).mode & 0o777;
  if ((mode & 0o077) === 0) return { check, state: "ok", message: `${device.key}, mode 0600` };
  return {
    check,
    state: "fault",
    message: `${device.key} can be read by others (mode 0${mode.toString(8)})`,
    remedy: `chmod 600 ${device.key}; if others use this machine, enrol the unit with a new key`,
  };
}

function dataFolder({ data }: LoadedConfig): Finding {
  const check = "data folder";
  if (!existsSync(data)) {
    return {
      check,
      state: "warning",
      message: `${data}: not there yet`,
      remedy: "busbar-edge run makes it",
    };
  }
  try {
    accessSync(data, constants.W_OK);
  } catch {
    const remedy = `sudo chown "$USER" ${data}, or run as the user it belongs to`;
    return { check, state: "fault", message: `${data}: this user may not write here`, remedy };
  }
  const { bavail, bsize } = statfsSync(data);
  const free = bavail * bsize;
  const message = `${data}, ${Math.round(free / 1024 / 1024)} MB free`;
  if (free >= freeBytesMin) return { check, state: "ok", message };
  return {
    check,
    state: "fault",
    message,
    remedy: "free some space, or lower retention.megabytes",
  };
}

async function clock({ clock: source }: LoadedConfig): Promise<Finding> {
  const check = "clock";
  if (source.kind === "file") {
    if (!existsSync(source.path)) {
      const remedy = "start the virtual site, which writes it";
      return { check, state: "fault", message: `${source.path}: no clock file`, remedy };
    }
    const { now, speed } = await openSiteClock(source);
    return {
      check,
      state: "ok",
      message: `${new Date(now()).toISOString()}, ${speed} times real time`,
    };
  }
  const message = new Date().toISOString();
  const knows = existsSync("/run/systemd/timesync/synchronized") || existsSync("/run/chrony");
  if (knows) return { check, state: "ok", message: `${message}, synchronised` };
  return {
    check,
    state: "warning",
    message: `${message}, no sign of a time service`,
    remedy: "sudo timedatectl set-ntp true; readings are marked as of an unsynchronised clock",
  };
}

async function meterPort({ id, connection, profile }: MeterConfig): Promise<Finding> {
  const check = `meter ${id}`;
  try {
    if (!isBuiltInProfile(profile)) profileOf(profile);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { check, state: "fault", message: error.message, remedy: "correct the meter's profile" };
  }
  if (connection.kind === "rtu") return serialPort(check, connection.path);
  if (connection.kind === "gpio") return { check, ...gpioLine(connection) };
  const { host, port } = connection;
  const reason = await reach(host, port);
  if (reason === undefined)
    return { check, state: "ok", message: `${host}:${port} can be reached` };
  const remedy = "check its power, address and cable; busbar-edge scan looks for meters";
  return { check, state: "fault", message: `${host}:${port}: ${reason}`, remedy };
}

function serialPort(check: string, path: string): Finding {
  if (!existsSync(path)) {
    const remedy = "plug the adapter in; busbar-edge scan lists the ports that are there";
    return { check, state: "fault", message: `${path}: no such port`, remedy };
  }
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return { check, state: "ok", message: path };
  } catch {
    const remedy = 'sudo usermod -aG dialout "$USER", then sign in anew';
    return { check, state: "fault", message: `${path}: this user may not use it`, remedy };
  }
}

/** Why a TCP port cannot be reached, or undefined when it can. */
function reach(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: connectMs });
    const end = (reason?: string) => {
      socket.destroy();
      resolve(reason);
    };
    socket.once("connect", () => end());
    socket.once("timeout", () => end(`no answer in ${connectMs / 1000} s`));
    socket.once("error", ({ message }) => end(message === "" ? "cannot be reached" : message));
  });
}

async function brokers(config: LoadedConfig, membership?: MembershipFile): Promise<Finding[]> {
  const findings: Finding[] = [];
  const list = attempt(findings, "brokers", "add a broker", () => brokersOf(config, membership));
  if (list === undefined || !existsSync(config.device.key)) return findings;
  findings.pop();
  const signer = signerOf(readKeyFile(config.device.key));
  const who = { chain: config.site, device: config.device.id, signer, label: "doctor" };
  for (const broker of list) {
    const check = `broker ${broker.url}`;
    const probe = await probeBroker(broker, who);
    if (!probe.ok)
      findings.push({
        check,
        state: "fault",
        message: probe.problem.message,
        remedy: probe.problem.remedy,
      });
    else if (probe.hostReady)
      findings.push({ check, state: "ok", message: "signed in, an aggregator is ready" });
    else {
      const remedy = "ask the member who runs it; readings wait in the journal meanwhile";
      findings.push({
        check,
        state: "warning",
        message: "signed in, but no aggregator is ready",
        remedy,
      });
    }
  }
  return findings;
}

async function journal(config: LoadedConfig): Promise<Finding> {
  const check = "journal";
  const path = join(config.data, "journal.db");
  if (!existsSync(path)) {
    return { check, state: "warning", message: "empty", remedy: "busbar-edge run fills it" };
  }
  const database = openDatabaseToRead(path);
  const { meters, waitingBatches } = summarise(database);
  const newest = database
    .prepare("SELECT max(time) AS time FROM batch WHERE state = 'committed'")
    .get();
  database.close();
  const refused = meters.find(({ code }) => code !== undefined);
  if (refused !== undefined) {
    const message = `the ledger refuses readings of ${refused.meter}: ${refused.code}`;
    const remedy = `nothing is lost; ${refusalRemedy(refused.code ?? "")}`;
    return { check, state: "fault", message, remedy };
  }
  const age =
    typeof newest?.time === "number" ? await ageText(config, newest.time) : "no receipt yet";
  const message = `${waitingBatches} batches wait, ${age}`;
  if (typeof newest?.time === "number" || waitingBatches === 0)
    return { check, state: "ok", message };
  return { check, state: "warning", message, remedy: "see the findings on membership and brokers" };
}

/** What helps against a refusal of readings, by its code (aggregator/ledger/rules/readings.ts). */
function refusalRemedy(code: string): string {
  switch (code) {
    case "readings.future":
      return "the readings are of a later time than now: set the unit's clock; they are taken when their time has come";
    case "readings.overlap":
    case "readings.chain":
    case "readings.exists-different":
    case "readings.gap":
      return "the ledger holds another history of this meter, of an earlier disk or another unit: put the old data folder back, or have the meter admitted under a new id";
    default:
      return "ask a member whether the meter is admitted for this unit";
  }
}

/** The site's time; the wall's where a virtual site does not run. */
async function siteTime({ clock: source }: LoadedConfig): Promise<number> {
  if (source.kind === "file" && !existsSync(source.path)) return Date.now();
  return (await openSiteClock(source)).now();
}

async function ageText({ clock: source }: LoadedConfig, time: number): Promise<string> {
  if (source.kind === "file" && !existsSync(source.path)) return "receipts are there";
  const { now } = await openSiteClock(source);
  const minutes = Math.max(0, Math.round((now() - time) / 60_000));
  return `newest reading with a receipt is ${minutes} min old`;
}

function findingText({ check, state, message, remedy }: Finding): string {
  const mark = { ok: "ok     ", warning: "warning", fault: "FAULT  " }[state];
  const todo = remedy === undefined || state === "ok" ? "" : `\n         → ${remedy}`;
  return `${mark}  ${check}: ${message}${todo}`;
}
