import { utcMs } from "@busbar/protocol";
import type { Selectable } from "kysely";
import { countSlots, slotCompleteness } from "../../ledger/completeness.ts";
import { deviceStatuses } from "../../ledger/device-status.ts";
import { parametersOf } from "../../ledger/parameters.ts";
import { meterStates } from "../../ledger/rules/meter-state.ts";
import { devices, meters, owners } from "../../ledger/tables.ts";
import { deviceReports, sheets } from "../../ledger/unit-reports.ts";
import { type Asking, all, first } from "../model/asking.ts";
import { exact, exactOrNull } from "../model/int.ts";
import type { ReadTables } from "../model/tables.ts";
import type { ViewContext } from "./context.ts";
import { meterProblems, unitProblems, worst } from "./health.ts";
import type { DeviceAnswer } from "./shapes.ts";

type MeterAnswer = DeviceAnswer["meters"][number];

/** How far back completeness is counted, and shown slot by slot. */
const shownMs = 7 * 86_400_000;
const recentMs = 2 * 86_400_000;

const dayMs = 86_400_000;

/** Meters up to which a row each is asked for. */
const oneByOneMax = 16;

const letters = { measured: "m", estimated: "e", missing: "x" } as const;

/** Units with their meters and how they are; of one owner, or all. */
export function* devicesOf(context: ViewContext, owner?: string): Asking<readonly DeviceAnswer[]> {
  const { state } = context.store;
  const { takeovers, clients } = context.connections;
  const sessions = Map.groupBy(
    clients().filter(({ looksOnly }) => !looksOnly),
    ({ identity }) => identity.id,
  );
  const fights = Map.groupBy(takeovers(), ({ client }) => client.split(":")[0] ?? "");
  const asked = Array.from(devices.scan(state), ([, device]) => device).filter(
    (device) => owner === undefined || device.owner === owner,
  );
  const rows = yield* rowsOf(asked.flatMap((device) => device.meters.map(({ id }) => id)));
  const elsewhere = context.consensus().voters > 1;
  return asked.map((device): DeviceAnswer => {
    const connections = (sessions.get(device.id) ?? []).map(
      ({ client, address, since, certificateEnds = null }) => ({
        client,
        address,
        since,
        certificateEnds,
      }),
    );
    const ends = connections.flatMap(({ certificateEnds }) => certificateEnds ?? []);
    const own = device.meters.map(({ id }) => meterOf(context, id, rows.get(id)));
    const status = deviceStatuses.get(state, device.id)?.state ?? "active";
    const problems = unitProblems({
      state: status,
      connected: connections.length > 0,
      elsewhere,
      certificateDays:
        ends.length === 0 ? null : Math.floor((Math.min(...ends) - context.now()) / dayMs),
      fight: fights.get(device.id)?.[0],
    });
    return {
      device: device.id,
      owner: device.owner,
      ownerName: owners.get(state, device.owner)?.name ?? device.owner,
      state: status,
      connections,
      program: programOf(state, device.id),
      sheet: sheetOf(state, device.id),
      level: worst([...problems, ...own.flatMap((meter) => meter.problems)]),
      problems,
      meters: own,
    };
  });
}

type MeterRow = Selectable<ReadTables["portal_meter"]>;

/** What the read model has of some meters: one by one where they are few, else of all at once. */
function* rowsOf(meters: readonly string[]): Asking<ReadonlyMap<string, MeterRow>> {
  const found = new Map<string, MeterRow>();
  if (meters.length > oneByOneMax) {
    for (const row of yield* all("meters", {})) found.set(row.meter, row);
    return found;
  }
  for (const meter of meters) {
    const row = yield* first("meter", { meter });
    if (row !== undefined) found.set(meter, row);
  }
  return found;
}

type State = ViewContext["store"]["state"];

/** Which program a unit said last that it runs, and what became of the last release there. */
function programOf(state: State, device: string): DeviceAnswer["program"] {
  const report = deviceReports.get(state, device);
  if (report === undefined) return null;
  const { program, release = null, result = null, reason = null, at } = report;
  return { version: program, release, result, reason, at };
}

/** What the ledger keeps of a unit's commissioning sheet. */
function sheetOf(state: State, device: string): DeviceAnswer["sheet"] {
  const sheet = sheets.get(state, device);
  if (sheet === undefined) return null;
  const { at, open, height, installer } = sheet;
  const hash = Buffer.from(sheet.sheet).toString("hex");
  return { hash, at, open, height, countersigned: installer !== undefined };
}

/** `row`: what the read model has of the meter. */
function meterOf(
  { store, clock }: ViewContext,
  meter: string,
  row: MeterRow | undefined,
): MeterAnswer {
  const { state } = store;
  const entry = meters.get(state, meter);
  const now = clock.now();
  const slotMs = parametersOf(state, now).slotMinutes * 60_000;
  const time = exactOrNull(row?.time);
  const facts = {
    time,
    lagMs: time === null ? null : exact(row?.block_time) - time,
    clock: exactOrNull(row?.clock),
    slots: slotsOf(state, meter, { now, slotMs }),
  };
  const problems = meterProblems(facts, { now, slotMs });
  return {
    meter,
    role: entry?.role ?? "connection",
    feeder: entry?.feeder ?? "",
    sequence: exactOrNull(row?.seq),
    powerW: exactOrNull(row?.power_w),
    receiptHeight: exactOrNull(row?.height),
    ...facts,
    recent: recentOf(state, meter, { now, slotMs }),
    level: worst(problems),
    problems,
  };
}

/** A slot that ended just now is given as long again for its readings to come. */
function slotsOf(
  state: ViewContext["store"]["state"],
  meter: string,
  { now, slotMs }: { readonly now: number; readonly slotMs: number },
): MeterAnswer["slots"] {
  const since = meterStates.get(state, meter)?.oldestBoundary;
  if (since === undefined) return null;
  const to = now - 2 * slotMs + 1;
  return countSlots(state, meter, { from: Math.max(since, to - shownMs), to, slotMs });
}

/** The slots of the last two days, as a letter each. */
function recentOf(
  state: ViewContext["store"]["state"],
  meter: string,
  { now, slotMs }: { readonly now: number; readonly slotMs: number },
): MeterAnswer["recent"] {
  const to = Math.floor((now - slotMs) / slotMs) * slotMs;
  const since = meterStates.get(state, meter)?.oldestBoundary ?? to;
  const from = Math.max(to - recentMs, Math.ceil(since / slotMs) * slotMs);
  let states = "";
  for (let slot = from; slot < to; slot += slotMs) {
    states += letters[slotCompleteness(state, meter, utcMs(slot), slotMs).state];
  }
  return { from, slotMinutes: slotMs / 60_000, states };
}
