import { Failure } from "@busbar/protocol";

/** What is pulled out and put back while the unit is watched. */
export const trialKinds = ["adapter", "network", "power"] as const;
export type TrialKind = (typeof trialKinds)[number];

/** How a trial went. Times are ISO 8601, of the unit's clock. */
export type TrialResult = {
  readonly kind: TrialKind;
  /** Of an adapter's trial: whose it is. */
  readonly meter?: string;
  readonly passed: boolean;
  readonly text: string;
  readonly at: string;
};

/** A display beside what the unit read. */
export type DisplayResult = {
  readonly meter: string;
  readonly way: "import" | "export";
  readonly shownKwh: string;
  readonly readKwh: string;
  readonly passed: boolean;
  readonly at: string;
};

/** What was, before the power is taken away. */
export type BeforePower = { readonly boot: string; readonly taken: number; readonly at: string };

/** All that was tried and compared at a unit so far; it outlives the power's trial. */
export type CommissioningRecord = {
  readonly trials: readonly TrialResult[];
  readonly displays: readonly DisplayResult[];
  readonly beforePower?: BeforePower;
};

export const emptyRecord: CommissioningRecord = { trials: [], displays: [] };

/** The later result of the same trial counts. */
export function withTrial(record: CommissioningRecord, result: TrialResult): CommissioningRecord {
  const others = record.trials.filter(
    ({ kind, meter }) => kind !== result.kind || meter !== result.meter,
  );
  return { ...record, trials: [...others, result] };
}

/** The later comparison of the same register counts. */
export function withDisplay(
  record: CommissioningRecord,
  result: DisplayResult,
): CommissioningRecord {
  const others = record.displays.filter(
    ({ meter, way }) => meter !== result.meter || way !== result.way,
  );
  return { ...record, displays: [...others, result] };
}

/** Reads a kept record. Throws: `Failure` `commission.record`. */
export function parseRecord(text: string): CommissioningRecord {
  try {
    const { trials, displays, beforePower } = JSON.parse(text) as Record<string, unknown>;
    if (!Array.isArray(trials) || !trials.every(isTrial)) throw new Error("trials");
    if (!Array.isArray(displays) || !displays.every(isDisplay)) throw new Error("displays");
    if (beforePower === undefined) return { trials, displays };
    if (!isBefore(beforePower)) throw new Error("beforePower");
    return { trials, displays, beforePower };
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    const message = `commissioning.json is damaged (${what}); remove it and try again what was tried`;
    throw new Failure("commission.record", message, { retry: "never", cause });
  }
}

const isTrial = (value: unknown): value is TrialResult => {
  const { kind, meter, passed, text, at } = Object(value) as Record<string, unknown>;
  const isKnown = trialKinds.some((one) => one === kind);
  const hasMeter = meter === undefined || isText(meter);
  return isKnown && hasMeter && typeof passed === "boolean" && isText(text) && isText(at);
};

const isDisplay = (value: unknown): value is DisplayResult => {
  const { meter, way, shownKwh, readKwh, passed, at } = Object(value) as Record<string, unknown>;
  const isWay = way === "import" || way === "export";
  return isWay && [meter, shownKwh, readKwh, at].every(isText) && typeof passed === "boolean";
};

const isBefore = (value: unknown): value is BeforePower => {
  const { boot, taken, at } = Object(value) as Record<string, unknown>;
  return isText(boot) && Number.isInteger(taken) && isText(at);
};

const isText = (value: unknown): value is string => typeof value === "string";
