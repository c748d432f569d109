import { sealFrame, utcMs } from "@busbar/protocol";
import type { Genesis } from "../../../aggregator/ledger/genesis.ts";
import {
  chain,
  entry,
  MeterChain,
  signerOfName,
  testGenesis,
} from "../../../aggregator/ledger/test-site.ts";

/** Readings in each signed batch. */
export const entriesPerBatch = 10;

/** Site ms from one reading to the next. */
const stepMs = 1_000;

/** A site: who votes, how many units send, and when their readings begin. */
export type Site = { readonly members: number; readonly units: number; readonly from: number };

export const memberId = (index: number): string => `member-${String.fromCharCode(97 + index)}`;
const unitName = (index: number): string => `unit-${index}`;
export const deviceOf = (index: number): string => `${unitName(index)}-unit`;

/** Units beyond those that send at saturation: each member has one for light load. */
export const lightUnit = ({ units }: Site, member: number): number => units + member;

export function genesisOf(site: Site): Genesis {
  const { members, units, from } = site;
  return testGenesis({
    time: utcMs(from - 60_000),
    members: Array.from({ length: members }, (_, i) => ({
      id: memberId(i),
      key: signerOfName(memberId(i)).publicKey,
      voting: true,
      role: "company",
    })),
    devices: Array.from({ length: units + members }, (_, i) => ({
      id: deviceOf(i),
      owner: "user-a",
      key: signerOfName(deviceOf(i)).publicKey,
      meters: [{ id: `${unitName(i)}-meter`, role: "connection", feeder: "feeder-1" }],
    })),
  });
}

/** A unit's signed batches, in order. */
export function batchesOf(unit: number, count: number, from: number): Uint8Array[] {
  const meter = new MeterChain(unitName(unit));
  const signer = signerOfName(meter.device);
  return Array.from({ length: count }, (_, batch) => {
    const readings = Array.from({ length: entriesPerBatch }, (_, i) => {
      const n = batch * entriesPerBatch + i;
      return entry(from + n * stepMs, n);
    });
    return sealFrame("readings", meter.batch(...readings), { chain, signer });
  });
}

/** Blocks upon a state of so many accounts. */
export type StateTask = { readonly folder: string; readonly accounts: number };
export type StateReport = {
  readonly openMs: number;
  /** Median over blocks of `framesPerBlock` batches. */
  readonly blockMs: number;
  /** The same in the processor's time. */
  readonly cpuMs: number;
  readonly rssMb: number;
};

/** Batches in each of those blocks. */
export const framesPerBlock = 100;
