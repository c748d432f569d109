import { X509Certificate } from "node:crypto";
import { accessSync, constants, readFileSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { readKeyFile } from "@busbar/protocol/node";
import type { AggregatorConfig } from "../../config/schema.ts";
import { type Finding, good, messageOf, soon, wrong } from "./finding.ts";

const dayMs = 86_400_000;
/** Days before a certificate's end in which somebody has to see to it. */
const certificateDays = 21;
/** Below this a disk is nearly full: blocks stop when it is. Bytes. */
const freeMin = { soon: 2 * 1024 ** 3, wrong: 200 * 1024 ** 2 };
/** The least Node that the project runs with. */
const nodeMin = 24;

/** What lies on this machine's disk, and how much room there is. */
export function machineChecks(config: AggregatorConfig): readonly Finding[] {
  return [
    nodeCheck(process.versions.node),
    keyCheck(config.key),
    diskCheck(dirname(config.store)),
    ...(config.broker.tls === undefined ? [] : [certificateCheck(config.broker.tls)]),
    ...clockCheck(config.clock),
  ];
}

function nodeCheck(version: string): Finding {
  const major = Number(version.split(".")[0]);
  if (major >= nodeMin) return good("node", `version ${version}`);
  return wrong("node", `version ${version}`, `run it with Node ${nodeMin} or newer`);
}

function keyCheck(path: string): Finding {
  try {
    readKeyFile(path);
    const { mode } = statSync(path);
    if ((mode & 0o077) === 0) return good("key", path);
    const octal = (mode & 0o777).toString(8);
    return wrong("key", `${path} can be read by others (mode ${octal})`, `chmod 600 ${path}`);
  } catch (error) {
    return wrong(
      "key",
      messageOf(error),
      "bring the member's key back, or ask for another one with join --renew",
    );
  }
}

function diskCheck(folder: string): Finding {
  try {
    accessSync(folder, constants.W_OK);
    const { bavail, bsize } = statfsSync(folder);
    const free = bavail * bsize;
    const text = `${(free / 1024 ** 3).toFixed(1)} GiB free in ${folder}`;
    const remedy = "make room, or archive old blocks (busbar-aggregator prune)";
    if (free < freeMin.wrong) return wrong("disk", text, remedy);
    return free < freeMin.soon ? soon("disk", text, remedy) : good("disk", text);
  } catch (error) {
    return wrong("disk", `${folder}: ${messageOf(error)}`, "let the member's user write there");
  }
}

function certificateCheck({
  certificate,
}: NonNullable<AggregatorConfig["broker"]["tls"]>): Finding {
  const remedy = "renew it; the broker takes a new file without a restart";
  try {
    const { validFromDate, validToDate, subject } = new X509Certificate(readFileSync(certificate));
    const days = Math.floor((validToDate.getTime() - Date.now()) / dayMs);
    const text = `${subject.replace(/\n/g, ", ")} in ${certificate}, ${days} days left`;
    if (days < 0 || validFromDate.getTime() > Date.now()) return wrong("certificate", text, remedy);
    return days < certificateDays ? soon("certificate", text, remedy) : good("certificate", text);
  } catch (error) {
    return wrong("certificate", `${certificate}: ${messageOf(error)}`, "expected a PEM file");
  }
}

function clockCheck(clock: AggregatorConfig["clock"]): readonly Finding[] {
  if (clock.kind === "system") return [];
  return [
    soon("clock", `the site lives by ${clock.path}`, "a real site needs clock: { kind: system }"),
  ];
}
