import { plan, requestCost } from "../planner/plan.ts";
import type { ModbusProfile, Profile } from "./profile.ts";
import { usualSerial, valuesOf } from "./profile-values.ts";
import { wordsOf } from "./register-type.ts";

const billing = ["1-0:1.8.0", "1-0:2.8.0"];

/** What is allowed in a profile and worth a second look, as sentences. */
export function profileHints(profile: Profile): string[] {
  const hints: string[] = [];
  const codes = new Set(valuesOf(profile).map(({ obis }) => obis));
  // A part beside a meter, such as its battery, need not be billed by.
  if (profile.beside === undefined && !billing.some((code) => codes.has(code))) {
    hints.push(
      `nothing to bill by: no value has the OBIS code ${billing[0]} (import) or ${billing[1]} (export)`,
    );
  }
  if (profile.protocol === "sunspec") return hints;
  hints.push(...overlaps(profile));
  if (profile.identify.length > 0) return hints;
  const volts = profile.registers.some(({ quantity }) => /^voltage\.l[123]$/.test(quantity));
  hints.push(
    volts
      ? "no identify: a scan recognises it by its values, and may call it ambiguous"
      : "neither identify nor a voltage.l1: a scan cannot recognise it",
  );
  return hints;
}

/** Requests for all rows, at the meter's own speed and a turnaround of 20 ms. */
export function requestsOf(profile: ModbusProfile): number {
  const factors = Object.values(profile.factors);
  const rows = [...profile.registers, ...factors].map(({ address, type }) => ({
    address,
    words: wordsOf(type),
  }));
  const { baud } = profile.serial ?? usualSerial;
  const cost = requestCost({
    turnaroundMs: 20,
    baud: profile.serial === undefined ? undefined : baud,
  });
  return plan(rows, { limits: profile.read, cost }).length;
}

/** A register may be shown in two ways; parts of two values in one register are a wrong address. */
function overlaps({ registers }: ModbusProfile): string[] {
  const sorted = registers.toSorted((a, b) => a.address - b.address);
  return sorted.flatMap((row, i) => {
    const next = sorted[i + 1];
    if (next === undefined || next.address === row.address) return [];
    if (row.address + wordsOf(row.type) <= next.address) return [];
    return [
      `${row.quantity} (${row.type} at ${row.address}) reaches into ${next.quantity} at ${next.address}`,
    ];
  });
}
