import type { SerialPortInfo } from "../meters/serial-ports.ts";
import type { Idle } from "./exchange.ts";
import { finding, portFindings, type SweepFinding } from "./finding.ts";
import { answeredOf, badShare, type Statistics } from "./statistics.ts";

/** One unit id at which something came, and what many questions to it came to. */
export type UnitFacts = {
  readonly unit: number;
  readonly profile?: string | undefined;
  readonly serialNumber?: string | undefined;
  /** The same registers, again and again. */
  readonly reads: Statistics;
  /** The register of its serial number, where its profile has one that it answers. */
  readonly serials?: Statistics | undefined;
  /** A register that no meter has: two meters refuse it in the same few bytes. */
  readonly refusals?: Statistics | undefined;
};

/** All that is known of a bus. */
export type BusFacts = {
  readonly port?: Pick<SerialPortInfo, "driver" | "warnings"> | undefined;
  readonly isSerial: boolean;
  readonly idle: Idle;
  /** One question to each unit id at each of the settings tried. */
  readonly first: Statistics;
  readonly units: readonly UnitFacts[];
  /** A meter that does not speak Modbus explains bytes that are none. */
  readonly otherProtocol: boolean;
};

/** Below this share of bad exchanges a line is as it should be. */
const wellShare = 0.05;
const badShareMin = 0.1;
/** Two meters that say the same few bytes at once still do; what differs does not come through. */
const sameShareMax = 0.1;
const differShareMin = 0.5;
/** Of what comes on a line that rests the wrong way round, most is one level all through. */
const levelShare = 0.8;

/** Everything that is not as it should be on a bus, faults first. */
export function judgeBus(facts: BusFacts): readonly SweepFinding[] {
  const findings = [
    ...portFindings(facts.port?.warnings ?? []),
    ...idleFindings(facts),
    ...echoFindings(facts),
    ...facts.units.flatMap((unit) => unitFindings(unit, facts)),
    ...silenceFindings(facts),
  ];
  return findings.sort((a, b) => Number(a.state === "warning") - Number(b.state === "warning"));
}

/** What a driver can do with parity; undefined where nobody knows. */
export function parityOf(driver: string | undefined): string | undefined {
  if (driver === undefined) return undefined;
  if (driver.includes("bcm2835-aux")) return "none only";
  const full =
    /^(ftdi_sio|cp210x|ch34[0-9]|pl2303|cdc_acm|uart-pl011|serial8250|dw-apb-uart|mxuport)/;
  return full.test(driver) ? "none, even, odd" : undefined;
}

function idleFindings({ idle, units, otherProtocol }: BusFacts): SweepFinding[] {
  if (idle.bytes === 0) return [];
  if (idle.requests > 0) {
    const message = `another master asked ${idle.requests} times while we were silent for ${idle.ms} ms`;
    return [finding("sweep.another-master", "fault", message)];
  }
  if (otherProtocol) return [];
  if (idle.levels >= levelShare * idle.bytes && units.length === 0) {
    const message = `the line rests the wrong way round: ${idle.levels} of ${idle.bytes} bytes that nobody sent are one level all through, and no meter answers`;
    return [finding("sweep.swapped", "fault", message)];
  }
  const message = `${idle.bytes} bytes came in ${idle.ms} ms while nobody asked`;
  return [finding("sweep.noise", units.length === 0 ? "fault" : "warning", message)];
}

function echoFindings({ first, units }: BusFacts): SweepFinding[] {
  const all = [first, ...units.map(({ reads }) => reads)];
  const sum = (of: (one: Statistics) => number) => all.reduce((total, one) => total + of(one), 0);
  const [echoes, damaged, asked] = [
    sum((one) => one.echoes),
    sum((one) => one.damagedEchoes),
    sum((one) => one.asked),
  ];
  if (echoes === 0) return [];
  if (damaged > wellShare * echoes) {
    const message = `${damaged} of ${echoes} questions came back to the adapter with wrong bits`;
    return [finding("sweep.echo-damaged", "fault", message)];
  }
  const alone = units.every(({ reads }) => answeredOf(reads) === 0);
  const message = `the adapter hears its own questions (${echoes} of ${asked})${alone ? ", and no meter" : ""}`;
  return [finding(alone ? "sweep.echo-alone" : "sweep.echo", alone ? "fault" : "warning", message)];
}

/** Two meters at one address, or a bad line: what tells them apart is who else is affected. */
function unitFindings(facts: UnitFacts, bus: BusFacts): SweepFinding[] {
  const { unit, reads } = facts;
  const duplicate = duplicateOf(facts, bus);
  if (duplicate !== undefined) {
    const { state, message } = duplicate;
    return [{ ...finding("sweep.duplicate-address", state, message), unit }];
  }
  const findings: SweepFinding[] = [];
  const share = badShare(reads);
  if (share >= badShareMin) {
    const message = `${percent(share)} of the answers of unit ${unit} came damaged`;
    findings.push({ ...finding("sweep.garbled", "fault", message), unit });
  }
  const silent = reads.asked === 0 ? 0 : reads.counts.silent / reads.asked;
  if (answeredOf(reads) > 0 && silent >= badShareMin) {
    const message = `unit ${unit} left ${reads.counts.silent} of ${reads.asked} questions unanswered`;
    findings.push({ ...finding("sweep.silences", "warning", message), unit });
  }
  if (reads.others.length > 0) {
    const message = `unit ${reads.others.join(", ")} answered when unit ${unit} was asked`;
    findings.push({ ...finding("sweep.other-answers", "warning", message), unit });
  }
  return findings;
}

function duplicateOf(
  { unit, reads, serials, refusals }: UnitFacts,
  bus: BusFacts,
): { readonly state: "warning" | "fault"; readonly message: string } | undefined {
  const names = (serials?.said ?? []).filter((said) => !isException(said));
  if (names.length > 1) {
    const message = `${names.length} meters share unit id ${unit}: asked for its serial number it said ${names.map(registersOf).join(" and ")}`;
    return { state: "fault", message };
  }
  const contradicted = reads.contradicted + (serials?.contradicted ?? 0);
  if (contradicted > 0) {
    const message = `two meters share unit id ${unit}: ${contradicted} questions got two answers that do not agree`;
    return { state: "fault", message };
  }
  if (reads.counts.twice > badShareMin * reads.asked) {
    const message = `unit ${unit} answers each question twice: two meters with the same values, or a repeater that sends again`;
    return { state: "warning", message };
  }
  if (badShare(reads) < badShareMin) return undefined;
  const collides =
    refusals !== undefined &&
    answeredOf(refusals) > 0 &&
    badShare(refusals) <= sameShareMax &&
    badShare(reads) >= differShareMin;
  if (collides) {
    const message = `two meters share unit id ${unit}: what both say alike comes whole, what differs does not (${percent(badShare(reads))} damaged)`;
    return { state: "fault", message };
  }
  const neighbours = bus.units.filter((one) => one.unit !== unit);
  const alone = neighbours.length > 0 && neighbours.every((one) => badShare(one.reads) < wellShare);
  if (!alone || bus.idle.bytes > 0) return undefined;
  const message = `${percent(badShare(reads))} of the answers of unit ${unit} came damaged, and all of its neighbours' whole: two meters share this unit id, or its own wires are loose`;
  return { state: "fault", message };
}

function silenceFindings({
  first,
  idle,
  units,
  isSerial,
  otherProtocol,
}: BusFacts): SweepFinding[] {
  if (units.length > 0 || otherProtocol || !isSerial) return [];
  const { garbled, mixed } = first.counts;
  if (garbled + mixed > 0) {
    const message = `${garbled + mixed} of ${first.asked} questions brought bytes that are no answer, at no setting tried a whole one`;
    return [finding("sweep.no-answer", "fault", message)];
  }
  if (idle.bytes > 0 || first.echoes > 0) return [];
  return [finding("sweep.silent", "fault", "no byte came, at no setting tried")];
}

/** An answer that refuses: its function has the highest bit. */
const isException = (answer: string): boolean =>
  (Number.parseInt(answer.slice(2, 4), 16) & 0x80) !== 0;

/** The registers of an answer, without unit, function and length. */
const registersOf = (answer: string): string => `0x${answer.slice(6)}`;

const percent = (share: number): string => `${Math.round(100 * share)} %`;
