import { Failure, utcMs } from "@busbar/protocol";
import { valuesText } from "../commands/read-text.ts";
import { configSchema } from "../config/schema.ts";
import { BusPool } from "../framing/bus-pool.ts";
import type { MeterIdentity, MeterReading, RegisterValue } from "../meters/meter.ts";
import { profileOf } from "../meters/profile.ts";
import { openPlace } from "../schedule/source.ts";
import type { Placed } from "./found-meters.ts";

/** What a meter said when it was tried. */
export type TestReading =
  | { readonly ok: true; readonly identity: MeterIdentity; readonly reading: MeterReading }
  | { readonly ok: false; readonly message: string };

const meterSchema = configSchema.shape.meters.element;
/** What a display shows, in this order. */
const shown = [
  "energy.import.total",
  "energy.export.total",
  "power.total",
  "voltage.l1",
  "current.l1",
  "frequency",
];

/** Reads a meter once, as a running unit would. */
export async function tryMeter(placed: Placed): Promise<TestReading> {
  const { data, error } = meterSchema.safeParse({ ...placed, id: "test" });
  if (data === undefined) return { ok: false, message: error.issues[0]?.message ?? "" };
  try {
    const clock = () => utcMs(Date.now());
    const { meter } = await openPlace(data, { clock, bus: new BusPool(), profileOf });
    try {
      return { ok: true, identity: await meter.identify(), reading: await meter.read() };
    } finally {
      await meter.close();
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { ok: false, message: error.message };
  }
}

/** The values that can be compared with a display, as lines. */
export function displayText({ values, ...rest }: MeterReading, width: number): string {
  const rank = (quantity: string) =>
    (shown.indexOf(quantity) + shown.length + 1) % (shown.length + 1);
  const first = values.filter(({ quantity }) => shown.includes(quantity));
  const chosen = first.length > 0 ? first : values.slice(0, shown.length);
  const sorted = chosen.toSorted((a, b) => rank(a.quantity) - rank(b.quantity));
  const lines = valuesText(
    { ...rest, values: sorted.map(asDisplayed), unknown: [] },
    { width: width - 2, raw: false },
  );
  const more = values.length - sorted.length;
  return [...lines, ...(more > 0 ? [`and ${more} more values`] : [])]
    .map((line) => `  ${line}`)
    .join("\n");
}

/** Displays count in kWh. */
function asDisplayed(value: RegisterValue): RegisterValue {
  const { unit, exponent } = value;
  return unit === "Wh" ? { ...value, unit: "kWh", exponent: exponent - 3 } : value;
}
