import { obis } from "@busbar/protocol";
import { isObject, parseObject } from "./json.ts";

/** One live reading of one meter, as its edge unit publishes it. */
export type Live = {
  readonly device: string;
  readonly meter: string;
  /** Site time, ms since 1970 UTC. */
  readonly time: number;
  readonly seq: number | undefined;
  readonly quality: number | string | undefined;
  /** By OBIS code, in the register's base unit: Wh, W, V, A, Hz. */
  readonly values: Readonly<Record<string, number>>;
  /** By the meter profile's quantity name, like `power.total`. */
  readonly quantities: Readonly<Record<string, number>>;
};

/** What a flow usually wants of a reading. W and Wh; null where the meter has no such register. */
export type LivePayload = {
  readonly power: number | null;
  readonly importWh: number | null;
  readonly exportWh: number | null;
  readonly values: Live["values"];
  readonly quantities: Live["quantities"];
};

const kinds = ["reading", "power", "import", "export", "obis", "quantity"] as const;

/** What of a reading becomes the payload; `code` belongs to `obis` and `quantity`. */
export type Output = { readonly kind: (typeof kinds)[number]; readonly code: string };

/** The choice as the editor stores it, in `output` and `outputType`. */
export function outputOf(config: Readonly<Record<string, unknown>>): Output {
  const kind = kinds.find((known) => known === config.outputType) ?? "reading";
  return { kind, code: typeof config.output === "string" ? config.output.trim() : "" };
}

/** What a meter showed, whoever tells it. */
export type Measured = Pick<Live, "values" | "quantities">;

/** A live reading, or undefined when the payload is none. */
export function parseLive(payload: Buffer): Live | undefined {
  const body = parseObject(payload);
  if (body === undefined) return undefined;
  const { device, meter, time, seq, quality } = body;
  if (typeof device !== "string" || typeof meter !== "string") return undefined;
  if (typeof time !== "number" || !Number.isFinite(time)) return undefined;
  return {
    device,
    meter,
    time,
    seq: typeof seq === "number" ? seq : undefined,
    quality: typeof quality === "number" || typeof quality === "string" ? quality : undefined,
    values: numbers(body.values),
    quantities: numbers(body.quantities),
  };
}

/** The chosen part of a reading; undefined where this reading does not have it. */
export function pick(live: Measured, { kind, code }: Output): LivePayload | number | undefined {
  switch (kind) {
    case "reading":
      return wholeOf(live);
    case "power":
      return powerOf(live);
    case "import":
      return live.values[obis.importEnergy];
    case "export":
      return live.values[obis.exportEnergy];
    case "obis":
      return live.values[code];
    case "quantity":
      return live.quantities[code];
    default:
      return kind satisfies never;
  }
}

/** Power in W, positive = drawn from the grid: the net register, or import less export. */
export function powerOf({ values, quantities }: Measured): number | undefined {
  const net = values[obis.netPower] ?? quantities["power.total"];
  if (net !== undefined) return net;
  const [drawn, fed] = [values[obis.importPower], values[obis.exportPower]];
  return drawn === undefined && fed === undefined ? undefined : (drawn ?? 0) - (fed ?? 0);
}

function wholeOf(live: Measured): LivePayload {
  return {
    power: powerOf(live) ?? null,
    importWh: live.values[obis.importEnergy] ?? null,
    exportWh: live.values[obis.exportEnergy] ?? null,
    values: live.values,
    quantities: live.quantities,
  };
}

function numbers(value: unknown): Record<string, number> {
  if (!isObject(value)) return {};
  const known = Object.entries(value).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number",
  );
  return Object.fromEntries(known);
}

/** What a status shows of a reading: below 20 characters, for it stands under a small box. */
export function shownValue(
  live: Measured & { readonly meter: string },
  chosen: unknown,
  { kind }: Output,
): string {
  const value = typeof chosen === "number" ? chosen : powerOf(live);
  if (value === undefined) return live.meter.slice(0, 19);
  return `${short(value)}${unitOf[kind]}`;
}

/** An OBIS code and a quantity name their unit themselves, or have none. */
const unitOf = {
  reading: " W",
  power: " W",
  import: " Wh",
  export: " Wh",
  obis: "",
  quantity: "",
} as const;

function short(value: number): string {
  return Number(value.toPrecision(9)).toString().slice(0, 16);
}
