import { microPerKwh, type UtcMs, type Wh } from "@busbar/protocol";
import { type Parameters, parametersTable } from "../ledger/parameters.ts";
import { mandates } from "../ledger/rules/mandate.ts";
import { wayFeeOf } from "../ledger/rules/market/lines.ts";
import { meteredBy, partyInSlot } from "../ledger/rules/market/parties.ts";
import { meterStates } from "../ledger/rules/meter-state.ts";
import { boundaries, slotEnergy } from "../ledger/slots.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { connections, devices, meters, owners } from "../ledger/tables.ts";
import type {
  Community,
  CommunityMember,
  CommunitySlot,
  MemberEnergy,
} from "../settlement/what-if/community.ts";

/**
 * The community of a ledger: every company and user that connects to the feeder, and its slots as far
 * back as the state has them (62 days). Limits are those of the mandates that owners gave their units; weights, bands
 * and what the way to the busbar costs are those of the parameters in force.
 */
export function communityOfState(state: StateReader, slotMs: number): Community {
  const ids = new Set(Array.from(connections.scan(state), ([id]) => id.slice(0, id.indexOf("/"))));
  const parameters = parametersTable.get(state, "current");
  const members = [...ids].sort().flatMap((id) => memberOf(state, id, parameters) ?? []);
  const generators = new Map<string, string[]>();
  for (const [id, { role, owner }] of meters.scan(state)) {
    if (role === "generation") generators.set(owner, [...(generators.get(owner) ?? []), id]);
  }
  const slots: CommunitySlot[] = [];
  for (const start of startsOf(state, slotMs)) {
    const energy = members.map(({ id }) =>
      energyOf(state, { owner: id, generators: generators.get(id) ?? [], start, slotMs }),
    );
    if (energy.some((known) => known !== undefined)) slots.push({ start, energy });
  }
  return { slotMs, members, slots };
}

function memberOf(
  state: StateReader,
  id: string,
  parameters: Parameters | undefined,
): CommunityMember | undefined {
  const party = owners.get(state, id)?.party;
  if (party !== "company" && party !== "user") return undefined;
  const { weight: gameWeight, band } = parameters?.parties?.find(({ owner }) => owner === id) ?? {};
  const fee = parameters === undefined ? 0 : wayFeeOf(state, id, parameters);
  const own = {
    ...(gameWeight === undefined ? {} : { gameWeight }),
    ...(band === undefined ? {} : { band }),
    ...(fee === 0 ? {} : { fee: microPerKwh(fee) }),
  };
  for (const [device, { owner }] of devices.scan(state)) {
    const mandate = owner === id ? mandates.get(state, device) : undefined;
    if (mandate === undefined) continue;
    return { id, party, weight: 1, bid: mandate.bidPriceMax, ask: mandate.askPriceMin, ...own };
  }
  return { id, party, weight: 1, ...own };
}

/** Starts of all slots between the oldest boundary of a connection meter and the newest reading. */
function* startsOf(state: StateReader, slotMs: number): Generator<UtcMs> {
  let [first, last] = [Number.POSITIVE_INFINITY, 0];
  for (const [, { meter }] of connections.scan(state)) {
    const known = meterStates.get(state, meter);
    last = Math.max(last, known?.energyTime ?? 0);
    for (const [id] of boundaries.scan(state, `${meter}/`)) {
      first = Math.min(first, Number(id.slice(meter.length + 1)));
      break;
    }
  }
  for (let start = Math.ceil(first / slotMs) * slotMs; start + slotMs <= last; start += slotMs) {
    yield start as UtcMs;
  }
}

function energyOf(
  state: StateReader,
  {
    owner,
    generators,
    start,
    slotMs,
  }: {
    readonly owner: string;
    readonly generators: readonly string[];
    readonly start: UtcMs;
    readonly slotMs: number;
  },
): MemberEnergy | undefined {
  const party = partyInSlot(state, owner, { start, end: start + slotMs });
  const metered =
    party === undefined ? undefined : meteredBy(state, party.meters, { start, lengthMs: slotMs });
  if (metered === undefined) return undefined;
  const energy = { importWh: metered.importWh as Wh, exportWh: metered.exportWh as Wh };
  const made = generators.map((meter) => slotEnergy(state, meter, start, slotMs)?.exportWh);
  const generationWh = made.reduce<number | undefined>(
    (sum, one) => (sum === undefined || one === undefined ? undefined : sum + one),
    made.length === 0 ? undefined : 0,
  );
  return generationWh === undefined ? energy : { ...energy, generationWh: generationWh as Wh };
}
