import { accessSync, constants, existsSync, realpathSync, statfsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { Failure, utcMs } from "@busbar/protocol";
import { openSiteClock, readKeyFile, signerOf } from "@busbar/protocol/node";
import { readMandate } from "../agent/mandate.ts";
import { lookAtClock } from "../clock/evidence.ts";
import { brokersOf } from "../config/brokers.ts";
import { type LoadedConfig, loadConfig } from "../config/load.ts";
import { loadMembership, type MembershipFile } from "../config/membership-file.ts";
import type { BrokerConfig, MeterConfig } from "../config/schema.ts";
import { clockFinding } from "../doctor/clock.ts";
import { diskFindings, mountOf } from "../doctor/disk.ts";
import { type Finding, fault, ok, warning } from "../doctor/finding.ts";
import {
  certificateEnd,
  certificateFileEnd,
  hasBatteryClock,
  latencyOf,
  mounts,
  runs,
  serviceState,
} from "../doctor/machine.ts";
import { meterFinding, watchedMeter } from "../doctor/meter.ts";
import { portFindings } from "../doctor/port.ts";
import {
  certificateFinding,
  claimFinding,
  identityFindings,
  ownCertificateFinding,
  receiptFinding,
  serviceFinding,
} from "../doctor/unit.ts";
import { BusPool } from "../framing/bus-pool.ts";
import { openDatabaseToRead } from "../journal/database.ts";
import { summarise } from "../journal/summary.ts";
import { verifyJournal } from "../journal/verify.ts";
import { probeBroker } from "../link/probe.ts";
import { profileOf } from "../meters/profile.ts";
import { serialPortAt } from "../meters/serial-ports.ts";
import { openSource, type Source } from "../schedule/source.ts";
import { askUnit } from "../status/ask.ts";
import { refusalRemedy } from "../status/refusal-remedy.ts";
import type { Status } from "../status/status.ts";
import { version } from "../version.ts";
import { gpioLine } from "./doctor-gpio.ts";
import { exitCode, print } from "./output.ts";
import { portRemedies } from "./port-remedy.ts";
import { canRedraw, columnsOf, StatusLine, wrap } from "./terminal.ts";

/** Reads of each meter where no unit runs: enough to see whether its times spread. */
const readsEach = 3;
/** A journal that is larger takes a while to follow: busbar-edge journal verify does. */
const verifyBytesMax = 32 * 1024 * 1024;

/** Looks at all that a unit needs and tells, for each fault, what to do about it; findings as they come. */
export async function doctorCommand({
  config: file,
  json = false,
}: {
  readonly config: string;
  readonly json?: boolean;
}): Promise<void> {
  const found = new Findings(json);
  found.push(ok("version", `busbar-edge ${version}, Node ${process.version}`));
  const config = attempt(found, "configuration", `correct ${file}`, () => loadConfig(file));
  if (config !== undefined) await examine(config, found);
  found.end();
}

/** Findings, each shown when it is made; what is looked at now stands below on a terminal. */
class Findings {
  readonly #all: Finding[] = [];
  readonly #json: boolean;
  readonly #line = new StatusLine();

  constructor(json: boolean) {
    this.#json = json;
  }

  looking(at: string): void {
    if (!this.#json && canRedraw(process.stderr)) this.#line.show(`looking at ${at} …`);
  }

  push(...findings: readonly Finding[]): void {
    this.#all.push(...findings);
    if (this.#json) return;
    const text = findings.map((finding) => `${findingText(finding)}\n`).join("");
    this.#line.above(() => process.stdout.write(text));
  }

  end(): void {
    this.#line.clear();
    const isOk = this.#all.every(({ state }) => state !== "fault");
    if (this.#json) print(true, { ok: isOk, findings: this.#all }, () => "");
    if (!isOk) process.exitCode = exitCode.failed;
  }
}

async function examine(config: LoadedConfig, found: Findings): Promise<void> {
  found.push(keyFile(config));
  found.looking("the clock");
  found.push(await clock(config));
  const status = await running(config, found);
  found.push(...dataFolder(config, status));
  await meters(config, status, found);
  const membership = attempt(found, "membership", "fetch the site's membership.json", () =>
    membershipOf(config),
  );
  const now = await siteTime(config);
  if (config.agent.enabled) {
    attempt(found, "mandate", "run busbar-edge enrol", () => {
      const who = { device: config.device.id, owner: config.owner.id };
      const { until } = readMandate(config.agent.mandate, who).mandate;
      const end = new Date(until).toISOString().slice(0, 10);
      if (until > now) return `the owner's limits are signed, until ${end}`;
      const message = `the owner's limits ended on ${end}: the unit quotes no more`;
      throw new Failure("mandate.expired", message, { retry: "never" });
    });
  }
  await brokers(config, membership, found);
  found.push(await journal(config));
  if (status !== undefined) {
    const claim = claimFinding(status);
    if (claim !== undefined) found.push(claim);
    found.push(receiptFinding(status, Date.now()));
    for (const finding of identityFindings(status)) found.push(finding);
  }
  found.push(serviceFinding(await serviceState()));
}

/** The unit that runs with this configuration, if one can be asked. */
async function running(config: LoadedConfig, found: Findings): Promise<Status | undefined> {
  const check = "unit";
  if (config.status.port === 0) {
    found.push(ok(check, "not asked: with status.port 0 nobody knows where it listens"));
    return undefined;
  }
  try {
    const status = await askUnit(config);
    if (status === undefined) {
      found.push(
        warning(check, "does not run", "busbar-edge run, or sudo systemctl start busbar-edge"),
      );
      return undefined;
    }
    found.push(
      ok(check, `runs version ${status.version}, ${Math.round(status.memoryBytes / 2 ** 20)} MB`),
    );
    return status;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    found.push(fault(check, error.message, "set another status.port in edge.yaml"));
    return undefined;
  }
}

/** Each meter, by what the running unit knows of it; else it is read. */
async function meters(config: LoadedConfig, status: Status | undefined, found: Findings) {
  const bus = new BusPool();
  for (const meter of config.meters) {
    const check = `meter ${meter.id}`;
    found.looking(check);
    found.push(...portState(check, meter));
    const watched = status?.meters.find(({ id }) => id === meter.id);
    if (watched !== undefined) found.push(watchedMeter(watched));
    else found.push(await readMeter(meter, config, bus));
  }
}

async function readMeter(meter: MeterConfig, config: LoadedConfig, bus: BusPool): Promise<Finding> {
  const check = `meter ${meter.id}`;
  // Pulses come when energy flows: a count is nothing that can be asked for.
  if (meter.connection.kind === "gpio") return { check, ...gpioLine(meter.connection) };
  const seconds: number[] = [];
  const facts = {
    check,
    seconds,
    asked: readsEach,
    serial: undefined,
    values: 0,
    error: undefined,
  };
  let source: Source | undefined;
  try {
    const clock = { now: () => utcMs(Date.now()), speed: 1, delay: (ms: number) => ms };
    source = await openSource(meter, { clock, bus, data: config.data, profileOf });
    let values = 0;
    for (let i = 0; i < readsEach; i++) {
      const start = performance.now();
      values = (await source.read()).values.length;
      seconds.push((performance.now() - start) / 1000);
    }
    return meterFinding({ ...facts, serial: source.serial, values });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const remedies = portRemedies(meter.connection, error);
    return meterFinding({ ...facts, error: { message: error.message, remedies } });
  } finally {
    await source?.close();
  }
}

/** What may go wrong at a meter's serial port; a port that cannot be used is told of by the read. */
function portState(check: string, { connection }: MeterConfig): Finding[] {
  if (connection.kind !== "rtu") return [];
  const info = serialPortAt(connection.path);
  if (info === undefined) return [];
  const { path: stablePath, device, warnings } = info;
  const modemManager = runs("ModemManager");
  const latencyMs = latencyOf(device);
  const { path } = connection;
  return portFindings(check, { path, stablePath, warnings, latencyMs, device, modemManager });
}

/** Runs a check that throws; its message is the finding. */
function attempt<T>(
  findings: { push(finding: Finding): void },
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

const keyRemedies: Readonly<Record<string, string>> = {
  "key.missing": "run busbar-edge enrol",
  "key.unreadable": "sudo -u busbar busbar-edge doctor, or as the user who runs the unit",
};

function keyFile({ device }: LoadedConfig): Finding {
  const check = "device key";
  try {
    readKeyFile(device.key);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const remedy = keyRemedies[error.code] ?? "put the copy of it back, or enrol the unit anew";
    return fault(check, error.message, remedy);
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

/** The folder above a path that is there. */
function nearestFolder(path: string): string {
  const above = dirname(path);
  return existsSync(above) ? above : nearestFolder(above);
}

function dataFolder({ data }: LoadedConfig, status: Status | undefined): Finding[] {
  const check = "data folder";
  const there = existsSync(data);
  const place = there ? data : nearestFolder(data);
  try {
    accessSync(place, constants.W_OK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EROFS") {
      const remedy = "name another data folder, or see why it is: a worn card turns so (dmesg)";
      return [fault(check, `${place}: the file system is read-only`, remedy)];
    }
    const remedy = `sudo chown "$USER" ${place}, or run as the user it belongs to`;
    return [fault(check, `${place}: this user may not write here`, remedy)];
  }
  if (!there) return [warning(check, `${data}: not there yet`, "busbar-edge run makes it")];
  const { bavail, bsize } = statfsSync(data);
  const { type, device } = mountOf(realpathSync(data), mounts()) ?? {};
  return diskFindings({
    folder: data,
    freeBytes: bavail * bsize,
    type,
    device,
    writtenPerDay: status && writtenPerDay(status),
  });
}

/** Bytes a day, once the unit has run for long enough to say. */
function writtenPerDay({ disk, startedAt, clockSpeed }: Status): number | undefined {
  const ranMs = Date.now() - startedAt;
  if (disk.writtenBytes === undefined || ranMs < 10 * 60_000 || clockSpeed !== 1) return undefined;
  return (disk.writtenBytes * 86_400_000) / ranMs;
}

async function clock({ clock: source }: LoadedConfig): Promise<Finding> {
  const check = "clock";
  if (source.kind === "file") {
    if (!existsSync(source.path)) {
      const remedy = "start the virtual site, which writes it";
      return fault(check, `${source.path}: no clock file`, remedy);
    }
    const { now, speed } = await openSiteClock(source);
    return ok(check, `${new Date(now()).toISOString()}, ${speed} times real time`);
  }
  return clockFinding({
    evidence: await lookAtClock(),
    hasBattery: hasBatteryClock(),
    boundMs: source.boundSeconds * 1000,
    trusted: source.trust === "system",
  });
}

async function brokers(
  config: LoadedConfig,
  membership: MembershipFile | undefined,
  found: Findings,
): Promise<void> {
  let list: readonly BrokerConfig[];
  try {
    list = brokersOf(config, membership);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return found.push(fault("brokers", error.message, "add a broker"));
  }
  if (!existsSync(config.device.key)) return;
  const signer = signerOf(readKeyFile(config.device.key));
  const who = { chain: config.site, device: config.device.id, signer, label: "doctor" };
  for (const broker of list) {
    const check = `broker ${broker.url}`;
    found.looking(check);
    const ends = await certificateEnd(broker.url);
    if (ends !== undefined) found.push(certificateFinding(check, ends, Date.now()));
    const own = broker.tls?.cert;
    const ownEnds = own === undefined ? undefined : certificateFileEnd(own);
    if (own !== undefined && ownEnds !== undefined) {
      found.push(ownCertificateFinding(own, ownEnds, Date.now()));
    }
    const probe = await probeBroker(broker, who);
    if (!probe.ok) found.push(fault(check, probe.problem.message, probe.problem.remedy));
    else if (probe.hostReady) found.push(ok(check, "signed in, an aggregator is ready"));
    else {
      const remedy = "ask the member who runs it; readings wait in the journal meanwhile";
      found.push(warning(check, "signed in, but no aggregator is ready", remedy));
    }
  }
}

async function journal(config: LoadedConfig): Promise<Finding> {
  const check = "journal";
  const path = join(config.data, "journal.db");
  if (!existsSync(path)) {
    return { check, state: "warning", message: "empty", remedy: "busbar-edge run fills it" };
  }
  const database = openDatabaseToRead(path);
  const { meters, waitingBatches, bytes } = summarise(database);
  const checked = bytes > verifyBytesMax ? undefined : verifyJournal(database, config.site);
  const newest = database
    .prepare("SELECT max(time) AS time FROM batch WHERE state = 'committed'")
    .get();
  database.close();
  const [bad] = checked?.problems ?? [];
  if (bad !== undefined) {
    const message = `${bad.meter} ${bad.seq}: ${bad.message} [${bad.code}]`;
    const remedy =
      "stop the unit, keep a copy of the data folder, and have the disk looked at: busbar-edge journal verify lists all";
    return fault(check, message, remedy);
  }
  const refused = meters.find(({ code }) => code !== undefined);
  if (refused !== undefined) {
    const message = `the ledger refuses readings of ${refused.meter}: ${refused.code}`;
    const remedy = `nothing is lost; ${refusalRemedy(refused.code ?? "")}`;
    return { check, state: "fault", message, remedy };
  }
  const age =
    typeof newest?.time === "number" ? await ageText(config, newest.time) : "no receipt yet";
  const chain = checked === undefined ? "" : `${checked.readings} readings in unbroken chains, `;
  const message = `${chain}${waitingBatches} batches wait, ${age}`;
  if (typeof newest?.time === "number" || waitingBatches === 0)
    return { check, state: "ok", message };
  return { check, state: "warning", message, remedy: "see the findings on membership and brokers" };
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
  const width = columnsOf(process.stdout);
  const todo =
    remedy === undefined || state === "ok"
      ? []
      : [wrap(`         → ${remedy}`, width, "           ")];
  return [wrap(`${mark}  ${check}: ${message}`, width, "         "), ...todo].join("\n");
}
