import type { Council } from "@busbar/protocol";
import { sha256 } from "../../ledger/sha256.ts";
import type { ValidatorUpdate } from "./wire/values.ts";

/** Length of an address: the first bytes of SHA-256 of the Ed25519 key (CometBFT's `crypto.Address`). */
const addressBytes = 20;

type Voters = Pick<Council, "voters">;

/** A validator's address as CometBFT names it, in hex. */
export function addressOf(key: Uint8Array): string {
  return hex(sha256(key).subarray(0, addressBytes));
}

/** The voting member that an address names. */
export function memberAt(address: Uint8Array, { voters }: Voters): string | undefined {
  const wanted = hex(address);
  return voters.find(({ key }) => addressOf(key) === wanted)?.id;
}

/** All voters as validators of one vote each. */
export function validatorsOf({ voters }: Voters): ValidatorUpdate[] {
  return voters.map(({ key }) => ({ pubKey: { ed25519: key }, power: 1 }));
}

/** What turns one council's validators into another's: power 0 for who leaves. */
export function validatorUpdates(before: Voters, after: Voters): ValidatorUpdate[] {
  const [old, now] = [keysOf(before), keysOf(after)];
  return [
    ...before.voters
      .filter(({ key }) => !now.has(hex(key)))
      .map(({ key }) => ({ pubKey: { ed25519: key }, power: 0 })),
    ...validatorsOf({ voters: after.voters.filter(({ key }) => !old.has(hex(key))) }),
  ];
}

/** Whether these validators are the council, each with one vote. */
export function areCouncil(validators: readonly ValidatorUpdate[], council: Voters): boolean {
  const keys = keysOf(council);
  const told = new Set(validators.map(({ pubKey }) => hex(pubKey.ed25519)));
  return (
    validators.length === keys.size &&
    [...keys].every((key) => told.has(key)) &&
    validators.every(({ power }) => power === 1)
  );
}

const keysOf = ({ voters }: Voters) => new Set(voters.map(({ key }) => hex(key)));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
