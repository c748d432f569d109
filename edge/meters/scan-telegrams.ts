import type { BusPool } from "../framing/bus-pool.ts";
import { busName, type Connection, type SerialSettings, settingsText } from "../framing/line.ts";
import { ProbeLine } from "../framing/probe-line.ts";
import type { MeterIdentity } from "./reading.ts";
import { pushedFinder } from "./scan-listeners.ts";
import { type Answered, askDlt645, askMbus, signOn } from "./scan-questions.ts";
import type { ScanEffort } from "./scan-speeds.ts";

/** A meter that speaks another protocol than Modbus. */
export type TelegramResult = {
  /** With the settings that it spoke at; its protocol's own are left out. */
  readonly connection: Connection;
  /** Which settings those were, in words; undefined by TCP. */
  readonly settings: string | undefined;
  /** The profiles that it can be, one where that is certain. */
  readonly identities: readonly MeterIdentity[];
  /** For edge.yaml, where the protocol has addresses. */
  readonly address?: string;
};

/** One thing that is tried on a line. */
export type TelegramStep = {
  /** In words: "listens at 9600 8N1". */
  readonly what: string;
  readonly longestMs: number;
  /** Throws: `Failure` of the port. */
  run(signal?: AbortSignal): Promise<readonly TelegramResult[]>;
};

/** P1 ports of older meters send every 10 s, SML meters every 1 to 4 s. */
const listenMs = 11_000;
const listenQuickMs = 4500;
/** 7E1 is listened to and asked at 8N1: the parity bit is then seen, and made here. */
const eightNone = { parity: "none", stopBits: 1 } as const;
const eightEven = { parity: "even", stopBits: 1 } as const;

type Kind = "listen" | "ask" | "sign-on";
type Trial = { readonly kind: Kind; readonly serial: SerialSettings; readonly listenMs?: number };

const quick: readonly Trial[] = [
  { kind: "listen", serial: { baud: 9600, ...eightNone }, listenMs: listenQuickMs },
  { kind: "listen", serial: { baud: 115_200, ...eightNone }, listenMs: 2000 },
  { kind: "ask", serial: { baud: 2400, ...eightEven } },
  { kind: "sign-on", serial: { baud: 300, ...eightNone } },
];
const usual: readonly Trial[] = [
  { kind: "listen", serial: { baud: 9600, ...eightNone } },
  { kind: "listen", serial: { baud: 115_200, ...eightNone } },
  { kind: "ask", serial: { baud: 2400, ...eightEven } },
  { kind: "sign-on", serial: { baud: 300, ...eightNone } },
  { kind: "listen", serial: { baud: 2400, ...eightNone }, listenMs: listenQuickMs },
  { kind: "ask", serial: { baud: 9600, ...eightEven } },
];
const thorough: readonly Trial[] = [
  ...usual,
  ...[1200, 4800, 300].map((baud) => ({ kind: "ask", serial: { baud, ...eightEven } }) as const),
  ...[9600, 2400].map((baud) => ({ kind: "sign-on", serial: { baud, ...eightNone } }) as const),
  { kind: "listen", serial: { baud: 300, ...eightNone } },
];
const trials = { quick, usual, thorough } as const;

/** The settings that a profile has by itself, as far as edge.yaml need not say them. */
const ownSettings: Readonly<Record<string, string>> = {
  sml: "9600 8N1",
  dsmr: "115200 8N1",
  dsmr22: "9600 8N1",
  "dlt645-2007": "2400 8E1",
  mbus: "2400 8E1",
  "iec62056-21": "300 8N1",
  "iec62056-21-push": "2400 8N1",
};

/**
 * What can be tried on a line for meters that do not speak Modbus, likeliest first: it is listened
 * to, then asked by DL/T 645, M-Bus and IEC 62056-21. Each step opens the line and closes it. A
 * gateway has one speed; a port whose `connection` names one is tried at that alone. None for `tcp`.
 */
export function telegramSteps(
  connection: Connection,
  { bus, effort = "usual" }: { readonly bus: BusPool; readonly effort?: ScanEffort | undefined },
): readonly TelegramStep[] {
  if (connection.kind === "tcp") return [];
  const all = trials[effort];
  const named = connection.kind === "rtu" ? connection.baud : undefined;
  const parity = connection.kind === "rtu" ? connection.parity : undefined;
  const asked = parity === undefined ? eightEven : { parity, stopBits: 1 as const };
  const serial = { baud: named ?? 2400, ...eightNone };
  const chosen: readonly Trial[] =
    connection.kind === "rtu-over-tcp"
      ? [
          { kind: "listen", serial },
          { kind: "ask", serial },
          { kind: "sign-on", serial },
        ]
      : named === undefined
        ? all
        : (["listen", "ask", "sign-on"] as const).map((kind) => ({
            kind,
            serial: { baud: named, ...(kind === "ask" ? asked : eightNone) },
          }));
  return chosen.map((trial) => stepOf(connection, trial, { bus, effort }));
}

type Means = { readonly bus: BusPool; readonly effort: ScanEffort };

function stepOf(connection: Connection, trial: Trial, means: Means): TelegramStep {
  const { kind, serial } = trial;
  const { baud } = serial;
  const at = connection.kind === "rtu" ? ` at ${settingsText(serial)}` : "";
  const used = connection.kind === "rtu" ? settingsText(serial) : undefined;
  const { bus, effort } = means;
  const open = <T>(signal: AbortSignal | undefined, use: (probe: ProbeLine) => Promise<T>) => {
    const line = bus.ownLine(bare(connection), serial);
    return ProbeLine.use({ name: busName(connection), line, timers: bus.timers, signal }, use);
  };
  const told = (identities: readonly MeterIdentity[], address?: string): TelegramResult => ({
    connection: settled(connection, serial, identities[0]?.profile),
    settings: used,
    identities,
    ...(address === undefined ? {} : { address }),
  });
  const answered = (all: readonly Answered[]) =>
    all.map(({ identity, address }) => told([identity], address));
  switch (kind) {
    case "listen": {
      const totalMs = trial.listenMs ?? listenMs;
      return {
        what: `listens${at}`,
        longestMs: totalMs,
        run: (signal) =>
          open(signal, async (probe) => {
            const found = await probe.hear(pushedFinder(), { quietMs: totalMs, totalMs });
            return found === undefined ? [] : [told(found)];
          }),
      };
    }
    case "ask": {
      const addresses = Array.from({ length: effort === "thorough" ? 251 : 11 }, (_, i) => i);
      return {
        what: `asks by DL/T 645 and M-Bus${at}`,
        longestMs: 1600 + 2 * (400 + 330_000 / baud),
        run: (signal) =>
          open(signal, async (probe) => {
            const found = await askDlt645(probe);
            return answered(found.length > 0 ? found : await askMbus(probe, { baud, addresses }));
          }),
      };
    }
    case "sign-on":
      return {
        what: `asks by IEC 62056-21${at}`,
        longestMs: 5000,
        run: (signal) => open(signal, async (probe) => answered(await signOn(probe, baud))),
      };
    default:
      return kind satisfies never;
  }
}

/** Without settings, so that those of a trial hold. */
const bare = (connection: Connection): Connection =>
  connection.kind === "rtu" ? { kind: "rtu", path: connection.path } : connection;

/** The connection as edge.yaml needs it. */
function settled(connection: Connection, serial: SerialSettings, profile = ""): Connection {
  if (connection.kind !== "rtu") return connection;
  const { kind, path } = connection;
  if (ownSettings[profile] === settingsText(serial)) return { kind, path };
  const { baud, parity } = serial;
  // The drivers of IEC 62056-21 and P1 make and check parity themselves.
  return /^(dlt645|mbus)/.test(profile) ? { kind, path, baud, parity } : { kind, path, baud };
}
