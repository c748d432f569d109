import { utcMs } from "@busbar/protocol";
import { countSlots, slotCompleteness } from "../../ledger/completeness.ts";
import { deviceStatuses } from "../../ledger/device-status.ts";
import { parametersOf } from "../../ledger/parameters.ts";
import { meterStates } from "../../ledger/rules/meter-state.ts";
import { devices, meters, owners } from "../../ledger/tables.ts";
import { deviceReports, sheets } from "../../ledger/unit-reports.ts";
import type { ViewContext } from "./context.ts";
import { meterProblems, unitProblems, worst } from "./health.ts";
import type { DeviceAnswer } from "./shapes.ts";

type MeterAnswer = DeviceAnswer["meters"][number];

/** How far back completeness is counted, and shown slot by slot. */
const shownMs = 7 * 86_400_000;
const recentMs = 2 * 86_400_000;

const dayMs = 86_400_000;

const letters = { measured: "m", estimated: "e", missing: "x" } as const;

/** Units with their meters and how they are; of one owner, or all. */
export function devicesOf(context: ViewContext, owner?: string): readonly DeviceAnswer[] {
  const { state } = context.store;
  const { takeovers, clients } = context.connections;
  const sessions = Map.groupBy(
    clients().filter(({ looksOnly }) => !looksOnly),
    ({ identity }) => identity.id,
  );
  const fights = Map.groupBy(takeovers(), ({ client }) => client.split(":")[0] ?? "");
  const row = context.store.db.prepare("SELECT * FROM portal_meter WHERE meter = ?");
  const elsewhere = context.consensus().voters > 1;
  return Array.from(devices.scan(state), ([, device]) => device)
    .filter((device) => owner === undefined || device.owner === owner)
    .map((device): DeviceAnswer => {
      const connections = (sessions.get(device.id) ?? []).map(
        ({ client, address, since, certificateEnds = null }) => ({
          client,
          address,
          since,
          certificateEnds,
        }),
      );
      const ends = connections.flatMap(({ certificateEnds }) => certificateEnds ?? []);
      const own = device.meters.map(({ id }) => meterOf(context, id, row.get(id)));
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
  row: Readonly<Record<string, unknown>> | undefined,
): MeterAnswer {
  const { state } = store;
  const entry = meters.get(state, meter);
  const now = clock.now();
  const slotMs = parametersOf(state, now).slotMinutes * 60_000;
  const numberOf = (value: unknown) =>
    value === null || value === undefined ? null : Number(value);
  const time = numberOf(row?.time);
  const facts = {
    time,
    lagMs: time === null ? null : Number(row?.block_time) - time,
    clock: numberOf(row?.clock),
    slots: slotsOf(state, meter, { now, slotMs }),
  };
  const problems = meterProblems(facts, { now, slotMs });
  return {
    meter,
    role: entry?.role ?? "connection",
    feeder: entry?.feeder ?? "",
    sequence: numberOf(row?.seq),
    powerW: numberOf(row?.power_w),
    receiptHeight: numberOf(row?.height),
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
