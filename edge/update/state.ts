import { Failure } from "@busbar/protocol";

/** Where a bundle lies that is not the installation itself. */
export const slots = ["a", "b"] as const;
export type Slot = (typeof slots)[number];

/** What has to hold again before a bundle on trial is kept: what held under the one before. */
export type Expected = {
  /** Meters that answered, with the serial numbers they said. */
  readonly meters: readonly { readonly id: string; readonly serial?: string }[];
  /** Whether the time was known. */
  readonly clock: boolean;
  /** Whether receipts came from the ledger. */
  readonly receipts: boolean;
};

/** A bundle that runs, and is not trusted yet. */
export type Trial = {
  /** Tells one trial from another of the same slot. */
  readonly id: string;
  readonly slot: Slot;
  readonly version: string;
  /** How often it may still be started before it is given up. */
  readonly startsLeft: number;
  /** Time of the unit that it has for all that is expected. */
  readonly minutes: number;
  readonly expected: Expected;
};

/** What became of the last bundle that was tried. */
export type Outcome = {
  readonly version: string;
  readonly outcome: "committed" | "rolled-back" | "superseded";
  readonly reason: string;
};

/** Which bundle is run. `active` undefined: the installation itself. */
export type State = {
  /** The version of the installation beside which this was written. */
  readonly installation: string;
  readonly active?: Slot;
  /** What ran before `active` was kept, if its slot is still as it was. */
  readonly before?: Slot;
  readonly trial?: Trial;
  readonly last?: Outcome;
  /** Of the bundles that were kept, by slot. */
  readonly versions?: Readonly<Partial<Record<Slot, string>>>;
};

/** What of a running unit concerns its updates, as its status tells it. */
export type UpdateStatus = {
  /** Undefined: the installation itself runs. */
  readonly slot: Slot | undefined;
  readonly trial?: { readonly version: string; readonly waitsFor: readonly string[] };
  /** On trial from the next start on, while this program still runs. */
  readonly pending?: string;
  readonly last?: Outcome;
};

/** Starts that a bundle on trial has: the first one, and one more for a power cut in the meantime. */
export const trialStarts = 2;

/** The slot that is not in use, where the next bundle goes. */
export const freeSlot = ({ active }: State): Slot => (active === "a" ? "b" : "a");

/** A bundle is to be tried at the next start; one that is on trial already gives way. */
export function beginTrial(state: State, trial: Omit<Trial, "startsLeft">): State {
  // Its slot is the one that is overwritten.
  const { before: _, ...rest } = state;
  return { ...rest, trial: { ...trial, startsLeft: trialStarts } };
}

/** It did all that was expected of it. */
export function commit(state: State): State {
  const { trial, active, ...rest } = state;
  if (trial === undefined) return state;
  const reason = "meters, store, clock and receipts as before";
  const last: Outcome = { version: trial.version, outcome: "committed", reason };
  const versions = { ...rest.versions, [trial.slot]: trial.version };
  const before = active === undefined ? {} : { before: active };
  return { ...rest, active: trial.slot, ...before, last, versions };
}

/** It did not: the one before goes on. */
export function rollBack(state: State, reason: string): State {
  const { trial, ...rest } = state;
  if (trial === undefined) return state;
  return { ...rest, last: { version: trial.version, outcome: "rolled-back", reason } };
}

/** Back to what ran before the bundle that was kept: another one, or the installation itself. */
export function goBack(state: State, reason: string): State {
  const { active, before, trial, ...rest } = state;
  if (trial !== undefined) return rollBack(state, reason);
  if (active === undefined) return state;
  const version = state.versions?.[active] ?? active;
  const last: Outcome = { version, outcome: "rolled-back", reason };
  return { ...rest, ...(before === undefined ? {} : { active: before }), last };
}

/** What a start runs, and the state to be on the disk before it does. */
export function onStart(
  state: State,
  installation: string,
): { state: State; run: Slot | undefined } {
  if (state.installation !== installation) {
    // Somebody installed a package: that is what is to run now.
    const version = state.trial?.version ?? state.active ?? "";
    const reason = `the installation became ${installation}`;
    const last: Outcome = { version, outcome: "superseded", reason };
    const isKept = version === "";
    return { state: isKept ? { ...state, installation } : { installation, last }, run: undefined };
  }
  const { trial } = state;
  if (trial === undefined) return { state, run: state.active };
  if (trial.startsLeft === 0) {
    const back = rollBack(state, `it was started ${trialStarts} times and did not prove itself`);
    return { state: back, run: back.active };
  }
  const left = { ...trial, startsLeft: trial.startsLeft - 1 };
  return { state: { ...state, trial: left }, run: trial.slot };
}

export const stateBytes = (state: State): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify(state)}\n`);

/** Reads what `stateBytes` wrote. Throws: `Failure` `update.state`. */
export function parseState(bytes: Uint8Array): State {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw damaged("it is no JSON");
  }
  if (!isRecord(value) || typeof value.installation !== "string") throw damaged("installation");
  const { installation, active, before, trial, last, versions } = value;
  if (active !== undefined && !isSlot(active)) throw damaged("active");
  if (before !== undefined && !isSlot(before)) throw damaged("before");
  return {
    installation,
    ...(active === undefined ? {} : { active }),
    ...(before === undefined ? {} : { before }),
    ...(trial === undefined ? {} : { trial: trialOf(trial) }),
    ...(last === undefined ? {} : { last: outcomeOf(last) }),
    ...(versions === undefined ? {} : { versions: versionsOf(versions) }),
  };
}

function versionsOf(value: unknown): NonNullable<State["versions"]> {
  if (!isRecord(value)) throw damaged("versions");
  const known = slots.flatMap((slot) => {
    const version = value[slot];
    return isText(version) ? [[slot, version] as const] : [];
  });
  return Object.fromEntries(known);
}

function trialOf(value: unknown): Trial {
  if (!isRecord(value)) throw damaged("trial");
  const { id, slot, version, startsLeft, minutes, expected } = value;
  const isCount = Number.isInteger(startsLeft) && Number(startsLeft) >= 0;
  const isTime = typeof minutes === "number" && minutes > 0 && minutes <= 1440;
  if (!isText(id) || !isSlot(slot) || !isText(version) || !isCount || !isTime)
    throw damaged("trial");
  return {
    id,
    slot,
    version,
    startsLeft: Number(startsLeft),
    minutes,
    expected: expectedOf(expected),
  };
}

function expectedOf(value: unknown): Expected {
  if (!isRecord(value) || !Array.isArray(value.meters)) throw damaged("expected");
  const meters = value.meters.map((meter: unknown) => {
    if (!isRecord(meter) || !isText(meter.id)) throw damaged("expected.meters");
    return { id: meter.id, ...(isText(meter.serial) ? { serial: meter.serial } : {}) };
  });
  return { meters, clock: value.clock === true, receipts: value.receipts === true };
}

function outcomeOf(value: unknown): Outcome {
  const outcomes = ["committed", "rolled-back", "superseded"] as const;
  if (!isRecord(value)) throw damaged("last");
  const outcome = outcomes.find((one) => one === value.outcome);
  if (outcome === undefined || !isText(value.version) || !isText(value.reason))
    throw damaged("last");
  return { version: value.version, outcome, reason: value.reason };
}

const isText = (value: unknown): value is string => typeof value === "string";
const isSlot = (value: unknown): value is Slot => slots.some((slot) => slot === value);
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const damaged = (what: string): Failure =>
  new Failure(
    "update.state",
    `the update's state is damaged: ${what}; the installation itself is run`,
    {
      retry: "never",
    },
  );
