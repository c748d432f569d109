import { Failure } from "@busbar/protocol";
import type { ReadReply } from "../framing/modbus/requests.ts";
import { decodeText } from "./decode-text.ts";

/** A model in a device: its start (where its id stands), id and length. */
export type FoundModel = { readonly start: number; readonly id: number; readonly length: number };

/** What a device lists. `manufacturer`, `model` and `serialNumber` are of its common model. */
export type SunspecDevice = {
  readonly models: readonly FoundModel[];
  readonly manufacturer?: string;
  readonly model?: string;
  /** Of its firmware. */
  readonly version?: string;
  readonly serialNumber?: string;
};

type Read = (address: number, count: number) => Promise<ReadReply>;

/** "SunS". Source: SunSpec Device Information Model Specification. */
const marker = [0x5375, 0x6e53];
const endId = 0xffff;
/** The longest lists seen have some 30 models; a device must not keep a reader busy for ever. */
const modelsMax = 100;
/** Places in the common model (id 1), from its start, in registers. */
const commonTexts = {
  manufacturer: [2, 16],
  model: [18, 16],
  version: [42, 8],
  serialNumber: [50, 16],
} as const;

/**
 * Walks the list of models behind the marker. Undefined when the marker is at none of the bases.
 * Throws: `Failure` of the port, and `meter.refused` for a list that does not end.
 */
export async function discoverSunspec(
  read: Read,
  bases: readonly number[],
): Promise<SunspecDevice | undefined> {
  for (const base of bases) {
    const reply = await read(base, 2);
    if (!reply.ok || reply.registers.join() !== marker.join()) continue;
    const models = await listModels(read, base + 2);
    const common = models.find(({ id }) => id === 1);
    return { models, ...(common === undefined ? {} : await commonOf(read, common)) };
  }
  return undefined;
}

async function listModels(read: Read, first: number): Promise<FoundModel[]> {
  const models: FoundModel[] = [];
  let start = first;
  while (models.length < modelsMax && start + 2 <= 0x10000) {
    const reply = await read(start, 2);
    const [id = endId, length = 0] = reply.ok ? reply.registers : [];
    if (id === endId) return models;
    models.push({ start, id, length });
    start += 2 + length;
  }
  const message = `the list of SunSpec models at ${first} has no end after ${models.length} models`;
  throw new Failure("meter.refused", message, { retry: "later" });
}

async function commonOf(read: Read, { start }: FoundModel): Promise<Omit<SunspecDevice, "models">> {
  const texts: Record<string, string> = {};
  for (const [name, [offset, count]] of Object.entries(commonTexts)) {
    const reply = await read(start + offset, count);
    const text = reply.ok ? decodeText(reply.registers) : "";
    if (text !== "") texts[name] = text;
  }
  return texts;
}
