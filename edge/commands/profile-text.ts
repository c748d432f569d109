import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { BuiltIn } from "../meters/built-in-profiles.ts";
import {
  isProfileFile,
  type ModbusProfile,
  type Profile,
  profileFolder,
  profileOf,
  type SunspecProfile,
} from "../meters/profile.ts";
import { profileHints, requestsOf } from "../meters/profile-hints.ts";
import { table } from "./output.ts";

/**
 * The profile with an id, or in a file, and its flags: the doubts that stand in its comments.
 * Throws: as `profileOf`.
 */
export function loadShown(name: string): { profile: Profile; flags: readonly string[] } {
  const profile = profileOf(name);
  const file = isProfileFile(name) ? name : fileURLToPath(new URL(`${name}.yaml`, profileFolder));
  return { profile, flags: flagsOf(readFileSync(file, "utf8")) };
}

/** Sentences behind `flag:` in comments, each to the end of its comment or to the next flag. */
export function flagsOf(text: string): string[] {
  const comments = text.split("\n").map((line) => /^\s*#\s?(.*)$/.exec(line)?.[1]);
  const blocks = comments
    .map((comment) => comment ?? "\n")
    .join(" ")
    .split("\n");
  return blocks.flatMap((block) =>
    block
      .split(/\bflag:\s*/)
      .slice(1)
      .map((flag) => flag.replace(/\s+/g, " ").trim()),
  );
}

const trusts = {
  high: "two independent code bases agree",
  medium: "one code base",
  low: "an excerpt; compare with the display",
} as const;

/** Everything an installer wants to know of a profile, in lines of at most `width` characters. */
export function profileText(profile: Profile, flags: readonly string[], width: number): string {
  const { id, vendor, model, trust, verified, notes, beside, provenance } = profile;
  const fact = (name: string, text: string) => paragraph(name.padEnd(12), text, width);
  const modbus = profile.protocol === "modbus" ? modbusFacts(profile) : sunspecFacts(profile);
  const head = [
    `${id}: ${vendor} ${model}`,
    ...fact("connection", connectionText(profile)),
    ...modbus.flatMap(([name, text]) => fact(name, text)),
    ...(beside === undefined
      ? []
      : fact("beside", `${beside}, at the same connection and unit id`)),
    ...fact("trust", `${trust}: ${trusts[trust]}`),
    ...fact(
      "verified",
      verified === "hardware"
        ? "on real hardware"
        : "against a simulated meter, not yet on hardware",
    ),
    ...(notes === undefined ? [] : fact("notes", notes.trim())),
    ...listed("in doubt", flags, fact),
    ...listed("hints", profileHints(profile), fact),
    ...listed("sources", provenance, fact),
  ];
  const body = profile.protocol === "modbus" ? modbusTable(profile) : modelTables(profile);
  return [...head, "", body].join("\n");
}

/** The same of meters without a file. */
export function builtInText(builtIn: BuiltIn, width: number): string {
  const { id, model, connected, connection, options, values, verified, more } = builtIn;
  const fact = (name: string, text: string) => paragraph(name.padEnd(16), text, width);
  const needed = Object.entries(options).filter(([, text]) => text.endsWith("needed"));
  const keys = [...needed.map(([name]) => `${name}: …`), `connection: ${connection}`];
  return [
    `${id}: ${model}`,
    ...fact("connected by", connected),
    ...fact("edge.yaml", "- id: …"),
    ...[`profile: ${id}`, ...keys].map((key) => `${" ".repeat(18)}${key}`),
    ...Object.entries(options).flatMap(([name, text]) => fact(`  ${name}`, text)),
    ...fact("reading", values),
    ...fact("verified", verified),
    ...fact("more", more),
  ].join("\n");
}

type Fact = (name: string, text: string) => string[];

const listed = (name: string, items: readonly string[], fact: Fact): string[] =>
  items.flatMap((item, i) => fact(i === 0 ? name : "", item));

function connectionText({ serial, tcp }: Profile): string {
  const parity = { none: "N", even: "E", odd: "O" } as const;
  const parts = [
    ...(serial === undefined
      ? []
      : [`RS-485, ships at ${serial.baud} 8${parity[serial.parity]}${serial.stopBits}`]),
    ...(tcp === undefined ? [] : [`Modbus TCP, port ${tcp.ports.join(" or ")}`]),
  ];
  return parts.join("; ");
}

function modbusFacts(profile: ModbusProfile): [string, string][] {
  const { read, identify, serialNumber, factors, sums } = profile;
  const limits = [
    `function ${read.function}`,
    `at most ${read.maxRegisters} registers a request`,
    ...(read.evenCount ? ["even counts"] : []),
    ...(read.evenStart ? ["even addresses"] : []),
    read.wordOrder === "msw" ? "high word first" : "low word first",
  ];
  const marks = identify.map(({ address, function: code, equals, startsWith }) => {
    const values =
      equals?.map((value) => `0x${value.toString(16).toUpperCase()}`) ?? startsWith ?? [];
    const how = startsWith === undefined ? "is" : "begins with";
    return `register ${place(address)} (function ${code}) ${how} ${values.join(" or ")}`;
  });
  const ratios = Object.entries(factors).map(
    ([name, { address }]) => `${name} at ${place(address)}`,
  );
  const total = sums.map(({ quantity, of }) => `${quantity} = ${of.join(" + ")}`);
  return [
    ["reading", `${limits.join(", ")}; ${requestsOf(profile)} requests for all values`],
    ["recognised", marks.length === 0 ? "by its values only" : marks.join(" and ")],
    ...(serialNumber === undefined
      ? []
      : [["serial no.", `at ${place(serialNumber.address)}`] as [string, string]]),
    ...(ratios.length === 0 ? [] : [["ratios", ratios.join(", ")] as [string, string]]),
    ...(total.length === 0 ? [] : [["sums", total.join("; ")] as [string, string]]),
  ];
}

function sunspecFacts({ read, sunspec, models }: SunspecProfile): [string, string][] {
  return [
    ["reading", `function ${read.function}, at most ${read.maxRegisters} registers a request`],
    ["recognised", `by the text SunS at ${sunspec.bases.join(", ")}`],
    ["models", models.map(({ ids }) => ids.join(", ")).join("; ")],
  ];
}

const place = (address: number): string =>
  `0x${address.toString(16).toUpperCase().padStart(4, "0")}`;

function modbusTable({ registers }: ModbusProfile): string {
  const rows = registers.map((row) => [
    place(row.address),
    String(row.address),
    row.type,
    [row.scale, ...(row.multiplyBy ?? [])].join("·"),
    row.unit,
    row.obis ?? "",
    row.quantity + (row.optional ? " ?" : ""),
  ]);
  const note = registers.some(({ optional }) => optional) ? "\n? may be missing on some units" : "";
  return table(["register", "", "type", "scale", "unit", "OBIS", "quantity"], rows) + note;
}

function modelTables({ models }: SunspecProfile): string {
  return models
    .map(({ ids, registers }) => {
      const rows = registers.map(({ offset, type, unit, obis = "", quantity }) => [
        String(offset),
        type,
        unit,
        obis,
        quantity,
      ]);
      return `models ${ids.join(", ")}\n${table(["offset", "type", "unit", "OBIS", "quantity"], rows)}`;
    })
    .join("\n\n");
}

/** Words broken into lines under each other, behind a label. */
function paragraph(label: string, text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && label.length + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.map((part, i) => `${i === 0 ? label : " ".repeat(label.length)}${part}`);
}
