import { Failure, obis } from "@busbar/protocol";
import { parseDecimal } from "../meters/decimal.ts";
import type { Status } from "../status/status.ts";
import type { DisplayResult } from "./record.ts";

/** How long reading a display and typing it in takes at most: meanwhile energy flows. */
const typingSeconds = 300;

/** `anna-grid=12345.6` or `anna-grid:export=0.7`. */
export type Shown = {
  readonly meter: string;
  readonly way: "import" | "export";
  readonly kwh: string;
};

/** Reads what was typed. Throws: `Failure` `usage.display`. */
export function parseShown(text: string): Shown {
  const [, meter, way = "import", kwh] =
    /^([a-z0-9-]{1,32})(?::(import|export))?=(\d{1,9}(?:[.,]\d{1,6})?)$/.exec(text.trim()) ?? [];
  if (meter === undefined || kwh === undefined || (way !== "import" && way !== "export")) {
    const message = `expected --display METER=KWH as the display shows them, like anna-grid=12345.6 or anna-grid:export=0.7; got ${JSON.stringify(text)}`;
    throw new Failure("usage.display", message, { retry: "never" });
  }
  return { meter, way, kwh: kwh.replace(",", ".") };
}

const codes = { import: obis.importEnergy, export: obis.exportEnergy } as const;

/**
 * A display beside the register that the unit read: they agree when no more lies between them than a step
 * of the display, what the register resolves, and what can have flowed while it was typed.
 * Throws: `Failure` `commission.meter`, `commission.register`.
 */
export function compareDisplay(
  { meter, way, kwh }: Shown,
  meters: Status["meters"],
  at: string,
): DisplayResult {
  const found = meters.find(({ id }) => id === meter);
  if (found === undefined) {
    const known = meters.map(({ id }) => id).join(", ");
    throw stop("meter", `the unit has no meter ${meter}; it has ${known}`);
  }
  const read = found.values.find((value) => value.obis === codes[way])?.value;
  if (read === undefined) throw stop("register", `${meter} shows no ${way} energy`);
  const decimals = kwh.split(".")[1]?.length ?? 0;
  const shownWh = Number(kwh) * 1000;
  // Float32 registers of kWh have steps of 8 Wh above 65 536 kWh (and 0.06 Wh below 1024 kWh).
  const resolutionWh = read / 2 ** 23;
  const flowedWh = (Math.abs(found.powerW ?? 0) * typingSeconds) / 3600;
  const allowedWh = 1000 / 10 ** decimals + resolutionWh + flowedWh;
  const passed = parseDecimal(kwh) !== undefined && Math.abs(shownWh - read) <= allowedWh;
  return { meter, way, shownKwh: kwh, readKwh: (read / 1000).toFixed(3), passed, at };
}

const stop = (what: string, message: string): Failure =>
  new Failure(`commission.${what}`, message, { retry: "never" });
