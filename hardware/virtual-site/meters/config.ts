import { readFile } from "node:fs/promises";
import { Failure } from "@busbar/protocol";
import { ConfigError, parseConfig } from "@busbar/protocol/config";
import { z } from "zod";
import { defaultPlace, sources } from "../physics/site.ts";
import { faultsShape } from "./faults/faults.ts";

const hourMs = 3_600_000;

const device = z.strictObject({
  unit: z.int().min(1).max(247).describe("Modbus unit id"),
  profile: z.string().describe("id of a profile in hardware/meters, or a file like ./my.yaml"),
  serialNumber: z.union([z.string().min(1), z.int().min(0).max(0xffff_ffff)]),
  source: z.enum(sources).describe("where in the site the device is connected"),
  maxRegisters: z.int().min(1).max(125).optional().describe("fewer than its type takes"),
  missing: z.array(z.int().min(0).max(0xffff)).optional().describe("rows this unit lacks"),
  faults: faultsShape.optional().describe("beside and instead of the bus's"),
});

const devices = z
  .array(device)
  .min(1)
  .refine((all) => new Set(all.map(({ unit }) => unit)).size === all.length, {
    message: "expected each unit id once per bus",
  });

const faults = {
  faults: faultsShape.prefault({}).describe("what goes wrong, of all units"),
};

const line = {
  devices,
  ...faults,
  baud: z.int().min(300).max(921_600).optional().describe("default: the first device's profile"),
  turnaroundMs: z.int().min(0).max(10_000).default(20).describe("meter's time to answer"),
};

const tcp = {
  host: z.string().default("127.0.0.1"),
  port: z.int().min(0).max(65_535).describe("0 takes a free port"),
};

const bus = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("rtu"), link: z.string().min(1), ...line }),
  z.strictObject({ kind: z.literal("rtu-over-tcp"), ...tcp, ...line }),
  z.strictObject({ kind: z.literal("tcp"), ...tcp, devices, ...faults }),
]);

const schema = z.strictObject({
  clock: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("system") }),
    z.strictObject({ kind: z.literal("file"), path: z.string().min(1) }),
  ]),
  seed: z.int().min(0).max(0xffff_ffff).default(1),
  place: z
    .strictObject({
      latitude: z.number().min(-90).max(90),
      longitude: z.number().min(-180).max(180),
      utcOffsetHours: z.number().min(-12).max(14),
    })
    .default(defaultPlace),
  commissionedMs: z
    .int()
    .multipleOf(hourMs, "expected a full hour in ms since 1970 UTC")
    .default(Date.UTC(2026, 0, 1))
    .describe("when all counters stood at 0"),
  buses: z.array(bus).min(1),
});

/** What a process of simulated meters serves. */
export type MetersConfig = z.output<typeof schema>;
export type BusConfig = MetersConfig["buses"][number];
export type DeviceConfig = BusConfig["devices"][number];

/** Throws: `ConfigError`, `Failure` `config.unreadable`. */
export async function readConfig(file: string): Promise<MetersConfig> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new Failure("config.unreadable", `${file}: cannot read the configuration (${code})`, {
      retry: "never",
      cause,
    });
  }
  return parseConfig(file, text, schema);
}

export { ConfigError };
