import { utcMs } from "@busbar/protocol";
import { remedies } from "../../link/problem.ts";
import { readBounds } from "../read-times.ts";
import type { Status } from "../status.ts";

type Meter = Status["meters"][number];

/** Site and wall time of the example. */
export const now = utcMs(Date.parse("2026-06-21T12:00:00Z"));

/** A meter that answers, at noon of a sunny day. */
export function meterOf(more: Partial<Meter> = {}): Meter {
  const value = (obis: string, quantity: string, unit: string, number: number) => ({
    obis,
    quantity,
    unit,
    value: number,
  });
  return {
    id: "anna-grid",
    role: "connection",
    profile: "eastron-sdm630",
    serial: "21 40 0815",
    time: utcMs(now - 4_000),
    powerW: -1_250.4,
    historyW: Array.from({ length: 120 }, (_, i) =>
      i > 50 && i < 58 ? undefined : Math.round(400 - 2200 * Math.sin(i / 40) + 150 * Math.sin(i)),
    ),
    readTime: {
      count: 61,
      sumSeconds: 20.5,
      lastSeconds: 0.34,
      classes: [0, 0, 1, 60, ...readBounds.slice(4).map(() => 0), 0],
    },
    values: [
      value("1-0:1.8.0", "energy.import.total", "Wh", 12_345_678),
      value("1-0:2.8.0", "energy.export.total", "Wh", 40_000),
      value("1-0:16.7.0", "power.total", "W", -1_250.4),
      value("1-0:32.7.0", "voltage.l1", "V", 230.5),
      value("1-0:31.7.0", "current.l1", "A", 5.43),
      value("1-0:14.7.0", "frequency", "Hz", 49.98),
    ],
    unknown: [],
    readings: 60,
    failures: 1,
    failuresInRow: 0,
    error: undefined,
    readAt: now - 4_000,
    quality: 0,
    ...more,
  };
}

/** A unit where all is well. */
export function statusOfTest(more: Partial<Status> = {}): Status {
  const journal = (meter: string, waiting: number) => ({
    meter,
    taken: 120,
    readings: 120,
    firstSeq: 1,
    lastSeq: 120,
    from: now - 3_600_000,
    to: now,
    unsigned: 2,
    waiting,
    committed: 118 - waiting,
    refused: 0,
    waitingSince: waiting > 0 ? now - 90_000 : undefined,
    code: undefined,
  });
  return {
    version: "0.1.0",
    site: "demo",
    device: "unit-1",
    owner: "anna",
    time: now,
    clockSpeed: 1,
    clock: { known: true, source: "NTP", by: "chrony", held: 0 },
    startedAt: now - 3 * 3_600_000,
    memoryBytes: 84_000_000,
    cpuSeconds: 12.5,
    disk: {
      freeBytes: 24 * 2 ** 30,
      totalBytes: 29 * 2 ** 30,
      writtenBytes: 5_000_000,
      state: "ok",
      since: 0,
      reason: undefined,
      damaged: false,
      lost: 0,
    },
    meters: [meterOf()],
    journal: { bytes: 400_000, waitingBatches: 1, meters: [journal("anna-grid", 12)] },
    link: {
      connected: true,
      broker: "mqtts://aggregator.example:8883",
      reason: undefined,
      problem: undefined,
      hostReady: true,
      inFlight: 1,
      lastReceiptAt: now - 40_000,
      receiptTimes: { count: 10, sumMs: 2_310, recent: [230, 231] },
      blocked: [],
    },
    quotes: [],
    bus: { "/dev/ttyUSB0": { requests: 183, replies: 182, timeouts: 1 } },
    counts: { "link.connected": 1, "meter.timeout": 1, "receipt.verified": 10 },
    ...more,
  };
}

/** The same with much that is not well, and with garbage wherever text comes from outside. */
export function sickStatus(text: string): Status {
  const well = statusOfTest();
  const error = `${text} did not answer; check A and B`;
  return {
    ...well,
    clock: { known: false, source: "unsynchronised", by: text, held: 7 },
    disk: {
      freeBytes: 100 * 2 ** 20,
      totalBytes: 29 * 2 ** 30,
      writtenBytes: 5_000_000,
      state: "ok",
      since: 0,
      reason: undefined,
      damaged: false,
      lost: 0,
    },
    meters: [
      meterOf(),
      meterOf({ id: "anna-pv", role: "generation", serial: text, error, failuresInRow: 7 }),
      meterOf({
        id: "heat",
        profile: text,
        readings: 0,
        readAt: undefined,
        powerW: undefined,
        values: [],
        historyW: [],
        serial: undefined,
        quality: undefined,
      }),
    ],
    link: {
      ...(well.link as NonNullable<Status["link"]>),
      connected: false,
      hostReady: false,
      problem: {
        code: "link.refused",
        message: `nothing listens at ${text}`,
        remedy: remedies["link.refused"],
      },
      blocked: [{ lane: "anna-pv", code: "readings.chain", message: text }],
    },
    counts: { ...well.counts, "link.refused": 12, [text]: 3 },
  };
}
