import { discoveryPrefix, idPattern, priceMax } from "@busbar/protocol";
import { z } from "zod";
import { builtInProfiles } from "../meters/telegram-profiles.ts";
import { brokerProblem, fingerprintPattern } from "./broker-url.ts";
import { meterOptions, optionProblems } from "./meter-options.ts";
import { addressProblem, connectionProblem, lineProblem, placeOfMeter } from "./meter-problems.ts";

const id = z.string().regex(idPattern, "expected an id: a–z, 0–9 and inner hyphens, at most 32");
const path = z.string().min(1);
const port = z.int().min(1).max(65_535);
const energyWh = z.int().min(0).max(1_000_000_000_000);
const priceMicro = z.int().min(-priceMax).max(priceMax);

const serial = {
  baud: z
    .literal([300, 600, 1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200])
    .optional()
    .describe("instead of the profile's factory setting"),
  parity: z.enum(["none", "even", "odd"]).optional(),
};

/** Lines on which Modbus devices are asked. */
const lines = [
  z.strictObject({
    kind: z.literal("rtu"),
    path: path.describe("/dev/serial/by-id/… survives replugging, /dev/ttyUSB0 does not"),
    ...serial,
  }),
  z.strictObject({ kind: z.literal("rtu-over-tcp"), host: z.string().min(1), port }),
  z.strictObject({
    kind: z.literal("tcp"),
    host: z.string().min(1),
    port: port.default(502),
  }),
] as const;

const connection = z
  .discriminatedUnion(
    "kind",
    [
      ...lines,
      z.strictObject({
        kind: z.literal("gpio"),
        chip: z
          .string()
          .regex(/^[A-Za-z0-9/][\w./:-]*$/, "expected a chip as gpiodetect names it")
          .default("gpiochip0"),
        offset: z
          .int()
          .min(0)
          .max(4095)
          .describe("the line's number on the chip; on a Raspberry Pi the BCM number, not the pin"),
        bias: z.enum(["pull-up", "pull-down", "disabled"]).default("pull-up"),
        activeLow: z.boolean().default(true).describe("a pulse closes the contact to ground"),
      }),
    ],
    "expected kind: rtu, rtu-over-tcp, tcp or gpio",
  )
  .describe("how the meter is reached");

const meter = z.strictObject({
  id: id.describe("the meter's name on the ledger"),
  profile: z
    .string()
    .min(1)
    .describe(
      `id of a profile in hardware/meters, a path to a .yaml, or ${builtInProfiles.join(", ")}`,
    ),
  connection,
  unit: z.int().min(0).max(255).default(1).describe("Modbus unit id"),
  address: z
    .string('expected text in quotes, like "201000000012"')
    .min(1)
    .optional()
    .describe("of a DL/T 645, M-Bus or IEC 62056-21 meter, as on its plate, in quotes"),
  serial: z
    .string('expected text in quotes, like "21400815"')
    .min(1)
    .max(64)
    .optional()
    .describe(
      "its serial number, as a scan shows it, in quotes: another meter's readings are refused",
    ),
  ...meterOptions,
  role: z
    .enum(["connection", "generation", "load", "storage", "exchange"])
    .default("connection")
    .describe("connection: the billed one, at the feeder"),
  form: z.enum(["solar", "wind", "thermal", "nuclear", "storage", "any"]).optional(),
  feeder: id.default("main").describe("where it hangs in the site's grid"),
});

const tls = z
  .strictObject({
    ca: path.optional().describe("PEM file of the authority that signed the broker's certificate"),
    cert: path.optional().describe("PEM file of the unit's own certificate"),
    key: path.optional().describe("PEM file of that certificate's key"),
    serverName: z
      .string()
      .min(1)
      .optional()
      .describe("the name that its certificate is checked against"),
    fingerprint: z
      .string()
      .regex(fingerprintPattern, "expected sha256: and 64 hexadecimal digits")
      .optional()
      .describe("of the broker's own certificate, which then needs no authority: sha256:…"),
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), {
    message: "expected cert and key together",
    path: ["cert"],
  })
  .describe("for mqtts and wss");

const broker = z
  .strictObject({
    url: z.string().describe("mqtts://host:8883, wss://host/mqtt, mqtt://127.0.0.1:1883, ws://…"),
    id: id.optional().describe("the member that runs it; left out, the site's id"),
    allowPlainText: z
      .boolean()
      .default(false)
      .describe("permit mqtt and ws to another machine: readings are signed but can be watched"),
    tls: tls.optional(),
    passwordFile: path
      .optional()
      .describe("file with the unit's password, for a broker that checks no signatures"),
  })
  .superRefine((value, context) => {
    const message = brokerProblem(value);
    if (message !== undefined) context.addIssue({ code: "custom", path: ["url"], message });
  });

const room = z
  .int()
  .min(0)
  .max(500)
  .default(30)
  .describe("how far below the reference an ask goes, and above it a bid, in permille");

const strategy = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("follow-reference"), roomPermille: room }),
    z.strictObject({
      kind: z.literal("fixed-margin"),
      marginMicroPerKwh: z
        .int()
        .min(0)
        .max(priceMax)
        .describe(
          "so much better than the bureau's tariff: an ask above what it pays, a bid below what it charges",
        ),
    }),
    z.strictObject({
      kind: z.literal("learned-ramp"),
      roomPermille: room,
      learnPermille: z
        .int()
        .min(1)
        .max(500)
        .default(50)
        .describe("how much a quote that was taken, or was not, changes what the next one dares"),
    }),
  ])
  .default({ kind: "follow-reference", roomPermille: 30 })
  .describe("how limits are set: follow-reference, fixed-margin, or learned-ramp");

const agent = z
  .strictObject({
    enabled: z.boolean().default(false),
    form: z
      .enum(["solar", "wind", "thermal", "nuclear", "storage", "any"])
      .default("any")
      .describe("where a surplus comes from"),
    strategy,
    mandate: path.default("mandate.frame").describe("the owner's signed limits, made by enrol"),
    limits: z
      .strictObject({
        askWhMax: energyWh.default(0).describe("most energy to sell in one slot"),
        askMicroPerKwhMin: priceMicro
          .default(0)
          .describe("never sell cheaper; below 0: pay so much at most for being rid of it"),
        bidWhMax: energyWh.default(0).describe("most energy to buy in one slot"),
        bidMicroPerKwhMax: priceMicro
          .default(0)
          .describe("never buy dearer; below 0: only where so much is paid for taking it"),
        days: z.int().min(1).max(36_500).default(365).describe("how long the mandate holds"),
      })
      .prefault({}),
  })
  .describe("quotes in the market for its owner");

const actuator = z.discriminatedUnion(
  "kind",
  [
    z.strictObject({
      kind: z.literal("modbus"),
      connection: z
        .discriminatedUnion("kind", [...lines], "expected kind: rtu, rtu-over-tcp or tcp")
        .describe("how the device is reached; a bus that meters are on is shared with them"),
      unit: z.int().min(0).max(255).default(1).describe("Modbus unit id"),
      register: z.int().min(0).max(65_535).describe("holding register that limits its power"),
      function: z.literal([6, 16]).default(6).describe("how it is written"),
      scaleW: z.number().positive().max(100_000).default(1).describe("watts of one count"),
      minW: z.int().min(0).max(100_000_000).default(0).describe("never set lower"),
      maxW: z.int().min(0).max(100_000_000).describe("never set higher"),
      safeW: z.int().min(0).max(100_000_000).describe("what it holds without orders"),
    }),
    z.strictObject({
      kind: z.literal("gpio"),
      chip: z
        .string()
        .regex(/^[A-Za-z0-9/][\w./:-]*$/, "expected a chip as gpiodetect names it")
        .default("gpiochip0"),
      offset: z.int().min(0).max(4095).describe("the line's number on the chip"),
      activeLow: z.boolean().default(false).describe("the relay switches when the line is low"),
      maxW: z.int().min(0).max(100_000_000).describe("what the load draws while it is on"),
    }),
  ],
  "expected kind: modbus or gpio",
);

const demand = z
  .strictObject({
    enabled: z.boolean().default(false),
    dryRun: z
      .boolean()
      .default(true)
      .describe("say what orders would set, set nothing, and refuse them"),
    actuator: actuator.optional().describe("what is set; without it every order is refused"),
    refreshSeconds: z.int().min(1).max(3600).default(30).describe("a held setting is written anew"),
    holdHoursMax: z
      .number()
      .positive()
      .max(48)
      .default(6)
      .describe("after so long it goes back to safe, whatever orders say; site hours"),
  })
  .describe("carries out orders of demand response that the ledger proves");

/** edge.yaml. Defaults, help and documentation come from here and nowhere else. */
export const configSchema = z
  .strictObject({
    site: id.describe("the site's id, which is also the id of its ledger"),
    membership: path
      .default("membership.json")
      .describe("the members' public keys; without it the unit records and waits"),
    device: z.strictObject({
      id: id.describe("this unit's name on the ledger"),
      key: path.default("device.key").describe("secret, mode 0600; made by enrol"),
    }),
    owner: z.strictObject({
      id,
      party: z.enum(["company", "bureau", "user", "operator"]).default("user"),
      name: z.string().min(1).max(80).default("unnamed"),
      key: path.optional().describe("the owner's secret key, where enrol signs the limits"),
    }),
    clock: z
      .discriminatedUnion(
        "kind",
        [
          z.strictObject({
            kind: z.literal("system"),
            trust: z
              .enum(["ntp", "system"])
              .default("ntp")
              .describe(
                "ntp: readings wait while a time service says that the clock is not set; system: they never wait, where no time service will ever answer",
              ),
            boundSeconds: z
              .number()
              .positive()
              .max(60)
              .default(1)
              .describe("a clock that may be off by more counts as informative"),
          }),
          z.strictObject({ kind: z.literal("file"), path }),
        ],
        "expected kind: system, or kind: file with a path",
      )
      .prefault({ kind: "system" })
      .describe("system: the machine's own; file: a virtual site's"),
    brokers: z
      .array(broker)
      .max(16)
      .default([])
      .describe("nearest first; empty: those of the membership file"),
    data: path.default("data").describe("folder of the journal"),
    retention: z
      .strictObject({
        days: z.int().min(1).max(3650).default(40).describe("how long committed readings stay"),
        megabytes: z
          .int()
          .min(8)
          .max(1_000_000)
          .default(2048)
          .describe("or until the journal is this large"),
      })
      .prefault({}),
    status: z
      .strictObject({
        host: z
          .string()
          .min(1)
          .default("::")
          .describe("where the page listens; 127.0.0.1 for this machine only"),
        port: z.int().min(0).max(65_535).default(8080).describe("0: any free port"),
        names: z
          .array(
            z.string().regex(/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/, "expected a name in small letters"),
          )
          .max(16)
          .default([])
          .describe("by which it may be called besides addresses, plain and .local names"),
      })
      .prefault({})
      .describe("the page for phones in the same network, read only; /metrics for Prometheus"),
    homeAssistant: z
      .strictObject({
        enabled: z.boolean().default(true).describe("false also takes back what it was told"),
        prefix: z
          .string()
          .regex(/^[A-Za-z0-9_-]{1,64}$/, "expected one level of a topic: letters, digits, - and _")
          .default(discoveryPrefix)
          .describe("its discovery prefix; an aggregator's broker takes this one only"),
      })
      .prefault({})
      .describe("tells Home Assistant which meters there are"),
    meters: z.array(meter, "expected a list of meters").min(1).max(32),
    sampling: z
      .strictObject({
        everySeconds: z.int().min(1).max(3600).default(60).describe("site seconds"),
        alignToSlotMinutes: z.literal([5, 15, 30, 60]).default(60).describe("the market's slot"),
      })
      .prefault({}),
    batch: z
      .strictObject({
        entries: z.int().min(1).max(64).default(12),
        minutes: z.number().positive().max(1440).default(5).describe("site minutes"),
      })
      .prefault({})
      .describe("readings are signed and sent when this many or this old, and at a slot's end"),
    agent: agent.prefault({}),
    demand: demand.prefault({}),
    support: z
      .strictObject({
        enabled: z
          .boolean()
          .default(true)
          .describe("answer questions from afar that the owner approved; false: to none at all"),
      })
      .prefault({})
      .describe("doctor, logs, read and sweep, over the unit's own connection; never a shell"),
    updates: z
      .strictObject({
        follow: z
          .boolean()
          .default(false)
          .describe(
            "install what the members release, signed by a key of update-keys, in its turn",
          ),
        source: z
          .string()
          .regex(/^https?:\/\/\S{1,200}$/, "expected a folder like https://example.org/busbar")
          .optional()
          .describe("where bundles are fetched from, instead of where the release says"),
      })
      .prefault({})
      .describe("programs that the ledger states, tried and kept only when all works as before"),
    log: z.enum(["debug", "info", "warn", "error"]).default("info"),
  })
  .superRefine((value, context) => {
    const seen = new Set<string>();
    const places = new Map<string, string>();
    for (const [i, meter] of value.meters.entries()) {
      const { id } = meter;
      if (seen.has(id)) {
        const message = `the meter ${id} stands twice`;
        context.addIssue({ code: "custom", path: ["meters", i, "id"], message });
      }
      seen.add(id);
      // One device under two names would be billed twice.
      const { key, text, field } = placeOfMeter(meter);
      const other = places.get(key);
      if (other !== undefined) {
        const message = `${id} reads ${text}, which is ${other} already`;
        context.addIssue({ code: "custom", path: ["meters", i, field], message });
      }
      places.set(key, id);
      for (const { field, message } of optionProblems(meter)) {
        context.addIssue({ code: "custom", path: ["meters", i, field], message });
      }
      const address = addressProblem(meter);
      if (address !== undefined) {
        context.addIssue({ code: "custom", path: ["meters", i, "address"], message: address });
      }
      const line =
        connectionProblem(meter) ??
        (other === undefined ? lineProblem(meter, value.meters.slice(0, i)) : undefined);
      if (line !== undefined) {
        context.addIssue({ code: "custom", path: ["meters", i, "connection"], message: line });
      }
    }
  });

export type EdgeConfig = z.output<typeof configSchema>;
export type MeterConfig = EdgeConfig["meters"][number];
export type BrokerConfig = EdgeConfig["brokers"][number];
