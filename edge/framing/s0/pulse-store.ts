import {
  closeSync,
  existsSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { Failure } from "@busbar/protocol";
import { takeLock } from "../../process-lock.ts";
import type { PulseCount } from "./pulse-count.ts";

/** Whose pulses a file counts: pulses of another line or weight must not be added to them. */
export type PulseSource = { readonly line: string; readonly pulsesPerKwh: number };

/** Each record has a disk page of its own, so that a write torn by a power cut spoils one only. */
const pageBytes = 4096;
const slots = 3;

/**
 * A count of pulses in a file, of one process at a time. `add` writes at once, so that no end of the process loses a pulse; `sync`
 * makes what was written survive a power cut too. Of three records one always holds the last count that
 * was synced: writes go to another, and while one is being synced to the third.
 */
export class PulseStore implements PulseCount {
  readonly #path: string;
  readonly #source: PulseSource;
  readonly #lock: { release(): void };
  readonly #file: number;
  #count: number;
  #sequence: number;
  /** The record that a power cut leaves. */
  #durable: number;
  /** Where the next count is written. */
  #current: number;
  /** Where the last one was. */
  #written: number;
  #synced: number;
  #syncing: Promise<number> | undefined;
  #unwritten = false;

  /**
   * Opens the file or makes it, with a count of 0. Throws: `Failure` `meter.counter-unusable`,
   * `-damaged` (never begun anew by itself), `-other` when it counts another source, `-in-use` while
   * another process counts in it.
   */
  constructor(path: string, source: PulseSource) {
    this.#path = path;
    this.#source = source;
    const lock = lockOf(path);
    try {
      if (!existsSync(path)) create(path, source);
      const found = newest(path, readFileSync(path));
      checkSource(path, source, found);
      this.#count = found.count;
      this.#sequence = found.sequence;
      this.#durable = found.slot;
      this.#file = openSync(path, "r+");
      // What a killed process wrote may not be on the disk yet.
      fdatasyncSync(this.#file);
    } catch (cause) {
      lock.release();
      throw cause instanceof Failure ? cause : unusable(path, cause);
    }
    this.#lock = lock;
    this.#synced = this.#count;
    this.#current = this.#durable;
    this.#written = this.#durable;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether some pulses are not on the disk yet. */
  get dirty(): boolean {
    return this.#synced !== this.#count;
  }

  /** Counts a pulse. What cannot be written is counted all the same, and said by the next `sync`. */
  add(): void {
    this.#count += 1;
    this.#write();
  }

  /**
   * The count, after it is on the disk: no power cut takes it back.
   * Throws: `Failure` `meter.counter-unusable`.
   */
  sync(): Promise<number> {
    this.#syncing ??= this.#syncOnce().finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  async close(): Promise<void> {
    try {
      await this.sync();
    } finally {
      closeSync(this.#file);
      this.#lock.release();
    }
  }

  #write(): void {
    if (this.#current === this.#durable) this.#current = this.#spare(this.#durable);
    this.#written = this.#current;
    this.#sequence += 1;
    const record = recordOf(this.#source, this.#sequence, this.#count);
    try {
      writeSync(this.#file, record, 0, record.length, this.#current * pageBytes);
      this.#unwritten = false;
    } catch {
      // The disk's fault is told by `sync`, which whoever wants the count goes through.
      this.#unwritten = true;
    }
  }

  async #syncOnce(): Promise<number> {
    const count = this.#count;
    if (!this.dirty) return count;
    if (this.#unwritten) this.#write();
    const slot = this.#written;
    this.#current = this.#spare(slot);
    try {
      await new Promise<void>((resolve, reject) => {
        if (this.#unwritten) return reject(new Error("a write failed"));
        fdatasync(this.#file, (error) => (error === null ? resolve() : reject(error)));
      });
    } catch (cause) {
      // A failed sync forgets what it could not write: the next one has to write it again.
      this.#unwritten = true;
      throw unusable(this.#path, cause);
    }
    this.#durable = slot;
    this.#synced = count;
    return count;
  }

  /** A record that is neither the durable one nor `other`. */
  #spare(other: number): number {
    return [0, 1, 2].find((slot) => slot !== this.#durable && slot !== other) ?? 0;
  }
}

type Found = PulseSource & {
  readonly sequence: number;
  readonly count: number;
  readonly slot: number;
};

/** A page: JSON, its CRC-32 in hexadecimal, spaces. */
function recordOf(source: PulseSource, sequence: number, count: number): Buffer {
  const text = JSON.stringify({ ...source, sequence, count });
  const sum = crc32(text).toString(16).padStart(8, "0");
  return Buffer.from(`${text} ${sum}\n`.padEnd(pageBytes));
}

/** Two processes that count in one file would each take back what the other one counted. */
function lockOf(path: string): { release(): void } {
  let lock: { release(): void } | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    lock = takeLock(`${path}.lock`);
  } catch (cause) {
    throw unusable(path, cause);
  }
  if (lock !== undefined) return lock;
  const message = `${path}: another process counts these pulses, most likely the unit that runs; its status page shows them, or stop it first`;
  throw new Failure("meter.counter-in-use", message, { retry: "later" });
}

function create(path: string, source: PulseSource): void {
  const made = `${path}.new`;
  const file = openSync(made, "w", 0o600);
  writeSync(
    file,
    Buffer.concat([recordOf(source, 0, 0), Buffer.alloc((slots - 1) * pageBytes, " ")]),
  );
  fsyncSync(file);
  closeSync(file);
  renameSync(made, path);
  const folder = openSync(dirname(path), "r");
  fsyncSync(folder);
  closeSync(folder);
}

function newest(path: string, bytes: Buffer): Found {
  let found: Found | undefined;
  for (let slot = 0; slot < slots; slot += 1) {
    const page = bytes.subarray(slot * pageBytes, (slot + 1) * pageBytes).toString("latin1");
    const record = parse(page, slot);
    if (record !== undefined && record.sequence > (found?.sequence ?? -1)) found = record;
  }
  if (found !== undefined) return found;
  const message = `${path}: no count in it can be read; put a copy back, or move it away and set initialWh to the meter's display`;
  throw new Failure("meter.counter-damaged", message, { retry: "never" });
}

function parse(page: string, slot: number): Found | undefined {
  const match = /^(\{.*\}) ([0-9a-f]{8})\n/.exec(page);
  const text = match?.[1];
  if (text === undefined || crc32(text) !== Number.parseInt(match?.[2] ?? "", 16)) return undefined;
  return { ...(JSON.parse(text) as Omit<Found, "slot">), slot };
}

function checkSource(path: string, wanted: PulseSource, found: PulseSource): void {
  if (found.line === wanted.line && found.pulsesPerKwh === wanted.pulsesPerKwh) return;
  const [is, asked] = [found, wanted].map((s) => `${s.line} at ${s.pulsesPerKwh} pulses/kWh`);
  const message = `${path} counts ${is}, not ${asked}; give another meter another id; where only the wire or the constant changed, move this file away and set initialWh to the meter's display`;
  throw new Failure("meter.counter-other", message, { retry: "never" });
}

function unusable(path: string, cause: unknown): Failure {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `${path}: the count cannot be kept (${reason}); check the disk, its free space and the folder's owner`;
  return new Failure("meter.counter-unusable", message, { retry: "later", cause });
}
