import { Failure, type UtcMs } from "@busbar/protocol";
import type { Span } from "../planner/plan.ts";
import { assembleReading, isBilling } from "./assemble-reading.ts";
import { BlockReader, type RowWords } from "./block-reader.ts";
import type { Decimal } from "./decimal.ts";
import { decodeValue } from "./decode-value.ts";
import type { LearnedStore } from "./learned-file.ts";
import { Learning } from "./learning.ts";
import type { SunspecProfile } from "./profile.ts";
import type { Meter, MeterIdentity, MeterReading } from "./reading.ts";
import { wordsOf } from "./register-type.ts";
import type { MeterLease } from "./reply-memory.ts";
import { discoverSunspec, type FoundModel, type SunspecDevice } from "./sunspec-models.ts";
import { TornGuard } from "./torn-guard.ts";

type ModelRow = SunspecProfile["models"][number]["registers"][number];
/** A row spans its value and its scale factor, so that both always come in one answer. */
type Row = Span & { readonly row: ModelRow; readonly at: number; readonly scaleAt?: number };
type Header = Span & { readonly expected: readonly [number, number] };
type Layout = { readonly device: SunspecDevice; readonly header: Header; readonly rows: Row[] };
type Reader = BlockReader<Row | Header>;

/** A device that lists its SunSpec models; the first one that the profile knows is read. */
export class SunspecMeter implements Meter {
  readonly #profile: SunspecProfile;
  readonly #lease: MeterLease;
  readonly #unit: number;
  readonly #clock: () => UtcMs;
  readonly #learning: Learning;
  readonly #guard = new TornGuard<Row | Header>();
  #layout: (Layout & { readonly reader: Reader }) | undefined;

  constructor(options: {
    readonly profile: SunspecProfile;
    readonly lease: MeterLease;
    readonly unit: number;
    readonly clock: () => UtcMs;
    readonly learned?: LearnedStore | undefined;
  }) {
    const { profile, lease, unit, clock, learned: store } = options;
    this.#learning = new Learning({ store, profile, port: lease.port, unit, clock });
    this.#profile = profile;
    this.#lease = lease;
    this.#unit = unit;
    this.#clock = clock;
  }

  /** Where the model that is read starts; undefined before `identify` or a reading. */
  get modelStart(): number | undefined {
    return this.#layout?.header.address;
  }

  async identify(): Promise<MeterIdentity> {
    this.#layout = await this.#discover();
    const { manufacturer, model, serialNumber } = this.#layout.device;
    const name = [manufacturer, model].filter((part) => part !== undefined).join(" ");
    return {
      profile: this.#profile.id,
      ...(serialNumber === undefined ? {} : { serialNumber }),
      ...(name === "" ? {} : { model: name }),
    };
  }

  async read(): Promise<MeterReading> {
    this.#layout ??= await this.#discover();
    const { header, rows, reader } = this.#layout;
    this.#learning.beforeReading(reader);
    const first = await reader.read([header, ...rows]).catch((error: unknown) => {
      if (error instanceof Failure && error.code === "meter.exception") this.#layout = undefined;
      throw error;
    });
    // A device that was exchanged or given other settings lists its models at other places.
    if (first.get(header)?.words.join() !== header.expected.join()) {
      this.#layout = undefined;
      throw this.#failure(
        "meter.refused",
        "its SunSpec model moved; it is looked for again",
        "now",
      );
    }
    const { wordOrder } = this.#profile.read;
    const billed = rows
      .filter(({ row }) => isBilling(row.obis))
      .map((row) => ({ row, at: row.at, words: wordsOf(row.row.type), wordOrder }));
    const answers = await this.#guard.settle(first, billed, reader);
    this.#learning.afterReading(reader);
    const decoded = rows.map((row) => {
      const answer = answers.get(row);
      const { obis, quantity, unit, type } = row.row;
      const raw = answer?.words.slice(row.at, row.at + wordsOf(type)) ?? [];
      return { obis, quantity, unit, answer, raw, value: answer && this.#decode(row, answer) };
    });
    return assembleReading(decoded, this.#clock());
  }

  close(): Promise<void> {
    return this.#lease.release();
  }

  #decode({ row, at, scaleAt }: Row, { words }: RowWords): Decimal | undefined {
    const { wordOrder } = this.#profile.read;
    const scalePower = scaleAt === undefined ? 0 : scaleFactor(words[scaleAt]);
    if (scalePower === undefined) return undefined;
    const { type, unit, sentinels } = row;
    const shape = { type, wordOrder, unit, scalePower, sentinels };
    return decodeValue(words.slice(at, at + wordsOf(row.type)), shape);
  }

  async #discover(): Promise<Layout & { readonly reader: Reader }> {
    const { read, sunspec, models } = this.#profile;
    const { maxRegisters, evenCount } = read;
    const ask = (address: number, count: number) =>
      this.#lease.port.read({
        unit: this.#unit,
        function: read.function,
        address,
        count,
        maxRegisters,
        evenCount,
      });
    const device = await discoverSunspec(ask, sunspec.bases);
    if (device === undefined) {
      throw this.#failure(
        "meter.wrong-model",
        "shows no SunSpec marker; is SunSpec enabled?",
        "never",
      );
    }
    for (const found of device.models) {
      const known = models.find(({ ids }) => ids.includes(found.id));
      if (known === undefined) continue;
      const reader = this.#newReader();
      const { serialNumber, version = "" } = device;
      const basis = `${version} model ${found.id} at ${found.start}`.trim();
      this.#learning.identified(reader, { serialNumber, basis });
      return { ...layoutOf(device, found, known.registers), reader };
    }
    const ids = device.models.map(({ id }) => id).join(", ");
    throw this.#failure(
      "meter.wrong-model",
      `has SunSpec models ${ids}, none of the profile's`,
      "never",
    );
  }

  /** What one reader learned holds for one place of the models only. */
  #newReader(): Reader {
    const { read } = this.#profile;
    return new BlockReader<Row | Header>({
      port: this.#lease.port,
      unit: this.#unit,
      function: read.function,
      limits: read,
      clock: this.#clock,
      urgent: (row) => "row" in row && isBilling(row.row.obis),
    });
  }

  #failure(code: string, text: string, retry: Failure["retry"]): Failure {
    return new Failure(code, `unit ${this.#unit} at ${this.#lease.port.name} ${text}`, { retry });
  }
}

/** Rows at the addresses of a model; those behind its end are left out. */
function layoutOf(device: SunspecDevice, found: FoundModel, rows: readonly ModelRow[]): Layout {
  const { start, id, length } = found;
  return {
    device,
    header: { address: start, words: 2, expected: [id, length] },
    rows: rows.flatMap((row): Row[] => {
      const { offset, scaleFactor: scale = offset } = row;
      const first = Math.min(offset, scale);
      const end = Math.max(offset + wordsOf(row.type), scale + 1);
      if (end > length + 2) return [];
      const span = { row, address: start + first, words: end - first, at: offset - first };
      return [row.scaleFactor === undefined ? span : { ...span, scaleAt: scale - first }];
    }),
  };
}

/** A power of ten from −10 to 10; anything else (0x8000 above all) is not implemented. */
function scaleFactor(word: number | undefined): number | undefined {
  if (word === undefined) return undefined;
  const power = word >= 0x8000 ? word - 0x10000 : word;
  return Math.abs(power) <= 10 ? power : undefined;
}
