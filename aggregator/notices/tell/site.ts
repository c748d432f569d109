import type { LedgerEvent } from "../../ledger/events.ts";
import type { Telling } from "../notice.ts";

type Event<T extends LedgerEvent["type"]> = Extract<LedgerEvent, { type: T }>;

/** A unit that a member or its owner took out of service for a while, or put back. */
export function tellUnit(event: Event<"device-suspended" | "device-resumed">): readonly Telling[] {
  const { owner, device, by, reason, type } = event;
  const facts = {
    unit: { name: device },
    by: { name: by },
    why: { word: `unit-${reason}` },
  } as const;
  return [{ owner, topic: "unit", key: type, facts, urgent: type === "device-suspended" }];
}

/** A unit in place of another: the key that speaks for the owner's meters is another one from now on. */
export function tellReplaced(event: Event<"device-replaced">): readonly Telling[] {
  const { owner, device, by, type } = event;
  const facts = { unit: { name: device }, by: { name: by } } as const;
  return [{ owner, topic: "unit", key: type, facts, urgent: true }];
}

/** A meter that has stopped to report. */
export function tellSilent(event: Event<"meter-silent">): readonly Telling[] {
  const { owner, meter, device, since } = event;
  const facts = { meter: { name: meter }, unit: { name: device }, since: { at: since } };
  return [{ owner, topic: "meter", key: "meter-silent", facts, urgent: true }];
}

export function tellHeard({ owner, meter, since }: Event<"meter-heard">): readonly Telling[] {
  const facts = { meter: { name: meter }, since: { at: since } };
  return [{ owner, topic: "meter", key: "meter-heard", facts }];
}

/** Energy that flowed in a gap too long to say when. */
export function tellUnallocated(event: Event<"energy-unallocated">): readonly Telling[] {
  const { owner, meter, from, to, importWh, exportWh, billedWh, money } = event;
  const facts = {
    meter: { name: meter },
    from: { at: from },
    to: { at: to },
    import: { wh: importWh },
    export: { wh: exportWh },
    ...(billedWh === undefined ? {} : { energy: { wh: billedWh } }),
    ...(money === undefined ? {} : { money: { micro: money } }),
  };
  const worth = money === undefined ? {} : { money };
  return [{ owner, topic: "meter", key: "energy-unallocated", facts, ...worth }];
}

/** Registers that began anew: what flowed between two readings is not known. */
export function tellRestarted(event: Event<"registers-restarted">): readonly Telling[] {
  const { owner, meter, quality, from, to } = event;
  const facts = {
    meter: { name: meter },
    from: { at: from },
    to: { at: to },
    why: { word: `registers-${quality}` },
  } as const;
  return [{ owner, topic: "meter", key: "registers-restarted", facts }];
}
