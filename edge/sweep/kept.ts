import { type SweepFinding, sweepRemedies } from "./finding.ts";
import { medianMs } from "./statistics.ts";
import type { SweptBus } from "./sweep.ts";

/** The last sweep as it is kept beside the unit's files, for its page and the commissioning sheet. */
export type KeptSweep = {
  readonly form: "busbar-sweep-1";
  /** ISO 8601, by the unit's clock. */
  readonly at: string;
  readonly buses: readonly KeptBus[];
};

export type KeptBus = {
  readonly bus: string;
  readonly driver?: string;
  readonly settings?: string;
  readonly units: readonly {
    readonly unit: number;
    readonly profile?: string;
    readonly serialNumber?: string;
    readonly asked: number;
    readonly whole: number;
    readonly medianMs?: number;
    readonly timesMs: readonly number[];
  }[];
  readonly findings: readonly SweepFinding[];
};

export const sweepName = "sweep.json";
/** A sweep of eight lines with 32 meters each is a tenth of it. */
export const sweepBytesMax = 1024 * 1024;

/** A sweep as it is kept. */
export function keptOf(buses: readonly SweptBus[], at: string): KeptSweep {
  return {
    form: "busbar-sweep-1",
    at,
    buses: buses.map(({ bus, port, settings, units, findings }) => ({
      bus,
      ...(port?.driver === undefined ? {} : { driver: port.driver }),
      ...(settings === undefined ? {} : { settings }),
      units: units.map(({ unit, profile, serialNumber, reads }) => {
        const median = medianMs(reads.timesMs);
        return {
          unit,
          ...(profile === undefined ? {} : { profile }),
          ...(serialNumber === undefined ? {} : { serialNumber }),
          ...{ asked: reads.asked, whole: reads.counts.clean, timesMs: reads.timesMs },
          ...(median === undefined ? {} : { medianMs: median }),
        };
      }),
      findings,
    })),
  };
}

/** Reads what `keptOf` made; undefined for anything else, such as a file that a power cut left. */
export function parseKept(text: string): KeptSweep | undefined {
  try {
    const value = JSON.parse(text) as KeptSweep;
    const isGood = value.form === "busbar-sweep-1" && isText(value.at) && value.buses.every(isBus);
    return isGood ? value : undefined;
  } catch {
    // No JSON, or parts of another shape.
    return undefined;
  }
}

function isBus({ bus, driver, settings, units, findings }: KeptBus): boolean {
  return (
    [bus, driver ?? "", settings ?? ""].every(isText) &&
    units.every(
      (one) =>
        [one.unit, one.asked, one.whole, one.medianMs ?? 0, ...one.timesMs].every(
          Number.isFinite,
        ) && [one.profile ?? "", one.serialNumber ?? ""].every(isText),
    ) &&
    findings.every(
      ({ code, state, message, remedy }) =>
        Object.hasOwn(sweepRemedies, code) &&
        (state === "warning" || state === "fault") &&
        isText(message) &&
        isText(remedy),
    )
  );
}

const isText = (value: unknown): value is string => typeof value === "string";
