import { type UtcMs, utcMs } from "@busbar/protocol";
import { type Parameters, parametersOf } from "../../parameters.ts";
import type { BlockContext, BlockRule } from "../../rule.ts";
import type { State, StateReader } from "../../state/state.ts";
import { clearSlot } from "./clearing.ts";
import { closeGate } from "./gate.ts";
import { openSlot } from "./opening.ts";
import { type SiteOutlook, siteOutlook } from "./outlook.ts";
import { cursors, type Due, dues, slotKey } from "./tables.ts";
import { firstTradableSlot, passAhead, slotMs, timetable } from "./timetable.ts";

/** Slots that one block brings to the market, and steps that it takes with those that are there:
 * after a long silence the rest follows block by block. */
const newSlotsMax = 24;
const stepsMax = 72;

/**
 * Takes slots through the gates that their parameters give them, each stage at its time: quoting
 * opens, the gate closes, the slot is cleared, and so on to its next gate. Where a block comes late,
 * all happens in the order of its times.
 */
export const stagesRule: BlockRule = {
  name: "market-stages",
  due(state, time, parameters) {
    const first = firstDue(state);
    if (first !== undefined && first.at <= time) return true;
    return comesAt(state, nextSlot(state, time, parameters)) <= time;
  },
  run(context) {
    bringSlots(context);
    const outlook = siteOutlook(context);
    for (let i = 0; i < stepsMax; i++) {
      const first = firstDue(context.state);
      if (first === undefined || first.at > context.time) return;
      dues.delete(context.state, first.id);
      step(context, first.due, outlook);
    }
  },
};

/** Puts new slots on the list when the first of their gates opens. */
function bringSlots({ state, time, parameters }: BlockContext): void {
  let next = nextSlot(state, time, parameters);
  for (let i = 0; i < newSlotsMax && comesAt(state, next) <= time; i++) {
    expectPass(state, next, { from: 0, time });
    next = utcMs(next + slotMs(parameters));
  }
  cursors.set(state, "open", { next });
}

function step(
  context: BlockContext,
  { slot, pass: number, stage }: Due,
  outlook: (slot: number) => SiteOutlook,
): void {
  const { state, time } = context;
  const parameters = parametersOf(state, slot);
  const { passes } = timetable(slot, parameters);
  const pass = passes[number];
  if (pass === undefined) throw new RangeError(`slot ${slot} has no gate ${number}`);
  const of = { slot, number, pass, isLast: number === passes.length - 1 };
  const own = { ...context, parameters };
  switch (stage) {
    case "open":
      openSlot(own, of, outlook);
      return expect(state, pass.gate, { slot, pass: number, stage: "gate" });
    case "gate":
      closeGate(own, of);
      return expect(state, pass.clearing, { slot, pass: number, stage: "clear" });
    case "clear":
      clearSlot(own, of);
      return expectPass(state, slot, { from: number + 1, time });
    default:
      return stage satisfies never;
  }
}

/** Gates that closed before a slot came to them are left out, but for the last one: it sells to the
 * bureau what is left and hands the slot over to be settled. */
function expectPass(
  state: State,
  slot: UtcMs,
  { from, time }: { readonly from: number; readonly time: UtcMs },
): void {
  const ahead = passAhead(timetable(slot, parametersOf(state, slot)), from, time);
  if (ahead === undefined) return;
  expect(state, ahead.pass.opening, { slot, pass: ahead.number, stage: "open" });
}

function expect(state: State, at: UtcMs, due: Due): void {
  dues.set(state, `${slotKey(at)}/${slotKey(due.slot)}`, due);
}

/** The list's first entry: the one whose time comes first. */
function firstDue(state: StateReader) {
  for (const [id, due] of dues.scan(state)) {
    return { id, at: Number(id.slice(0, id.indexOf("/"))), due };
  }
  return undefined;
}

/** When a slot comes to the market: as the first of its gates opens. */
function comesAt(state: StateReader, slot: UtcMs): number {
  return timetable(slot, parametersOf(state, slot)).passes[0]?.opening ?? Number.POSITIVE_INFINITY;
}

function nextSlot(state: StateReader, time: UtcMs, parameters: Parameters): UtcMs {
  return cursors.get(state, "open")?.next ?? firstTradableSlot(time, parameters);
}
