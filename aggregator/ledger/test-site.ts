import {
  chainHeads,
  chainStart,
  type Kind,
  keyId,
  type Message,
  type Micro,
  microPerKwh,
  type Owner,
  obis,
  type ReadingEntry,
  type Signer,
  sealFrame,
  utcMs,
} from "@busbar/protocol";
import { privateKeyFromSeed, publicKeyFromSeed, sign, verify } from "@busbar/protocol/node";
import { firstContract, type Genesis } from "./genesis.ts";
import { sha256 } from "./sha256.ts";

/** A small site for the tests of ledger and consensus: real keys, real signatures, fixed seeds. */

export const chain = "testsite";
/** 2026-06-01T00:00:00Z */
export const startTime = utcMs(1_780_272_000_000);

/** What rules know besides block and state. */
export const machineFacts = { chain, verify } as const;

/** The key of a name: the same in every run. */
export function signerOfName(name: string): Signer {
  const seed = sha256(Buffer.from(`test key of ${name}`));
  const key = privateKeyFromSeed(seed);
  const publicKey = publicKeyFromSeed(seed);
  return { kid: keyId(publicKey), publicKey, sign: (message) => sign(message, key) };
}

const keyOf = (name: string) => signerOfName(name).publicKey;

function ownerEntry(id: string, party: Owner["party"]): Owner {
  return { id, party, name: `Owner ${id}`, key: keyOf(id), boxKey: keyOf(`${id} box`) };
}

/** A single gate for each slot. */
export const lastGate = {
  scale: "real-time",
  periodMinutes: 60,
  openMinutesBefore: 50,
  gateMinutesBefore: 20,
  clearMinutesBefore: 10,
  rounds: 1,
  everyMinutes: 0,
} as const;

/** One member, a company, a bureau, a user; each has a device with one connection meter. */
export function testGenesis(changes: Partial<Genesis> = {}): Genesis {
  const parties = [
    ["company-a", "company"],
    ["bureau-a", "bureau"],
    ["user-a", "user"],
  ] as const;
  const price = microPerKwh;
  return {
    chain,
    site: chain,
    currency: "EUR",
    time: startTime,
    members: [{ id: "member-a", key: keyOf("member-a"), voting: true, role: "company" }],
    owners: parties.map(([id, party]) => ownerEntry(id, party)),
    devices: parties.map(([owner]) => ({
      id: `${owner}-unit`,
      owner,
      key: keyOf(`${owner}-unit`),
      meters: [{ id: `${owner}-meter`, role: "connection", feeder: "feeder-1" }],
    })),
    contract: firstContract(),
    parameters: {
      slotMinutes: 60,
      gates: [lastGate],
      timeZone: "UTC0",
      bands: {
        company: [price(500_000), price(700_000)],
        bureau: [price(400_000), price(600_000)],
        user: [price(400_000), price(600_000)],
      },
      weights: { company: 3, bureau: 3, user: 1 },
      feedIn: price(400_000),
      retail: price(700_000),
      imbalancePermille: 100,
      subsidyPermille: 50,
    },
    ...changes,
  };
}

/** A message signed by a name, framed. */
export function frameOf<K extends Kind>(name: string, kind: K, message: Message<K>): Uint8Array {
  return sealFrame(kind, message, { chain, signer: signerOfName(name) });
}

/** An entry with import and export registers in Wh. */
export function entry(
  time: number,
  importWh: number,
  exportWh = 0,
  changes: Partial<ReadingEntry> = {},
): ReadingEntry {
  const registers = new Map<string, readonly [number, number]>([
    [obis.importEnergy, [importWh, 0]],
    [obis.exportEnergy, [exportWh, 0]],
  ]);
  return { time: utcMs(time), clock: 0, registers, quality: 0, ...changes };
}

/** A meter's chain of readings, as a unit keeps it. */
export class MeterChain {
  readonly meter: string;
  readonly device: string;
  next = 1;
  head: Uint8Array;

  constructor(owner: string, meter = "meter") {
    this.meter = `${owner}-${meter}`;
    this.device = `${owner}-unit`;
    this.head = chainStart(chain, this.meter);
  }

  /** The next batch as a message; the chain goes on behind it. */
  batch(...entries: ReadingEntry[]): Message<"readings"> {
    const message = { meter: this.meter, first: this.next, prev: this.head, entries };
    this.head = chainHeads(this.head, entries);
    this.next += entries.length;
    return message;
  }

  /** The next batch, signed and framed. */
  frame(...entries: ReadingEntry[]): Uint8Array {
    return frameOf(this.device, "readings", this.batch(...entries));
  }
}

/** For postings in tests. */
export const money = (value: number): Micro => value as Micro;
