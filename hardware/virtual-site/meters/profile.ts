import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Failure, nearest } from "@busbar/protocol";
import { parseConfig } from "@busbar/protocol/config";
import { z } from "zod";

const numberType = z.enum(["u16", "s16", "u32", "s32", "u64", "s64", "f32", "f64"]);
const anyType = z.union([numberType, z.templateLiteral(["ascii:", z.int().positive()])]);

const cell = {
  address: z.int().min(0).max(0xffff),
  function: z.union([z.literal(3), z.literal(4)]),
};
const value = { unit: z.string(), quantity: z.string() };

const common = {
  id: z.string(),
  serial: z
    .object({
      baud: z.int().positive(),
      parity: z.enum(["none", "even", "odd"]),
      stopBits: z.union([z.literal(1), z.literal(2)]),
    })
    .optional(),
  read: z.object({
    function: z.union([z.literal(3), z.literal(4)]),
    wordOrder: z.enum(["msw", "lsw"]),
    maxRegisters: z.int().min(1).max(125),
    evenCount: z.boolean().default(false),
    evenStart: z.boolean().default(false),
  }),
};

// What a simulated meter needs of a profile; the profiles' own JSON Schema refuses stray keys.
const profileSchema = z.discriminatedUnion("protocol", [
  z.object({
    ...common,
    protocol: z.literal("modbus"),
    identify: z.array(
      z.object({
        ...cell,
        type: anyType,
        equals: z.array(z.number()).min(1).optional(),
        startsWith: z.array(z.string()).min(1).optional(),
      }),
    ),
    serialNumber: z.object({ ...cell, type: anyType }).optional(),
    factors: z
      .record(
        z.string(),
        z.object({ address: cell.address, type: numberType, scale: z.number().default(1) }),
      )
      .default({}),
    sentinels: z.partialRecord(numberType, z.array(z.number())).default({}),
    registers: z.array(
      z.object({
        ...value,
        address: cell.address,
        type: numberType,
        scale: z.number().default(1),
        multiplyBy: z.array(z.string()).default([]),
        sentinels: z.array(z.number()).default([]),
        optional: z.boolean().default(false),
      }),
    ),
  }),
  z.object({
    ...common,
    protocol: z.literal("sunspec"),
    sunspec: z.object({ bases: z.array(z.int().min(0).max(0xffff)).min(1) }),
    models: z.array(
      z.object({
        ids: z.array(z.int()),
        length: z.int().positive(),
        registers: z.array(
          z.object({
            ...value,
            offset: z.int().min(2),
            type: numberType,
            scale: z.number().default(1),
            scaleFactor: z.int().min(2).optional(),
          }),
        ),
      }),
    ),
  }),
]);

/** A meter type as its YAML file describes it. */
export type Profile = z.output<typeof profileSchema>;
export type ModbusProfile = Extract<Profile, { protocol: "modbus" }>;
export type SunSpecProfile = Extract<Profile, { protocol: "sunspec" }>;
export type NumberType = z.output<typeof numberType>;
export type CellType = z.output<typeof anyType>;

/** Where the project's profiles lie. */
const profileDirectory = fileURLToPath(new URL("../../meters/", import.meta.url));

/**
 * Reads the profile with an id, or in a file such as `./acme-em3.yaml`.
 * Throws: `Failure` `meter.profile-unknown`, `ConfigError` for a file of another shape.
 */
export async function loadProfile(id: string): Promise<Profile> {
  if (/\/|\.yaml$/.test(id)) return loadFile(id);
  const files = await readdir(profileDirectory);
  const known = files.filter((name) => name.endsWith(".yaml")).map((name) => name.slice(0, -5));
  if (!known.includes(id)) {
    const near = nearest(id, known);
    const hint = near === undefined ? `known: ${known.join(", ")}` : `did you mean ${near}?`;
    throw new Failure("meter.profile-unknown", `no meter profile "${id}"; ${hint}`, {
      retry: "never",
    });
  }
  const file = `hardware/meters/${id}.yaml`;
  return parseConfig(file, await readFile(`${profileDirectory}${id}.yaml`, "utf8"), profileSchema);
}

async function loadFile(file: string): Promise<Profile> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    const message = `no meter profile can be read at ${file}`;
    throw new Failure("meter.profile-unknown", message, { retry: "never", cause });
  }
  return parseConfig(file, text, profileSchema);
}
