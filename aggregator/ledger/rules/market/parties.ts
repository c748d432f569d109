import type { Party, UtcMs } from "@busbar/protocol";
import { type SlotEnergy, slotEnergy } from "../../slots.ts";
import type { StateReader } from "../../state/state.ts";
import { bureaus, type Connection, connections, meters, owners } from "../../tables.ts";

/** A party of the market and the meters that connect it to the feeder. */
export type MarketParty = {
  readonly owner: string;
  readonly party: Party;
  readonly meters: readonly string[];
};

/** Companies and users with a connection meter, in an order of their
 * ids. The bureau balances and is not among them. */
export function marketParties(state: StateReader): MarketParty[] {
  const meters = new Map<string, string[]>();
  for (const [id, { meter, until }] of connections.scan(state)) {
    if (until !== undefined) continue;
    const owner = id.slice(0, id.indexOf("/"));
    const own = meters.get(owner);
    if (own === undefined) meters.set(owner, [meter]);
    else own.push(meter);
  }
  return [...meters].flatMap(([owner, own]) => partyWith(state, owner, own) ?? []);
}

/** One of them; undefined for whoever has no meter at the feeder or takes no part. */
export function marketParty(state: StateReader, owner: string): MarketParty | undefined {
  return partyOf(state, owner, ({ until }) => until === undefined);
}

/** Where a party hangs: the feeder of its connection meter, of several that with the smallest id. */
export function feederOf(state: StateReader, owner: string): string | undefined {
  const meter = marketParty(state, owner)?.meters[0];
  return meter === undefined ? undefined : meters.get(state, meter)?.feeder;
}

/** The feeders of all its connection meters. */
export function feedersOf(state: StateReader, owner: string): string[] {
  const own = marketParty(state, owner)?.meters ?? [];
  return own.flatMap((meter) => meters.get(state, meter)?.feeder ?? []);
}

/** One that took part in a slot, with the meters that counted all through it. */
export function partyInSlot(
  state: StateReader,
  owner: string,
  slot: { readonly start: number; readonly end: number },
): MarketParty | undefined {
  return partyOf(
    state,
    owner,
    ({ from, until }) =>
      (from === undefined || from <= slot.start) && (until === undefined || until >= slot.end),
  );
}

function partyOf(
  state: StateReader,
  owner: string,
  counts: (connection: Connection) => boolean,
): MarketParty | undefined {
  const own = Array.from(connections.scan(state, `${owner}/`), ([, connection]) => connection)
    .filter(counts)
    .map(({ meter }) => meter);
  return own.length === 0 ? undefined : partyWith(state, owner, own);
}

function partyWith(
  state: StateReader,
  owner: string,
  meters: readonly string[],
): MarketParty | undefined {
  const party = owners.get(state, owner)?.party;
  return party === "company" || party === "user" ? { owner, party, meters } : undefined;
}

/** The party that takes and gives what nobody else does: the bureau with the smallest id. */
export function bureauOf(state: StateReader): string | undefined {
  for (const [id] of bureaus.scan(state)) return id;
  return undefined;
}

/** What a party's connection meters measured in a slot, or undefined where one did not. */
export function meteredBy(
  state: StateReader,
  connections: readonly string[],
  slot: { readonly start: UtcMs; readonly lengthMs: number },
): { importWh: number; exportWh: number } | undefined {
  const each = energyOfEach(state, connections, slot);
  if (each === undefined) return undefined;
  let [importWh, exportWh] = [0, 0];
  for (const energy of each) {
    importWh += energy.importWh;
    exportWh += energy.exportWh;
  }
  return { importWh, exportWh };
}

/** The same, meter by meter. */
export function energyOfEach(
  state: StateReader,
  connections: readonly string[],
  { start, lengthMs }: { readonly start: UtcMs; readonly lengthMs: number },
): SlotEnergy[] | undefined {
  const all: SlotEnergy[] = [];
  for (const meter of connections) {
    const energy = slotEnergy(state, meter, start, lengthMs);
    if (energy === undefined) return undefined;
    all.push(energy);
  }
  return all;
}
