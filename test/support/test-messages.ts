import {
  type Admission,
  chainStart,
  type QuoteCommit,
  type Readings,
  type Signer,
  sealFrame,
  utcMs,
} from "@busbar/protocol";
import { site } from "./test-broker.ts";

/** A batch of one reading of `<device>-m`, the meter that a test device has. */
export function readingsOf(device: string, first = 1): Readings {
  return {
    meter: `${device}-m`,
    first,
    prev: chainStart(site, `${device}-m`),
    entries: [
      {
        time: utcMs(1_800_000_000_000 + first),
        clock: 0x20,
        registers: new Map([["1-0:1.8.0", [first * 100, 0]]]),
        quality: 0,
      },
    ],
  };
}

export function readingsFrame(
  device: string,
  signer: Signer,
  { first = 1, chain = site }: { first?: number; chain?: string } = {},
): Uint8Array {
  return sealFrame("readings", readingsOf(device, first), { chain, signer });
}

/** A member's admission of one new owner. */
export function admissionFrame(member: string, signer: Signer): Uint8Array {
  const key = new Uint8Array(32).fill(9);
  const admission: Admission = {
    nonce: new Uint8Array(16),
    member,
    owners: [{ id: "o9", party: "user", name: "o9", key, boxKey: key }],
    devices: [],
  };
  return sealFrame("admission", admission, { chain: site, signer });
}

export function commitFrame(owner: string, signer: Signer): Uint8Array {
  const commit: QuoteCommit = {
    id: new Uint8Array(16),
    owner,
    slot: utcMs(1_800_000_000_000),
    hash: new Uint8Array(32),
    gate: utcMs(1_800_000_000_000),
  };
  return sealFrame("quote-commit", commit, { chain: site, signer });
}
