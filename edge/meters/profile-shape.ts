import { z } from "zod";
import { type RegisterType, registerTypes } from "./register-type.ts";

const word = z.int().min(0).max(0xffff);
const raw = z.int().min(0);
const readFunction = z.literal([3, 4]);
const type = z.enum(registerTypes);
const text = z.templateLiteral(["ascii:", z.literal(Array.from({ length: 60 }, (_, i) => i + 1))]);
const quantity = z
  .string()
  .regex(/^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$/, "expected words joined by dots, like power.total")
  .describe("what is measured, such as energy.import.total or voltage.l1");
const obis = z
  .string()
  .regex(/^\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}$/, "expected an OBIS code like 1-0:1.8.0")
  .describe("A-B:C.D.E, where a code exists");
const scale = z.number().describe("value = raw · scale, in unit; may be negative, never 0");

// biome-ignore format: one line for energy, one for power, one for the rest
const units = [
  "Wh", "kWh", "MWh", "varh", "kvarh", "Mvarh", "VAh", "kVAh", "MVAh", "Ah",
  "W", "kW", "var", "kvar", "VA", "kVA", "V", "mV", "A", "mA",
  "Hz", "deg", "%", "C", "s", "enum", "",
] as const;

const meaning = {
  unit: z.enum(units),
  quantity,
  obis: obis.optional(),
  sentinels: z
    .array(raw)
    .optional()
    .describe("raw unsigned values that mean: the meter does not know"),
  optional: z.boolean().optional().describe("may be missing on some units of this model"),
};

const register = z.strictObject({
  address: word.describe("zero-based, as in the request on the wire"),
  type,
  scale: scale.default(1),
  multiplyBy: z
    .array(z.string())
    .min(1)
    .optional()
    .describe("names of factors; the value is unknown while one of them is unknown or not above 0"),
  ...meaning,
});

const modelRegister = z.strictObject({
  offset: word.describe("from the start of the model: 0 is its id, 1 its length"),
  type,
  scaleFactor: word.optional().describe("offset of the register that holds the power of ten"),
  ...meaning,
});

const place = z.strictObject({
  address: word,
  function: readFunction,
  type: z.union([type, text]).describe("a number, or a text in so many registers"),
  oneByOne: z.boolean().optional().describe("its registers are refused together, taken singly"),
});

/**
 * The shape of a meter profile. `hardware/meters/profile.schema.json` is derived from it
 * (`write-profile-schema.ts`), and a test holds the two equal.
 */
export const profileShape = z
  .strictObject({
    id: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, "expected a-z, 0-9 and inner hyphens"),
    vendor: z.string().min(1),
    model: z.string().min(1),
    protocol: z.enum(["modbus", "sunspec"]),
    trust: z
      .enum(["high", "medium", "low"])
      .describe("high: two independent code bases agree; medium: one; low: an excerpt"),
    verified: z.enum(["simulator", "hardware"]).describe("what the profile was tried against"),
    provenance: z.array(z.string().min(1)).min(1).describe("where the facts come from"),
    notes: z.string().optional(),
    serial: z
      .strictObject({
        baud: z.literal([1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200]),
        parity: z.enum(["none", "even", "odd"]),
        stopBits: z.literal([1, 2]),
      })
      .optional()
      .describe("the factory settings of the meter's RS-485 port, where it has one"),
    tcp: z
      .strictObject({ ports: z.array(z.int().min(1).max(65535)).min(1) })
      .optional()
      .describe("Modbus TCP, where the meter has a network port of its own"),
    beside: z
      .string()
      .optional()
      .describe("id of the profile that reads the main part of the same device and unit id"),
    read: z.strictObject({
      function: readFunction,
      wordOrder: z.enum(["msw", "lsw"]).describe("msw: the most significant word comes first"),
      maxRegisters: z.int().min(1).max(125).describe("in one request"),
      evenCount: z.boolean().describe("odd counts are rejected"),
      evenStart: z.boolean().describe("odd addresses are rejected"),
    }),
    identify: z
      .array(
        place.extend({
          equals: z.array(raw).min(1).optional().describe("of a number: one of these"),
          startsWith: z
            .array(z.string().min(1))
            .min(1)
            .optional()
            .describe("of a text: it begins with one of these, capitals or not"),
        }),
      )
      .describe("registers that tell this model from others"),
    serialNumber: place.optional(),
    sentinels: z
      .strictObject(
        Object.fromEntries(
          registerTypes.map((of) => [of, z.array(raw).min(1).optional()]),
        ) as Record<RegisterType, z.ZodOptional<z.ZodArray<typeof raw>>>,
      )
      .optional()
      .describe("raw unsigned values of a type that mean, in every row: the meter does not know"),
    factors: z
      .record(
        z.string().regex(/^[a-z][a-z0-9_]*$/),
        z.strictObject({ address: word, type, scale: scale.default(1) }),
      )
      .optional()
      .describe("registers that values are multiplied by, such as transformer ratios"),
    registers: z.array(register).optional().describe("of protocol modbus"),
    sums: z
      .array(z.strictObject({ quantity, obis: obis.optional(), of: z.array(z.string()).min(2) }))
      .optional()
      .describe("values that are sums of rows; unknown while one of them is unknown"),
    sunspec: z
      .strictObject({ bases: z.array(word).min(1).describe("where the marker SunS is looked for") })
      .optional(),
    models: z
      .array(
        z.strictObject({
          ids: z.array(word).min(1),
          length: word.describe(
            "registers after the id and the length; more than a device has are unread",
          ),
          registers: z.array(modelRegister).min(1),
        }),
      )
      .optional()
      .describe("of protocol sunspec"),
  })
  .describe("A meter as data: how to recognise it and what its registers mean");

/** A profile with its defaults filled in; `profile.ts` checks what a schema cannot say. */
export type ProfileFile = z.infer<typeof profileShape>;

/** The JSON Schema of a profile file, for editors. */
export const profileJsonSchema = (): unknown => z.toJSONSchema(profileShape, { io: "input" });
