import { contracts, slotKey } from "../../ledger/rules/market/tables.ts";
import type { StateReader } from "../../ledger/state/state.ts";

/** A contract of an owner, and the commitment (hex) in which it quoted for it; undefined: in none. */
export type NamedContract = { readonly id: string; readonly quote: string | undefined };

/** An owner's contracts of a slot. */
export type ContractsOf = (slot: number, owner: string) => readonly NamedContract[];

/** Bytes of a commitment's id, hex. */
const commitmentLength = 32;

/** Looks through a slot's contracts for one owner's. Most are others': what does not name it is not decoded. */
export function contractsIn(state: StateReader): ContractsOf {
  return (slot, owner) => {
    const name = Buffer.from(owner);
    const found: NamedContract[] = [];
    for (const [key, value] of state.scan(`${contracts.name}/${slotKey(slot)}-`)) {
      if (!Buffer.from(value.buffer, value.byteOffset, value.length).includes(name)) continue;
      const one = named(state, key.slice(contracts.name.length + 1), owner);
      if (one !== undefined) found.push(one);
    }
    return found;
  };
}

function named(state: StateReader, id: string, owner: string): NamedContract | undefined {
  const terms = contracts.get(state, id);
  if (terms?.seller !== owner && terms?.buyer !== owner) return undefined;
  const quote = terms.seller === owner ? terms.ask : terms.bid;
  return { id, quote: quote?.slice(0, commitmentLength) };
}

/** Goes once through the contracts of these slots for several owners. Takes some 150 bytes for each of theirs. */
export function contractsOfAll(
  state: StateReader,
  slots: Iterable<number>,
  owners: ReadonlySet<string>,
): ContractsOf {
  const byOwner = new Map<string, Map<number, NamedContract[]>>();
  const add = (slot: number, owner: string, id: string, quote: string | undefined) => {
    if (!owners.has(owner)) return;
    const bySlot = byOwner.get(owner) ?? new Map<number, NamedContract[]>();
    byOwner.set(owner, bySlot);
    const list = bySlot.get(slot);
    const one = { id, quote: quote?.slice(0, commitmentLength) };
    if (list === undefined) bySlot.set(slot, [one]);
    else list.push(one);
  };
  for (const slot of slots) {
    for (const [id, { seller, buyer, ask, bid }] of contracts.scan(state, `${slotKey(slot)}-`)) {
      add(slot, seller, id, ask);
      add(slot, buyer, id, bid);
    }
  }
  return (slot, owner) => byOwner.get(owner)?.get(slot) ?? [];
}
