import { type HandedReading, parseDecimal } from "@busbar/edge";
import { obis } from "@busbar/protocol";
import { flowError } from "../link/errors.ts";
import { isObject } from "../link/json.ts";
import type { Msg } from "../link/red.ts";

/** Plain names of a payload and the registers that they are, in Wh and W. */
const named = {
  importWh: obis.importEnergy,
  exportWh: obis.exportEnergy,
  power: obis.netPower,
} as const;

/**
 * The reading that a message holds: `msg.reading` of a meter node, exact, or a payload of
 * `{ importWh, exportWh, power, values }` that a flow made of raw registers.
 * Throws: `Failure` `flows.reading`.
 */
export function handedReading(msg: Msg, meter: string): HandedReading {
  const { reading, payload } = msg;
  const reset = msg.reset === true ? { reset: true } : {};
  if (isObject(reading) && Array.isArray(reading.values) && typeof reading.time === "number") {
    return {
      meter,
      time: reading.time,
      values: reading.values as HandedReading["values"],
      ...(typeof reading.serial === "string" ? { serial: reading.serial } : {}),
      ...reset,
    };
  }
  if (!isObject(payload)) throw nothing(payload);
  const values = [...registersOf(payload)];
  if (values.length === 0) throw nothing(payload);
  const time = typeof msg.time === "number" ? msg.time : Date.now();
  const serial = typeof msg.serial === "string" ? { serial: msg.serial } : {};
  return { meter, time, values, ...serial, ...reset };
}

function* registersOf(payload: Readonly<Record<string, unknown>>) {
  const coded = isObject(payload.values) ? Object.entries(payload.values) : [];
  const plain = Object.entries(named).map(([name, code]) => [code, payload[name]] as const);
  const seen = new Set<string>();
  for (const [code, value] of [...plain, ...coded]) {
    // A register that the meter does not have is null, which is not 0.
    if (value === null || value === undefined || seen.has(code)) continue;
    seen.add(code);
    const decimal = typeof value === "number" ? parseDecimal(String(value)) : undefined;
    if (decimal === undefined) {
      throw flowError("flows.reading", `${code}: expected a number, got ${JSON.stringify(value)}`);
    }
    yield { obis: code, ...decimal };
  }
}

function nothing(payload: unknown) {
  const got = JSON.stringify(payload)?.slice(0, 80) ?? "nothing";
  const expected = "a meter node's message, or a payload { importWh, exportWh, power } in Wh and W";
  return flowError("flows.reading", `expected ${expected}, got ${got}`);
}
