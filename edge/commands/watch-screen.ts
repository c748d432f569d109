import { formatDecimal } from "../meters/decimal.ts";
import type { MeterIdentity, MeterReading } from "../meters/meter.ts";
import { readingHead, valuesText } from "./read-text.ts";
import { columnsOf, hasStyle } from "./terminal.ts";

type Outcome = {
  readonly identity?: MeterIdentity;
  readonly reading?: MeterReading;
  readonly ms: number;
  readonly failure?: { readonly code: string; readonly message: string };
};

type Watched = {
  identity?: MeterIdentity;
  reading?: MeterReading;
  changed: ReadonlySet<string>;
  failure?: string | undefined;
  readings: number;
  ms: number;
  readonly errors: Map<string, number>;
};

/** What to show first where not all fits: what is billed, and what a display shows. */
const first = ["1-0:1.8.0", "1-0:2.8.0", "1-0:16.7.0", "1-0:1.7.0", "1-0:2.7.0", "1-0:32.7.0"];

/** Meters on a terminal, drawn over in place: values, what changed (*), pace, errors by reason. */
export class WatchScreen {
  readonly #meters = new Map<string, Watched>();
  readonly #raw: boolean;
  #drawn = 0;
  /** The window for which that was; a terminal that is resized breaks and moves its lines. */
  #window = "";

  constructor(ids: readonly string[], { raw }: { readonly raw: boolean }) {
    this.#raw = raw;
    for (const id of ids) {
      this.#meters.set(id, { changed: new Set(), readings: 0, ms: 0, errors: new Map() });
    }
  }

  told(id: string, { identity, reading, ms, failure }: Outcome): void {
    const meter = this.#meters.get(id);
    if (meter === undefined) return;
    if (identity !== undefined) meter.identity = identity;
    if (reading !== undefined) {
      meter.changed = changedIn(meter.reading, reading);
      meter.reading = reading;
      meter.readings += 1;
      meter.ms = ms;
    }
    meter.failure = failure && `${failure.message} [${failure.code}]`;
    if (failure !== undefined) {
      meter.errors.set(failure.code, (meter.errors.get(failure.code) ?? 0) + 1);
    }
  }

  draw(): void {
    const out = process.stdout;
    const width = columnsOf(out) - 1;
    const height = Math.max(6, (out.rows ?? 24) - 1);
    const share = Math.floor((height - 1) / this.#meters.size);
    const lines = [...this.#meters].flatMap(([id, meter]) => this.#block(id, meter, share, width));
    lines.push("* changed. Ctrl-C ends.");
    const up = this.#drawn === 0 ? "" : this.#back(`${out.columns}x${out.rows}`);
    const text = lines.map((line) => `${this.#styled(line.slice(0, width))}\u001b[K\n`).join("");
    out.write(`${up}${text}\u001b[J`);
    this.#drawn = lines.length;
    this.#window = `${out.columns}x${out.rows}`;
  }

  /** To where the last drawing began; in a window of another size, to a clean one. */
  #back(window: string): string {
    return window === this.#window ? `\u001b[${this.#drawn}A\r` : "\u001b[H\u001b[2J";
  }

  #block(id: string, meter: Watched, height: number, width: number): string[] {
    const { identity, reading, failure } = meter;
    const head =
      identity === undefined || reading === undefined
        ? `${id}: no reading yet`
        : readingHead(id, identity, reading);
    const foot = [footText(meter), ...(failure === undefined ? [] : [`! ${failure}`])];
    const { changed } = meter;
    const room = height - 1 - foot.length;
    const values =
      reading === undefined
        ? []
        : valuesText(sorted(reading, room), { width, raw: this.#raw, changed });
    if (values.length <= room) return [head, ...values, ...foot];
    const shown = values.slice(0, Math.max(1, room - 1));
    const more = `… ${values.length - shown.length} more lines: a taller window shows them, --only power,energy chooses`;
    return [head, ...shown, more, ...foot];
  }

  #styled(line: string): string {
    return line.endsWith(" *") && hasStyle(process.stdout) ? `\u001b[1m${line}\u001b[22m` : line;
  }
}

function footText({ readings, ms, errors }: Watched): string {
  const count = `${readings} ${readings === 1 ? "reading" : "readings"}`;
  const pace = readings === 0 ? "" : `, the last took ${(ms / 1000).toFixed(2)} s`;
  const failed = [...errors].map(([code, times]) => `${code} ${times}`).join(", ");
  return `${count}${pace}, errors: ${failed === "" ? "none" : failed}`;
}

function changedIn(before: MeterReading | undefined, now: MeterReading): ReadonlySet<string> {
  const known = new Map(before?.values.map((value) => [value.quantity, formatDecimal(value)]));
  const changed = now.values.filter(({ quantity, ...value }) => {
    const old = known.get(quantity);
    return old !== undefined && old !== formatDecimal(value);
  });
  return new Set(changed.map(({ quantity }) => quantity));
}

function sorted(reading: MeterReading, room: number): MeterReading {
  if (reading.values.length + 1 <= room) return reading;
  const rank = (obis: string | undefined) => {
    const at = first.indexOf(obis ?? "");
    return at < 0 ? first.length : at;
  };
  return { ...reading, values: reading.values.toSorted((a, b) => rank(a.obis) - rank(b.obis)) };
}
