import type {
  NoticeCounts,
  PortalBlock,
  PortalEvent,
  PortalMeter,
  PortalSlot,
  PortalStatus,
  PortalTrade,
} from "../api.ts";

/** How much of each list the page keeps. */
export const kept = { slots: 96, trades: 60, blocks: 40 } as const;

/** What the page knows. Lists are newest first, except meters, which are by owner. */
export type Model = {
  readonly status: PortalStatus | undefined;
  /** Wall ms at which `status.time` was true. */
  readonly statusAt: number;
  readonly slots: readonly PortalSlot[];
  readonly trades: readonly PortalTrade[];
  readonly blocks: readonly PortalBlock[];
  readonly meters: readonly PortalMeter[];
};

export const emptyModel: Model = {
  status: undefined,
  statusAt: 0,
  slots: [],
  trades: [],
  blocks: [],
  meters: [],
};

const stages = ["open", "gate-closed", "cleared", "settled"];

/** The model after an event. What is older than what is known changes nothing: answers and events
 * may overtake each other. */
export function withEvent(model: Model, { event, data }: PortalEvent): Model {
  switch (event) {
    case "block":
      return withBlocks(model, [data]);
    case "price":
      return withSlots(model, [data]);
    case "trade":
      return withTrades(model, [data]);
    case "reading":
      return withMeters(model, [data]);
    case "notice":
      return withNotices(model, data);
    default:
      return event satisfies never;
  }
}

/** The status as the portal says it at `at` (wall ms); an older one than what is known is dropped. */
export function withStatus(model: Model, status: PortalStatus, at: number): Model {
  if (model.status !== undefined && status.height < model.status.height) return model;
  return { ...model, status, statusAt: at };
}

export function withBlocks(model: Model, blocks: readonly PortalBlock[]): Model {
  const all = merge(
    model.blocks,
    blocks,
    ({ height }) => height,
    () => true,
  );
  return { ...model, blocks: all.sort((a, b) => b.height - a.height).slice(0, kept.blocks) };
}

export function withSlots(model: Model, slots: readonly PortalSlot[]): Model {
  const later = (a: PortalSlot, b: PortalSlot) =>
    rank(b) > rank(a) || (rank(b) === rank(a) && b.contracts >= a.contracts);
  const all = merge(model.slots, slots, ({ slot }) => slot, later);
  return { ...model, slots: all.sort((a, b) => b.slot - a.slot).slice(0, kept.slots) };
}

export function withTrades(model: Model, trades: readonly PortalTrade[]): Model {
  const isFinal = ({ state }: PortalTrade) => state === "paid" || state === "void";
  const later = (a: PortalTrade, b: PortalTrade) => isFinal(b) || !isFinal(a);
  const all = merge(model.trades, trades, ({ contract }) => contract, later);
  return { ...model, trades: all.sort((a, b) => b.seq - a.seq).slice(0, kept.trades) };
}

export function withMeters(model: Model, meters: readonly PortalMeter[]): Model {
  const later = (a: PortalMeter, b: PortalMeter) => b.seq >= a.seq;
  const all = merge(model.meters, meters, ({ meter }) => meter, later);
  const name = ({ owner, meter }: PortalMeter) => `${owner} ${meter}`;
  return { ...model, meters: all.sort((a, b) => (name(a) < name(b) ? -1 : 1)) };
}

function withNotices(model: Model, notices: NoticeCounts): Model {
  return model.status === undefined ? model : { ...model, status: { ...model.status, notices } };
}

/** A slot that is further on, or of which more was measured, is the later one. Each gate begins the
 * stages anew. */
function rank({ pass, stage, generationWh }: PortalSlot): number {
  return (pass * stages.length + stages.indexOf(stage)) * 2 + (generationWh === null ? 0 : 1);
}

function merge<T, K>(
  known: readonly T[],
  more: readonly T[],
  keyOf: (item: T) => K,
  isLater: (known: T, item: T) => boolean,
): T[] {
  const all = new Map(known.map((item) => [keyOf(item), item]));
  for (const item of more) {
    const before = all.get(keyOf(item));
    if (before === undefined || isLater(before, item)) all.set(keyOf(item), item);
  }
  return [...all.values()];
}

/** Site time at a wall time: runs on by itself between two looks at the portal. */
export function siteTime(
  { status, statusAt }: Pick<Model, "status" | "statusAt">,
  wall: number,
): number | undefined {
  if (status === undefined) return undefined;
  return status.time + Math.max(0, wall - statusAt) * status.speed;
}

/** The slot that is being delivered at a site time. */
export function slotAt({ slots, status }: Model, time: number): PortalSlot | undefined {
  const length = (status?.slotMinutes ?? 60) * 60_000;
  return slots.find(({ slot }) => slot <= time && time < slot + length);
}
