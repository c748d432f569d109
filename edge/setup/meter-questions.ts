import { nearest } from "@busbar/protocol";
import { meterPlaceOf, placeOf, placeText, unitsOf } from "../commands/places.ts";
import { scanOptionsOf, scanWithProgress } from "../commands/scan.ts";
import { portText, summaryText } from "../commands/scan-text.ts";
import type { Connection } from "../meters/meter.ts";
import type { ScanResult } from "../meters/scan.ts";
import { serialPorts } from "../meters/serial-ports.ts";
import { hasAddress, isTelegramProfile } from "../meters/telegram-profiles.ts";
import { type Draft, type MeterDraft, meterProblems, parseId, present } from "./draft.ts";
import { draftPlace, knownAs, type Placed, plainConnection, suggestedId } from "./found-meters.ts";
import { type Interview, wrong } from "./interview.ts";
import { profileIds } from "./known-profiles.ts";
import { displayText, tryMeter } from "./test-reading.ts";

/** How a conversation about meters is held. */
export type MeterTalk = {
  readonly width: number;
  /** Places named on the command line; the machine's serial ports where there are none. */
  readonly places: readonly string[];
};

/** Looks for meters, lets the installer pick, try and name them. */
export async function askMeters(
  interview: Interview,
  draft: Draft,
  talk: MeterTalk,
): Promise<Draft> {
  let meters: readonly MeterDraft[] = draft.meters ?? [];
  const connections = await askPlaces(interview, talk);
  if (connections.length > 0) {
    for (const result of await askFound(interview, connections, meters, talk)) {
      const placed = await askKind(interview, result);
      if (placed !== undefined) meters = await addMeter(interview, draft, meters, placed, talk);
    }
  }
  for (;;) {
    const text = meters.length === 0 ? "Name a meter by hand?" : "Another meter, by hand?";
    const help =
      "Meters that a scan does not find: SML, P1, DL/T 645, M-Bus, IEC 62056-21, pulses of an S0 output, or a Modbus meter that is not wired yet.";
    if (!(await interview.confirm(text, meters.length === 0, help))) break;
    meters = await addMeter(interview, draft, meters, await askByHand(interview, talk), talk);
  }
  return { ...draft, meters: meters.length === 0 ? undefined : [...meters] };
}

async function askPlaces(
  interview: Interview,
  { places, width }: MeterTalk,
): Promise<Connection[]> {
  if (places.length > 0) return places.map(placeOf);
  const ports = await interview.once("ports", async () => serialPorts());
  const choices = ports.map((port, i) => `${i + 1} ${portText(port, width - 3).trimStart()}`);
  interview.say(
    ports.length === 0
      ? "This machine has no serial port now."
      : `Serial ports of this machine:\n${choices.map((text) => `  ${text}`).join("\n")}`,
  );
  const text =
    ports.length === 0
      ? "Where are meters? A place like tcp://192.168.1.50:502, or none"
      : "Where are meters? Numbers, a place like tcp://192.168.1.50:502, all or none";
  return interview.ask({
    text,
    fallback: ports.length === 0 ? "none" : "all",
    help: "Several are parted by spaces. A port that is not in the list goes by its name, /dev/ttyUSB0; a serial gateway as rtu-over-tcp://host:port. none: name meters by hand.",
    parse: (answer) => {
      if (answer === "none") return [];
      if (answer === "all" && ports.length > 0) {
        return ports.map(({ path }) => ({ kind: "rtu", path }) as const);
      }
      return answer.split(/[\s,]+/).map((part) => {
        const port = /^\d{1,3}$/.test(part) ? ports[Number(part) - 1] : undefined;
        if (/^\d{1,3}$/.test(part) && port === undefined) throw wrong(`there is no number ${part}`);
        return port === undefined ? placeOf(part) : ({ kind: "rtu", path: port.path } as const);
      });
    },
  });
}

async function askFound(
  interview: Interview,
  connections: readonly Connection[],
  meters: readonly MeterDraft[],
  { width }: MeterTalk,
): Promise<readonly ScanResult[]> {
  const units = await interview.ask({
    text: "Unit ids to ask, like 1-10 or 1,3,5",
    fallback: "usual",
    help: "The Modbus address of a meter is on its display; most are set to 1. usual: 1-10, and on a network those of inverters too. 1-247 asks all and takes minutes.",
    parse: (text) => (text === "usual" ? text : unitsOf(text).join(",")),
  });
  const key = `scan ${connections.map(placeText).join(" ")} ${units}`;
  const { results } = await interview.once(key, async () => {
    interview.say("Looking for meters; Ctrl-C goes on with those found so far.");
    const options = scanOptionsOf(connections, units === "usual" ? {} : { units });
    const report = await scanWithProgress(options, { quiet: false, width });
    await report.silent;
    const said = { width, ms: report.ms, interrupted: report.interrupted, next: false };
    interview.say(summaryText(report, said));
    return report;
  });
  const fresh = results.filter(
    (result) => result.sameAs === undefined && knownAs(result, meters) === undefined,
  );
  for (const result of results) {
    const id = knownAs(result, meters);
    if (id !== undefined) {
      interview.say(`Unit ${result.unit} at ${placeText(result.connection)} is ${id} already.`);
    }
  }
  if (fresh.length === 0) {
    interview.say("No new meter was found.");
    return [];
  }
  interview.say("Which of them shall this unit read?");
  interview.say(fresh.map((result, i) => `  ${i + 1}  ${foundText(result)}`).join("\n"));
  return interview.ask({
    text: "Numbers, all or none",
    fallback: "all",
    parse: (answer) => {
      if (answer === "all") return fresh;
      if (answer === "none") return [];
      return answer.split(/[\s,]+/).map((part) => {
        const result = /^\d{1,3}$/.test(part) ? fresh[Number(part) - 1] : undefined;
        if (result === undefined)
          throw wrong(`type numbers from 1 to ${fresh.length}, all or none`);
        return result;
      });
    },
  });
}

function foundText({ connection, unit, candidates, address }: ScanResult): string {
  const names = candidates.map(({ identity }) => identity.profile).join(" or ");
  const name = placeText(connection).replace(/^.*\//, "");
  if (candidates.some(({ identity }) => isTelegramProfile(identity.profile))) {
    return `${names}${address === undefined ? "" : ` ${address}`} at ${name}`;
  }
  return `unit ${unit} at ${name}: ${names === "" ? "no profile fits" : names}`;
}

/** Which profile reads what was found. */
async function askKind(interview: Interview, result: ScanResult): Promise<Placed | undefined> {
  const { connection, unit, candidates } = result;
  const ids = candidates.map(({ identity }) => identity.profile);
  let profile = ids[0];
  if (ids.length > 1) {
    interview.say(`Unit ${unit} at ${placeText(connection)} answers as each of these would:`);
    const choices = ids.map((id) => ({ label: id, value: id }));
    profile = await interview.choose("Which stands on its name plate?", choices);
  } else if (profile === undefined) {
    interview.say(`Unit ${unit} at ${placeText(connection)} answers as no known meter.`);
    profile = await askProfile(interview, "Its profile, or none to leave it out", "none");
    if (profile === "none") return undefined;
  }
  if (isTelegramProfile(profile)) return present({ profile, connection, address: result.address });
  return { profile, connection: plainConnection(connection, profile), unit };
}

async function askByHand(interview: Interview, { places }: MeterTalk): Promise<Placed> {
  const profile = await askProfile(interview, "Profile", undefined);
  const connection = await interview.ask({
    text: profile === "s0" ? "Its line, like gpio://gpiochip0/17" : "Its place",
    fallback: profile === "s0" ? undefined : (places[0] ?? serialPorts()[0]?.path),
    help: "/dev/serial/by-id/…, tcp://host:502, rtu-over-tcp://host:port, or gpio://CHIP/LINE for pulses",
    parse: meterPlaceOf,
  });
  if (profile === "s0") {
    const pulsesPerKwh = await interview.ask({
      text: "Pulses per kWh, from the plate (imp/kWh)",
      fallback: "1000",
      parse: (text) => whole(text, 1, 1_000_000),
    });
    return { profile, connection, pulsesPerKwh };
  }
  if (!isTelegramProfile(profile)) {
    const unit = await interview.ask({
      text: "Modbus unit id",
      fallback: "1",
      parse: (text) => whole(text, 0, 255),
    });
    return { profile, connection, unit };
  }
  if (!hasAddress(profile)) return { profile, connection };
  const address = await interview.ask({
    text: "Address, as on its plate, or none where it is alone on the line",
    fallback: profile === "mbus" ? "254" : "none",
    parse: (text) => (text === "none" ? undefined : text),
  });
  return present({ profile, connection, address });
}

function askProfile(
  interview: Interview,
  text: string,
  fallback: string | undefined,
): Promise<string> {
  const known = profileIds();
  return interview.ask({
    text,
    fallback,
    help: `One of ${known.join(", ")}, or a file of yours like ./my-meter.yaml`,
    parse: (answer) => {
      if (answer === fallback || known.includes(answer) || answer.includes("/")) return answer;
      const near = nearest(answer, known);
      throw wrong(
        `no profile ${answer}; ${near === undefined ? "? lists them" : `did you mean ${near}?`}`,
      );
    },
  });
}

function whole(text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d{1,7}$/.test(text) && value >= min && value <= max) return value;
  throw wrong(`expected a whole number from ${min} to ${max}`);
}

const roles = [
  { label: "connection: billed, between this owner and the site's grid", value: "connection" },
  { label: "generation: behind the connection, of a solar or wind plant", value: "generation" },
  { label: "load: behind the connection, of what uses energy", value: "load" },
  { label: "storage: behind the connection, of a battery", value: "storage" },
  { label: "exchange: the site's meter to the public grid", value: "exchange" },
] as const;
const forms = ["solar", "wind", "thermal", "nuclear", "storage", "any"] as const;

/** Tries a meter, then gives it its name and its part; left out where the installer says so. */
async function addMeter(
  interview: Interview,
  draft: Draft,
  meters: readonly MeterDraft[],
  placed: Placed,
  talk: MeterTalk,
): Promise<readonly MeterDraft[]> {
  const tested = await askTest(interview, placed, talk);
  if (tested === undefined) return meters;
  const first = !meters.some(({ role = "connection" }) => role === "connection");
  const role = await interview.choose("What does it measure?", roles, { fallback: first ? 1 : 2 });
  const makes = role === "generation" || role === "storage";
  const formChoices = forms.map((form) => ({ label: form, value: form }));
  const fallback = forms.indexOf(role === "storage" ? "storage" : "solar") + 1;
  const form = makes
    ? await interview.choose("Where does its energy come from?", formChoices, { fallback })
    : undefined;
  const taken = meters.map(({ id }) => id);
  const part = role === "generation" ? (form ?? role) : role;
  const id = await interview.ask({
    text: "Its id",
    fallback: suggestedId(draft.owner?.id ?? "meter", part, taken),
    help: "The meter's name on the ledger, different from that of every other meter of the site.",
    parse: (text) => {
      if (taken.includes(text)) throw wrong(`there is a meter ${text} already`);
      return parseId(text);
    },
  });
  const feeder = await interview.ask({
    text: "Its feeder",
    fallback: meters[0]?.feeder ?? "main",
    help: "Where it hangs in the site's grid; a site with one busbar calls it main.",
    parse: parseId,
  });
  const { serial } = tested;
  const meter: MeterDraft = present({ id, ...placed, serial, role, form, feeder });
  const problems = meterProblems([...meters, meter]);
  if (problems.length === 0) return [...meters, meter];
  interview.say(`${id} is left out: ${problems.join("; ")}.`);
  return meters;
}

/** Takes a meter after a test reading that can be compared with its display, by the number that it says; or leaves it. */
async function askTest(
  interview: Interview,
  placed: Placed,
  { width }: MeterTalk,
): Promise<{ readonly serial: string | undefined } | undefined> {
  const where = `${placed.profile} at ${draftPlace(placed.connection)}`;
  if (placed.connection.kind === "gpio") {
    interview.say(`${where}: pulses are counted once the unit runs.`);
    return { serial: undefined };
  }
  for (let attempt = 0; ; attempt += 1) {
    const key = `test ${JSON.stringify(placed)} ${attempt}`;
    interview.say(`Reading ${where} …`);
    const test = await interview.once(key, () => tryMeter(placed));
    if (test.ok) {
      const { serialNumber } = test.identity;
      if (serialNumber !== undefined) interview.say(`  serial number ${serialNumber}`);
      interview.say(displayText(test.reading, width));
    } else interview.say(`  ${test.message}`);
    const take = test.ok ? "yes" : "take it all the same; the unit goes on trying";
    const answer = await interview.choose(
      test.ok ? "Does its display show the same?" : "It cannot be read now.",
      [
        { label: take, value: "take" },
        { label: "no, leave this meter out", value: "leave" },
        { label: "read it again", value: "again" },
      ] as const,
      { fallback: test.ok ? 1 : 3 },
    );
    if (answer === "leave") return undefined;
    if (answer === "take") return { serial: test.ok ? test.identity.serialNumber : undefined };
  }
}
