import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { CborValue } from "@busbar/protocol";

/** What a message may say at its very edges, for tests: read from the wire's own description. */

const cddl = readFileSync(join(import.meta.dirname, "../../../protocol/busbar.cddl"), "utf8");

/** Name → key → the type that stands in the rule's line, and whether the key may be left out. */
const rules = new Map<string, Map<number, { readonly type: string; readonly mayLack: boolean }>>();
let open = new Map<number, { readonly type: string; readonly mayLack: boolean }>();
for (const line of cddl.split("\n")) {
  const [, name] = /^([a-z-]+) = \{$/.exec(line) ?? [];
  if (name !== undefined) {
    open = new Map();
    rules.set(name, open);
  }
  const [, maybe, key, type] = /^ {2}(\? )?(\d+) => (.*), ; \w+$/.exec(line) ?? [];
  if (type !== undefined) open.set(Number(key), { type, mayLack: maybe !== undefined });
}

/** A record's value again and again, each time with one number or word at an edge of its range. */
export function* extremesOf(value: CborValue | undefined, type: string): Generator<CborValue> {
  const bare = type.replace(/^\((.*)\)$/, "$1");
  const range = /^(-?\d+)\.\.(-?\d+)$/.exec(bare);
  if (range !== null) {
    yield* edges(Number(range[1]), Number(range[2])).filter((edge) => edge !== value);
  } else if (/^"[^"]*"( \/ |$)/.test(bare)) {
    for (const word of bare.split(" / ")) if (JSON.parse(word) !== value) yield JSON.parse(word);
  } else if (bare === "bool") {
    yield value !== true;
  } else if (rules.has(bare)) {
    yield* extremesOfRecord(value, bare);
  } else if (Array.isArray(value)) {
    yield* extremesOfList(value, bare);
  } else if (value instanceof Map) {
    const item = /=> (\[.*\]) \}$/.exec(bare)?.[1] ?? "";
    for (const [key, one] of value as ReadonlyMap<number, CborValue>) {
      for (const other of extremesOf(one, item)) yield new Map([...value, [key, other]]);
    }
  }
}

function* extremesOfRecord(value: CborValue | undefined, name: string): Generator<CborValue> {
  const map = value instanceof Map ? (value as ReadonlyMap<number, CborValue>) : undefined;
  if (map === undefined) return;
  for (const [key, { type, mayLack }] of rules.get(name) ?? []) {
    const one = map.get(key);
    for (const other of extremesOf(one, type)) yield new Map([...map, [key, other]]);
    if (!mayLack || one === undefined) continue;
    yield new Map([...map].filter(([other]) => other !== key));
  }
}

function* extremesOfList(value: readonly CborValue[], type: string): Generator<CborValue> {
  const [, least, most, item = ""] = /^\[ (\d+)\*(\d+) (.*) \]$/.exec(type) ?? [];
  const types = type.slice(2, -2).split(", ");
  for (const [i, one] of value.entries()) {
    const its = least === undefined ? (types[i] ?? "").replace("? ", "") : item;
    for (const other of extremesOf(one, its)) yield value.with(i, other);
  }
  const [first] = value;
  if (least === undefined || first === undefined) return;
  // As a frame may be no longer than a broker takes, long lists are tried as far as they go.
  yield Array.from({ length: Math.min(Number(most), 32) }, () => first);
  if (Number(least) === 0) yield [];
}

function edges(least: number, most: number): number[] {
  const all = [least, least + 1, -1, 0, 1, most - 1, most];
  return [...new Set(all)].filter((edge) => edge >= least && edge <= most);
}
