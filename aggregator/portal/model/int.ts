import { Failure } from "@busbar/protocol";
import type { Int } from "./tables.ts";

/**
 * An integer of the read model as the portal says it, 0 where there is none: JSON's readers know none beyond 2⁵³
 * exactly, and a rounded sum of money would be a wrong one. The row itself keeps it exact.
 * Throws: `Failure` `read-model.beyond`.
 */
export function exact(value: Int | null | undefined): number {
  if (typeof value === "number") return value;
  if (value === null || value === undefined) return 0;
  const near = Number(value);
  if (Number.isSafeInteger(near)) return near;
  throw new Failure(
    "read-model.beyond",
    `${value} is beyond what a JSON number holds exactly (2^53); read it from the table by SQL`,
    { retry: "never" },
  );
}

/** The same for what may not be known. */
export function exactOrNull(value: Int | null | undefined): number | null {
  return value === null || value === undefined ? null : exact(value);
}

/** A sum of such integers. Throws: `Failure` `read-model.beyond`. */
export function exactSum(parts: readonly number[]): number {
  return exact(parts.reduce<Int>(plus, 0));
}

/** Exactly. */
export function plus(a: Int, b: Int): Int {
  if (typeof a === "number" && typeof b === "number" && Number.isSafeInteger(a + b)) return a + b;
  return intOf(BigInt(a) + BigInt(b));
}

/** An integer from its digits, or as SQLite tells it: a number where that is exact. */
export function intOf(value: string | bigint): Int {
  const near = Number(value);
  return Number.isSafeInteger(near) ? near : BigInt(value);
}
