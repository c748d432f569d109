import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import type { Learned } from "./block-reader.ts";

/** What was found out of one meter. */
export type LearnedMeter = Learned & {
  /** What it was found out with: it means nothing for another profile or firmware. */
  readonly basis: string;
  /** Site ms since which nothing was tried anew. */
  readonly since: number;
  readonly turnaroundMs: number;
};

/** Where what is found out of meters outlasts a restart. */
export interface LearnedStore {
  of(key: string): LearnedMeter | undefined;
  keep(key: string, learned: LearnedMeter): void;
}

/** Twice the meters of a unit: some were exchanged. The ones kept longest ago make room. */
const metersMax = 64;

/**
 * What a unit found out of its meters, in one small file: where it is lost or damaged, the meters are
 * asked again, and nothing else is at stake. It is never half written.
 */
export class LearnedFile implements LearnedStore {
  readonly #path: string;
  readonly #onProblem: (reason: string) => void;
  readonly #meters = new Map<string, LearnedMeter>();

  /** `onProblem`: what in the file is ignored (`learned.ignored`), or not written (`learned.unwritten`). */
  constructor(path: string, onProblem: (reason: string) => void) {
    this.#path = path;
    this.#onProblem = onProblem;
    for (const [key, value] of Object.entries(this.#read())) {
      const learned = parseMeter(value);
      if (learned !== undefined) this.#meters.set(key, learned);
      else onProblem("learned.ignored");
    }
  }

  of(key: string): LearnedMeter | undefined {
    return this.#meters.get(key);
  }

  keep(key: string, learned: LearnedMeter): void {
    this.#meters.delete(key);
    this.#meters.set(key, learned);
    for (const oldest of this.#meters.keys()) {
      if (this.#meters.size <= metersMax) break;
      this.#meters.delete(oldest);
    }
    try {
      this.#write();
    } catch {
      // Counted: the disk's own faults are told by the journal, which cannot do without it.
      this.#onProblem("learned.unwritten");
    }
  }

  #read(): object {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") this.#onProblem("learned.ignored");
      return {};
    }
    try {
      const { version, meters } = JSON.parse(text);
      if (version === 1 && typeof meters === "object" && meters !== null) return meters;
      this.#onProblem("learned.ignored");
      return {};
    } catch {
      // Counted: whatever it is, the meters are asked again.
      this.#onProblem("learned.ignored");
      return {};
    }
  }

  #write(): void {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    const made = `${this.#path}.new`;
    const handle = openSync(made, "w", 0o600);
    try {
      const meters = Object.fromEntries(this.#meters);
      writeSync(handle, `${JSON.stringify({ version: 1, meters })}\n`);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(made, this.#path);
  }
}

/** One meter's entry as it was written; undefined: damaged. By hand: a unit that runs loads no schemas. */
function parseMeter(value: unknown): LearnedMeter | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const field = (name: string): unknown => Reflect.get(value, name);
  const [basis, since, turnaroundMs] = ["basis", "since", "turnaroundMs"].map(field);
  const [registersMax, breaks, missing] = ["registersMax", "breaks", "missing"].map(field);
  if (typeof basis !== "string" || !isWhole(since, 0, Number.MAX_SAFE_INTEGER)) return undefined;
  if (!isWhole(turnaroundMs, 0, 10_000) || !areAddresses(breaks) || !areAddresses(missing)) {
    return undefined;
  }
  const rest = { basis, since, turnaroundMs, breaks, missing };
  if (registersMax === undefined) return rest;
  return isWhole(registersMax, 1, 125) ? { ...rest, registersMax } : undefined;
}

const isWhole = (value: unknown, min: number, max: number): value is number =>
  Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;

/** A map of more rows is no meter's. */
const rowsMax = 1000;

const areAddresses = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length <= rowsMax && value.every((at) => isWhole(at, 0, 0xffff));
