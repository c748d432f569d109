import assert from "node:assert/strict";
import { type ContractVersion, compareBytes, Failure } from "@busbar/protocol";
import { contractVersion } from "@busbar/protocol/schema";
import { cursors, slots } from "../rules/market/tables.ts";
import { slotKey } from "../settlements.ts";
import type { StateReader } from "../state/state.ts";
import { table } from "../state/table.ts";

/**
 * `market-contract/<start of a slot, 15 digits>`: the version of the market's rules of the slots from
 * that one on; genesis' own stands at 0. Nothing is ever written before a slot that is open.
 */
export const contractTable = table("market-contract", contractVersion);

/** A version and the first slot that has it, site ms. */
export type ContractFrom = ContractVersion & { readonly from: number };

/** All versions that the chain has had and has decided on, by their first slot. */
export function contractsOf(state: StateReader): readonly ContractFrom[] {
  return Array.from(contractTable.scan(state), ([from, { version, hash }]) => ({
    from: Number(from),
    version,
    hash,
  }));
}

/** Whether the state is of a chain whose genesis named a contract. */
export function hasContract(state: StateReader): boolean {
  return contractTable.get(state, slotKey(0)) !== undefined;
}

/** The version that a slot was opened with, or will be. */
export function contractOf(state: StateReader, slot: number): ContractFrom {
  const found = contractsOf(state).findLast(({ from }) => from <= slot);
  assert(found !== undefined, "genesis wrote the contract");
  return found;
}

/** Whether a program with these versions has the rules of this one: number and code. */
export function knowsContract(
  known: readonly ContractVersion[],
  { version, hash }: ContractVersion,
): boolean {
  return known.some((own) => own.version === version && compareBytes(own.hash, hash) === 0);
}

/**
 * Insists that a program has the rules of every slot that the ledger still works on: open ones, and
 * those that readings or corrections may settle anew. Before the first slot, those of genesis.
 * Throws: `Failure` `contract.unknown-version`.
 */
export function insistOnContracts(state: StateReader, known: readonly ContractVersion[]): void {
  const all = contractsOf(state);
  const next = cursors.get(state, "open")?.next ?? 1;
  const oldest = oldestSlot(state) ?? next - 1;
  for (const [i, contract] of all.entries()) {
    const until = all[i + 1]?.from ?? Number.POSITIVE_INFINITY;
    if (contract.from < next && until > oldest && !knowsContract(known, contract)) {
      throw unknown(contract, known);
    }
  }
}

function oldestSlot(state: StateReader): number | undefined {
  for (const [key] of slots.scan(state)) return Number(key);
  return undefined;
}

function unknown({ from, version, hash }: ContractFrom, known: readonly ContractVersion[]) {
  const slot = from === 0 ? "the first slot" : new Date(from).toISOString();
  const own = known.map((contract) => contractName(contract)).join(", ");
  return new Failure(
    "contract.unknown-version",
    `slots from ${slot} on have version ${contractName({ version, hash })} of the market's contract, this program has ${own}; upgrade it to one that has that version, then start it again`,
    { retry: "never" },
  );
}

/** A version as people see it: number and the first digits of its hash. */
export function contractName({ version, hash }: ContractVersion): string {
  return `${version} (${Buffer.from(hash).toString("hex").slice(0, 12)})`;
}
