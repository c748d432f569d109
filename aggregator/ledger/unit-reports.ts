import { releaseTable, sheetTable } from "@busbar/protocol";
import {
  bytes,
  field,
  instant,
  int,
  optional,
  record,
  releaseResult,
  releaseState,
  sheetState,
  type TypeOf,
  text,
} from "@busbar/protocol/schema";
import { table } from "./state/table.ts";

const most = Number.MAX_SAFE_INTEGER;

/** `commissioning/<device>`: the last sheet of a unit. */
export const sheets = table(sheetTable, sheetState);

const reportEntry = record("device-report-entry", {
  at: field(1, instant),
  program: field(2, text(64)),
  /** The last release that it said something of, and what. */
  release: optional(3, int(1, most)),
  result: optional(4, releaseResult),
  reason: optional(5, text(200)),
  height: field(6, int(1, most)),
  /** SHA-256 of the report's payload. */
  hash: field(7, bytes(32)),
});

/** `device-report/<device>`: which program a unit runs, as it said last. */
export const deviceReports = table("device-report", reportEntry);
export type ReportEntry = TypeOf<typeof reportEntry>;

/** `release/current`: the program that units may install now, if there ever was one. */
export const releases = table(releaseTable, releaseState);
