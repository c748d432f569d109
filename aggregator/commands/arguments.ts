/** Options and arguments that several commands take, in the shapes that they have to have. */
import { isId } from "@busbar/protocol";
import { InvalidArgumentError } from "commander";
import { decimal } from "./table-file.ts";

/** Which configuration a command goes by. */
export const configOption = [
  "--config <file>",
  "the aggregator's configuration",
  "aggregator.yaml",
] as const;

export function id(text: string): string {
  if (isId(text)) return text;
  throw new InvalidArgumentError("expected 1 to 32 of a-z, 0-9 and inner hyphens");
}

export function ids(text: string, before: readonly string[]): readonly string[] {
  return [...before, id(text)];
}

export function port(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
  throw new InvalidArgumentError("expected a port from 0 to 65535");
}

/** Most members that `init` makes on one machine. */
const initMembersMax = 16;

export function members(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= initMembersMax) return value;
  throw new InvalidArgumentError(`expected 1 to ${initMembersMax} members`);
}

export function height(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError("expected a height from 1 on");
}

export function days(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError("expected a number of days");
}

export function instant(text: string): number {
  const value = Date.parse(text);
  if (!Number.isNaN(value) && value >= 0) return value;
  throw new InvalidArgumentError("expected a time like 2026-06-21T02:20:00Z");
}

/** An amount of the site's currency from 0 on, as 10⁻⁶ of it. */
export function money(text: string): number {
  const value = decimal(6, { least: 0, most: 1_000_000_000_000_000 })(text);
  if (value !== undefined) return value;
  throw new InvalidArgumentError("expected an amount from 0 on, as 120.50");
}
