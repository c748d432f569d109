import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { Failure, nearest } from "@busbar/protocol";
import { parseDocument } from "yaml";
import { meterPlaceOf, withSpeed } from "../commands/places.ts";
import { isTelegramProfile } from "../meters/telegram-profiles.ts";
import { asId, type Draft, type MeterDraft, present } from "./draft.ts";
import { profileIds } from "./known-profiles.ts";

/** Answers on the command line. */
export type GivenAnswers = {
  readonly answers?: string;
  readonly site?: string;
  readonly device?: string;
  readonly owner?: string;
  readonly party?: "company" | "bureau" | "user" | "operator";
  readonly ownerName?: string;
  readonly broker?: readonly string[];
  readonly meter?: readonly string[];
};

/** Whether anything was answered on the command line. */
export const isGiven = (given: GivenAnswers): boolean => Object.keys(present(given)).length > 0;

/**
 * The file's content with the answers in it: those of the answers file (keys as in edge.yaml), then
 * those of options. A meter replaces the one of its id.
 * Throws: `Failure` `usage.*`, `setup.answers`.
 */
export function withAnswers(before: Draft | undefined, given: GivenAnswers): Draft {
  const fresh: Draft = { device: { id: asId(hostname(), "unit-1") } };
  const read = given.answers === undefined ? {} : answersOf(given.answers);
  const draft = merged(before ?? fresh, read);
  const { site = draft.site, device, owner, party, ownerName: name, broker } = given;
  const meters = (given.meter ?? []).map(meterOf);
  const { id = "" } = draft.owner ?? {};
  const ownerGiven = present({ id: owner, party, name });
  const ownerKey = before === undefined && draft.owner?.key === undefined ? "owner.key" : undefined;
  return present({
    ...draft,
    site,
    device: device === undefined ? draft.device : { ...draft.device, id: device },
    owner: {
      ...draft.owner,
      ...present({ key: draft.owner?.key ?? ownerKey }),
      ...ownerGiven,
      id: owner ?? id,
    },
    brokers: broker === undefined ? draft.brokers : broker.map((url) => ({ url })),
    meters: meters.length === 0 ? draft.meters : replaced(draft.meters ?? [], meters),
  });
}

/** Maps are joined, meters by their id; all else is replaced. */
function merged(draft: Draft, answers: Draft): Draft {
  const entries = Object.entries(answers).map(([key, value]): [string, unknown] => {
    const old: unknown = Reflect.get(draft, key);
    if (key === "meters" && isMeterList(value)) return [key, replaced(draft.meters ?? [], value)];
    return [key, isRecord(old) && isRecord(value) ? { ...old, ...value } : value];
  });
  return { ...draft, ...(Object.fromEntries(entries) as Draft) };
}

/** Whatever else it holds, the schema says; without ids nothing can be joined. */
const isMeterList = (value: unknown): value is readonly MeterDraft[] =>
  Array.isArray(value) && value.every((item) => isRecord(item) && typeof item.id === "string");

function replaced(meters: readonly MeterDraft[], given: readonly MeterDraft[]): MeterDraft[] {
  const byId = new Map([...meters, ...given].map((meter) => [meter.id, meter]));
  return [...byId.values()];
}

function answersOf(file: string): Draft {
  let text: string;
  try {
    text = readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (cause) {
    throw new Failure("setup.answers", `${file}: cannot be read`, { retry: "never", cause });
  }
  const document = parseDocument(text);
  const value: unknown = document.errors.length > 0 ? undefined : document.toJS();
  if (isRecord(value)) return value as Draft;
  const why = document.errors[0]?.message.split("\n")[0] ?? "expected keys as in edge.yaml";
  throw new Failure("setup.answers", `${file}: ${why}`, { retry: "never" });
}

const form =
  "ID=PLACE:PROFILE:UNIT, like grid=/dev/ttyUSB0:eastron-sdm630:1 or grid=tcp://10.0.0.7:502:sunspec:126,role=generation,form=solar";
const options = ["role", "form", "feeder", "baud", "parity", "address", "pulsesPerKwh"] as const;

/**
 * A meter from the command line, its place, profile and unit id (or address) parted by colons,
 * further keys behind commas. Throws: `Failure` `usage.meter`, `usage.place`.
 */
export function meterOf(text: string): MeterDraft {
  const [head = "", ...rest] = text.split(",");
  const further = new Map(
    rest.map((part) => {
      const [key = "", value = ""] = part.split("=");
      if (value !== "" && options.some((name) => name === key)) return [key, value];
      throw usage(`expected ${options.join("=, ")}= behind the comma, got ${JSON.stringify(part)}`);
    }),
  );
  const { id, place, profile, which } = partsOf(head);
  const parity = further.get("parity");
  const speed = present({
    baud: further.get("baud"),
    parity: parity as "none" | "even" | "odd" | undefined,
  });
  const telegram = isTelegramProfile(profile);
  const pulses = further.get("pulsesPerKwh");
  return present({
    id,
    profile,
    connection: withSpeed(meterPlaceOf(place), speed),
    unit: telegram || which === undefined ? undefined : Number(which),
    address: further.get("address") ?? (telegram ? which : undefined),
    pulsesPerKwh: pulses === undefined ? undefined : Number(pulses),
    role: further.get("role") as MeterDraft["role"],
    form: further.get("form") as MeterDraft["form"],
    feeder: further.get("feeder"),
  }) as MeterDraft;
}

/**
 * Places have colons of their own, so the profile is looked for from the end: it is one that there
 * is, or a file.
 */
function partsOf(head: string) {
  const [id = "", ...rest] = head.split("=");
  const parts = rest.join("=").split(":");
  const [before = "", last = ""] = parts.slice(-2);
  const placed = (profile: string, from: number, which?: string) => {
    const place = parts.slice(0, from).join(":");
    if (id !== "" && place !== "") return { id, place, profile, which };
    throw usage(`expected --meter ${form}, got ${JSON.stringify(head)}`);
  };
  if (isProfile(before)) return placed(before, -2, last);
  if (isProfile(last)) return placed(last, -1);
  const named = /^\d*$/.test(last) ? before : last;
  const near = nearest(named, profileIds());
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  throw usage(`expected --meter ${form}, got ${JSON.stringify(head)}${hint}`);
}

const isProfile = (text: string): boolean => text.endsWith(".yaml") || profileIds().includes(text);

function usage(message: string): Failure {
  return new Failure("usage.meter", message, { retry: "never" });
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
