import { idPattern } from "@busbar/protocol";
import type { z } from "zod";
import { configSchema } from "../config/schema.ts";
import type { MeterConnection } from "../framing/line.ts";
import { wrong } from "./interview.ts";

type Input = z.input<typeof configSchema>;

type MeterInput = Input["meters"][number];
export type MeterDraft = Omit<MeterInput, "connection"> & {
  readonly connection: MeterInput["connection"] | MeterConnection;
};
/** What edge.yaml shall hold, as it is written there: without the defaults. */
export type Draft = {
  readonly [Key in Exclude<keyof Input, "meters">]?: Input[Key] | undefined;
} & {
  readonly meters?: readonly MeterDraft[] | undefined;
};
export type BrokerDraft = NonNullable<Input["brokers"]>[number];

/** A record without the keys that hold nothing. */
export function present<T extends object>(
  record: T,
): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  const entries = Object.entries(record).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof T]: Exclude<T[Key], undefined> };
}

/** The nearest valid id to a name: "Anna's Pi.local" → "anna-s-pi-local". */
export function asId(name: string, otherwise: string): string {
  const id = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 32)
    .replace(/-+$/, "");
  return idPattern.test(id) ? id : otherwise;
}

/** An id as typed. Throws: `Failure` `setup.answer`. */
export function parseId(text: string): string {
  if (idPattern.test(text)) return text;
  const near = asId(text, "");
  const hint = near === "" ? "" : `, like ${near}`;
  throw wrong(`expected an id: a-z, 0-9 and inner hyphens, at most 32${hint}`);
}

/** What is wrong with the meters of a draft, as sentences. */
export function meterProblems(meters: readonly MeterDraft[]): string[] {
  const whole = { site: "site", device: { id: "device" }, owner: { id: "owner" }, meters };
  const { error } = configSchema.safeParse(whole);
  return (error?.issues ?? []).map(({ path, message }) => {
    const [, , ...field] = path;
    return field.length === 0 ? message : `${field.join(".")}: ${message}`;
  });
}
