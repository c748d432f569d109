import type { Status } from "../status/status.ts";
import type { BeforePower } from "./record.ts";

/** What a trial looks at: this much of a unit's status. */
export type Watched = {
  readonly meters: readonly Pick<
    Status["meters"][number],
    "id" | "readings" | "error" | "serial"
  >[];
  readonly journal: { readonly meters: readonly { readonly taken: number }[] };
  readonly link:
    | { readonly connected: boolean; readonly lastReceiptAt: number | undefined }
    | undefined;
};

/** Where a trial is: what the installer is to do, and at the end how it went. */
export type TrialStep =
  | { readonly at: "begin" }
  | {
      readonly at: "out";
      readonly readings: number;
      readonly taken: number;
      readonly receipt: number;
    }
  | { readonly at: "passed"; readonly text: string }
  | { readonly at: "failed"; readonly text: string };

/** A trial goes on with each look at the unit. */
export type Trial = {
  /** What is to be done now, in words. */
  readonly asks: Readonly<Record<"begin" | "out", string>>;
  step(before: TrialStep, seen: Watched): TrialStep;
};

const takenIn = ({ journal }: Watched): number =>
  journal.meters.reduce((sum, { taken }) => sum + taken, 0);

/** The adapter of a meter is pulled out and put back: the fault shows, then the same meter answers. */
export function adapterTrial(meter: string, serial: string | undefined): Trial {
  return {
    asks: {
      begin: `Pull out the adapter of ${meter}, or its plug at the meter.`,
      out: "The unit has noticed. Put it back.",
    },
    step(before, seen) {
      const now = seen.meters.find(({ id }) => id === meter);
      if (now === undefined) return { at: "failed", text: `the unit has no meter ${meter}` };
      if (before.at === "begin" && now.error !== undefined) {
        return { at: "out", readings: now.readings, taken: takenIn(seen), receipt: 0 };
      }
      if (before.at !== "out" || now.error !== undefined || now.readings <= before.readings) {
        return before;
      }
      if (serial !== undefined && now.serial !== serial) {
        const text = `another meter answers: expected serial number ${serial}, got ${now.serial ?? "none"}`;
        return { at: "failed", text };
      }
      return { at: "passed", text: "the fault showed, and the same meter answers again" };
    },
  };
}

/** The network is pulled out and put back: readings go on meanwhile, and reach the ledger afterwards. */
export function networkTrial(): Trial {
  return {
    asks: {
      begin: "Pull out the network's cable, or switch the router off.",
      out: "The unit has noticed. Leave it out until readings were taken, then put it back.",
    },
    step(before, seen) {
      const { link } = seen;
      if (link === undefined) {
        return { at: "failed", text: "the unit is not enrolled: nothing could reach the ledger" };
      }
      if (before.at === "begin" && !link.connected) {
        const receipt = link.lastReceiptAt ?? 0;
        return { at: "out", readings: 0, taken: takenIn(seen), receipt };
      }
      if (before.at !== "out" || !link.connected) return before;
      if ((link.lastReceiptAt ?? 0) <= before.receipt) return before;
      const meanwhile = takenIn(seen) - before.taken;
      if (meanwhile <= 0) return { at: "failed", text: "no reading was taken meanwhile" };
      return {
        at: "passed",
        text: `${meanwhile} readings taken meanwhile and after; receipts come again`,
      };
    },
  };
}

/**
 * How the power's trial went: `before` was noted before it was taken away, `boot` names the start that the
 * machine lives in now.
 */
export function powerOutcome(
  before: BeforePower,
  { boot, seen }: { readonly boot: string; readonly seen: Watched },
): { readonly passed: boolean; readonly text: string } {
  if (boot === before.boot) {
    return { passed: false, text: "the power was not taken away since" };
  }
  const taken = takenIn(seen);
  if (taken < before.taken) {
    return { passed: false, text: `${before.taken} readings were kept before, ${taken} are there` };
  }
  const silent = seen.meters.filter(({ readings, error }) => readings === 0 || error !== undefined);
  if (silent.length > 0) {
    return { passed: false, text: `${silent.map(({ id }) => id).join(", ")} did not answer again` };
  }
  return { passed: true, text: `all ${before.taken} readings are there, every meter answers` };
}

/** Watches the unit until a trial is over, or its time is. */
export async function runTrial(
  trial: Trial,
  {
    look,
    pause,
    now,
    say,
    limitMs,
  }: {
    readonly look: () => Promise<Watched | undefined>;
    readonly pause: () => Promise<void>;
    /** Ms of a clock that nobody sets. */
    readonly now: () => number;
    readonly say: (text: string) => void;
    readonly limitMs: number;
  },
): Promise<{ readonly passed: boolean; readonly text: string }> {
  const until = now() + limitMs;
  let step: TrialStep = { at: "begin" };
  say(trial.asks.begin);
  for (;;) {
    const seen = await look();
    // A unit that does not answer at the moment is asked again.
    const next: TrialStep = seen === undefined ? step : trial.step(step, seen);
    if (next.at === "passed" || next.at === "failed") {
      return { passed: next.at === "passed", text: next.text };
    }
    if (next.at !== step.at) say(trial.asks[next.at]);
    step = next;
    if (now() >= until) {
      const what = step.at === "begin" ? "nothing was pulled out" : "it did not come back";
      return { passed: false, text: `${what} within ${Math.round(limitMs / 60_000)} min` };
    }
    await pause();
  }
}
