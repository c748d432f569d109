import assert from "node:assert/strict";
import type { Compilable } from "kysely";
import type * as changes from "./changes.ts";
import type * as reads from "./reads.ts";
import texts from "./statements.json" with { type: "json" };
import type { Int } from "./tables.ts";

export type Engine = "sqlite" | "postgres";

export type Value = Int | string | null;
export type Values = Readonly<Record<string, Value>>;

type Builders = typeof changes & typeof reads;

/** The name of a statement, as `changes.ts` and `reads.ts` export it. */
export type Name = keyof Builders;

/** What it is to be given, and its rows. */
export type ValuesOf<N extends Name> =
  Parameters<Builders[N]> extends [unknown, infer V] ? V : Readonly<Record<string, never>>;
export type RowOf<N extends Name> = ReturnType<Builders[N]> extends Compilable<infer R> ? R : never;

/** A statement in both engines' words; what is bound to its places: `:name` is the value of that name. */
export type Texts = Readonly<Record<Engine, string>> & { readonly places: readonly Value[] };

/** A statement's text for an engine. */
export function textOf(name: Name, engine: Engine): string {
  return texts[name][engine];
}

const places = new Map<Name, readonly Place[]>();

type Place = { readonly name: string } | { readonly value: Value };

/** What is bound to a statement's places, in their order. */
export function bound(name: Name, values: Values): Value[] {
  const all = places.get(name) ?? placesOf(name);
  const found: Value[] = [];
  for (const place of all) {
    if ("value" in place) {
      found.push(place.value);
      continue;
    }
    const value = values[place.name];
    assert(value !== undefined, `${name} lacks its value ${place.name}`);
    found.push(value);
  }
  return found;
}

function placesOf(name: Name): readonly Place[] {
  const made = texts[name].places.map(
    (place: Value): Place =>
      typeof place === "string" && place.startsWith(":")
        ? { name: place.slice(1) }
        : { value: place },
  );
  places.set(name, made);
  return made;
}
