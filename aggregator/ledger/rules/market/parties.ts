import type { Party, UtcMs } from "@busbar/protocol";
import { slotEnergy } from "../../slots.ts";
import type { StateReader } from "../../state/state.ts";
import { meters, owners } from "../../tables.ts";

/** A party of the market and the meters that connect it to the feeder. */
export type MarketParty = {
  readonly owner: string;
  readonly party: Party;
  readonly meters: readonly string[];
};

/** Companies and users with a connection meter, by id. The bureau balances and is not among them. */
export function marketParties(state: StateReader): MarketParty[] {
  const connections = new Map<string, string[]>();
  for (const [, { id, owner, role }] of meters.scan(state)) {
    if (role === "connection") connections.set(owner, [...(connections.get(owner) ?? []), id]);
  }
  const parties: MarketParty[] = [];
  for (const [, { id, party }] of owners.scan(state)) {
    const own = connections.get(id);
    if (own !== undefined && (party === "company" || party === "user")) {
      parties.push({ owner: id, party, meters: own });
    }
  }
  return parties;
}

/** The party that takes and gives what nobody else does: the bureau with the smallest id. */
export function bureauOf(state: StateReader): string | undefined {
  for (const [, { id, party }] of owners.scan(state)) if (party === "bureau") return id;
  return undefined;
}

/** What a party's connection meters measured in a slot, or undefined while one has not reported. */
export function meteredBy(
  state: StateReader,
  connections: readonly string[],
  slot: { readonly start: UtcMs; readonly lengthMs: number },
): { importWh: number; exportWh: number } | undefined {
  let [importWh, exportWh] = [0, 0];
  for (const meter of connections) {
    const energy = slotEnergy(state, meter, slot.start, slot.lengthMs);
    if (energy === undefined) return undefined;
    importWh += energy.importWh;
    exportWh += energy.exportWh;
  }
  return { importWh, exportWh };
}
