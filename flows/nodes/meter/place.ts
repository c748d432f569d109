import { builtInProfiles, type MeterPlace, meterPlaceOf } from "@busbar/edge";
import { Failure } from "@busbar/protocol";
import { flowError } from "../link/errors.ts";
import { entered, optional } from "../link/form.ts";
import { numberIn, wordIn } from "../link/typed.ts";

/** Properties of a meter node as the editor stores them. */
export type MeterForm = Readonly<Record<string, unknown>>;

/** Pauses between two readings, s. */
const pauses = { least: 0.1, most: 86_400 };
const parities = ["none", "even", "odd"] as const;

/**
 * Where a meter is and which one, as its driver takes it.
 * Throws: `Failure` `flows.place`, `flows.field-missing`, `flows.value`.
 */
export function placeOfForm(form: MeterForm): MeterPlace {
  const profile = optional(form.profile);
  if (profile === "") {
    const known = builtInProfiles.join(", ");
    const message = `profile: nothing entered; scan for the meter, or name its profile (such as eastron-sdm630, ${known})`;
    throw flowError("flows.field-missing", message);
  }
  const address = optional(form.address);
  const pulses = optional(form.pulses);
  return {
    profile,
    connection: connectionOf(form),
    unit: numberIn("unit", form.unit === "" ? 1 : (form.unit ?? 1), { least: 0, most: 255 }),
    ...(address === "" ? {} : { address }),
    ...(pulses === ""
      ? {}
      : { pulsesPerKwh: numberIn("pulses", pulses, { least: 1, most: 1_000_000 }) }),
  };
}

/** Where a bus is. Throws: `Failure` `flows.place`, `flows.value`. */
export function connectionOf(form: MeterForm): MeterPlace["connection"] {
  const text = entered(form.place);
  const connection = connectionIn(text);
  if (connection.kind !== "rtu") return connection;
  const baud = optional(form.baud);
  const parity = optional(form.parity).replace(/^default$/, "");
  return {
    ...connection,
    ...(baud === "" ? {} : { baud: numberIn("baud", baud, { least: 300, most: 115_200 }) }),
    ...(parity === "" ? {} : { parity: wordIn("parity", parity, parities) }),
  };
}

/** Pause between two readings, ms; undefined where the node reads on a message only. */
export function everyMsOf(form: MeterForm): number | undefined {
  const text = String(form.every ?? "").trim();
  if (text === "" || text === "0") return undefined;
  return numberIn("every", text, pauses) * 1_000;
}

function connectionIn(text: string): MeterPlace["connection"] {
  try {
    return meterPlaceOf(text);
  } catch (cause) {
    const expected = "/dev/…, tcp://host:502, rtu-over-tcp://host:4196 or gpio://gpiochip0/17";
    if (!(cause instanceof Failure)) throw cause;
    throw flowError("flows.place", `place: expected ${expected}, got ${JSON.stringify(text)}`, {
      cause,
    });
  }
}
