import { utcMs } from "@busbar/protocol";
import { field, instant, record } from "@busbar/protocol/schema";
import { reportViolation } from "../credit.ts";
import { suspendedSince } from "../device-status.ts";
import type { BlockContext, BlockRule } from "../rule.ts";
import { table } from "../state/table.ts";
import { type MeterEntry, meters } from "../tables.ts";
import { meterStates } from "./meter-state.ts";

/** How long after a slot's end its readings are waited for before anybody is told. */
const patienceMs = 30 * 60_000;

/** `silence-check/next`: when meters are looked at next, once for each slot. */
const checks = table("silence-check", record("silence-check", { at: field(1, instant) }));

/** `silent-meter/<meter>`: the time of its last reading, where it is silent. */
export const silentMeters = table(
  "silent-meter",
  record("silent-meter", { since: field(1, instant) }),
);

/**
 * Notices once for each slot which meters have not reported its end, and which have again. A meter that
 * never began, one that was taken out, and one whose unit is suspended are not waited for. Nobody is
 * blamed for a time in which there were no blocks: units bring what they kept.
 */
export const silenceRule: BlockRule = {
  name: "silence",
  due(state, time) {
    const next = checks.get(state, "next");
    return next !== undefined && next.at <= time;
  },
  run(context) {
    const { state, time, parameters } = context;
    const slotMs = parameters.slotMinutes * 60_000;
    const next = checks.get(state, "next");
    if (next !== undefined && time < next.at) return;
    const wasAway = next === undefined || time >= next.at + slotMs;
    const boundary = Math.floor((wasAway ? time : time - patienceMs) / slotMs) * slotMs;
    if (!wasAway) lookAt(context, boundary);
    checks.set(state, "next", { at: utcMs(boundary + slotMs + patienceMs) });
  },
};

function lookAt(context: BlockContext, boundary: number): void {
  const { state, emit } = context;
  for (const [meter, entry] of meters.scan(state)) {
    const last = meterStates.get(state, meter)?.energyTime;
    const known = silentMeters.get(state, meter);
    if (last !== undefined && last >= boundary) {
      if (known === undefined) continue;
      silentMeters.delete(state, meter);
      emit({ type: "meter-heard", meter, owner: entry.owner, since: known.since });
    } else if (last === undefined || !isExpected(context, entry)) {
      if (known !== undefined) silentMeters.delete(state, meter);
    } else if (known === undefined) {
      silentMeters.set(state, meter, { since: last });
      emit({ type: "meter-silent", meter, device: entry.device, owner: entry.owner, since: last });
      if (entry.role !== "connection" || context.parameters.credit === undefined) continue;
      const reason = `${meter}: nothing came after the reading of ${last}`;
      reportViolation(context, { id: entry.owner, kind: "readings-late", reason });
    }
  }
}

function isExpected({ state }: BlockContext, { device, until }: MeterEntry): boolean {
  return until === undefined && suspendedSince(state, device) === undefined;
}
