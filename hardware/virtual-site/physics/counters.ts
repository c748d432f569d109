import assert from "node:assert/strict";
import { type Flows, powerAt, type Source, sources, stepMs } from "./site.ts";

/** What a perfect meter at a source would show. Integers; joules = watt seconds; power + = import. */
export type Reading = {
  readonly powerWatts: number;
  readonly importJoules: number;
  readonly exportJoules: number;
};

const stepsPerHour = 60;
const secondsPerStep = stepMs / 1000;

/**
 * Energy counted since the meters were commissioned.
 * Any counter of one site shows one value at one instant, whenever it was made and whatever was asked
 * before: energy is the sum of whole steps since commissioning plus a linear part of the present step.
 */
export class Counters {
  readonly #flows: (step: number) => Flows;
  readonly #firstStep: number;
  /** Per hour since commissioning: joules imported and exported before it, a pair per source. */
  readonly #hours: Float64Array[] = [new Float64Array(sources.length * 2)];
  #recent: { readonly hour: number; readonly rows: readonly Row[] } | undefined;

  /** Throws for a commissioning time that is no whole hour: checkpoints are kept by the hour. */
  constructor(flows: (step: number) => Flows, commissionedMs: number) {
    assert(
      commissionedMs % (stepMs * stepsPerHour) === 0,
      "meters are commissioned on a full hour",
    );
    this.#flows = flows;
    this.#firstStep = commissionedMs / stepMs;
  }

  /** Throws for a time before commissioning. */
  read(source: Source, timeMs: number): Reading {
    const step = Math.floor(timeMs / stepMs);
    const steps = step - this.#firstStep;
    assert(
      steps >= 0,
      `no meter counted at ${timeMs}: commissioned at ${this.#firstStep * stepMs}`,
    );
    const row = this.#hourRows(Math.floor(steps / stepsPerHour))[steps % stepsPerHour];
    assert(row !== undefined);
    const at = sources.indexOf(source) * 2;
    const powerWatts = powerAt(source, row.flows);
    const part = Math.floor((Math.abs(powerWatts) * (timeMs - step * stepMs)) / 1000);
    return {
      powerWatts,
      importJoules: (row.joules[at] ?? 0) + (powerWatts > 0 ? part : 0),
      exportJoules: (row.joules[at + 1] ?? 0) + (powerWatts < 0 ? part : 0),
    };
  }

  /** The sixty steps of an hour; the last hour asked for is kept, for that is the one asked for again. */
  #hourRows(hour: number): readonly Row[] {
    if (this.#recent?.hour !== hour) {
      this.#extendTo(hour);
      this.#recent = { hour, rows: this.#rows(hour) };
    }
    return this.#recent.rows;
  }

  #extendTo(hour: number): void {
    for (let next = this.#hours.length; next <= hour; next++) {
      const joules = Float64Array.from(this.#hours[next - 1] ?? []);
      for (let step = 0; step < stepsPerHour; step++) {
        addStep(joules, this.#flows(this.#firstStep + (next - 1) * stepsPerHour + step));
      }
      this.#hours.push(joules);
    }
  }

  #rows(hour: number): Row[] {
    const joules = Float64Array.from(this.#hours[hour] ?? []);
    return Array.from({ length: stepsPerHour }, (_, step) => {
      const flows = this.#flows(this.#firstStep + hour * stepsPerHour + step);
      const row = { flows, joules: joules.slice() };
      addStep(joules, flows);
      return row;
    });
  }
}

/** A step's flows and what was counted before it. */
type Row = { readonly flows: Flows; readonly joules: Float64Array };

function addStep(joules: Float64Array, flows: Flows): void {
  for (let i = 0; i < sources.length; i++) {
    const source = sources[i];
    assert(source !== undefined);
    const power = powerAt(source, flows);
    const at = 2 * i + (power < 0 ? 1 : 0);
    joules[at] = (joules[at] ?? 0) + Math.abs(power) * secondsPerStep;
  }
}
