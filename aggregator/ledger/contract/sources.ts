import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** The market's contract: what decides a block, and with it what becomes of every slot. */
const roots = ["aggregator/ledger/execution.ts", "aggregator/ledger/rules/index.ts"];

/** Who belongs to the consortium, its votes, and how owners are told decide nothing about a slot; and
 * the table of versions cannot hold a hash of itself. */
const apart = /^aggregator\/ledger\/(rules\/members\/|rules\/notices\/|contract\/versions\.ts$)/;

/** What rules take from the protocol comes through these: each name is followed to its own file. */
const entrances: Readonly<Record<string, string>> = {
  "@busbar/protocol": "protocol/index.ts",
  "@busbar/protocol/forecast": "protocol/forecast/index.ts",
  "@busbar/protocol/schema": "protocol/schema/index.ts",
};

/**
 * The sources that decide what comes of a slot, sorted: everything that runs when a block is
 * executed, found by following the imports of `execution.ts` and of the list of rules. So it is the
 * rules of readings, mandates, quotes, cases and devices, the market's stages, the colony, clearing,
 * pairing, settlement and accounts, and of the protocol those files alone whose names they use (units,
 * CBOR, messages, quorum, forecasts). Nothing can be forgotten by whoever adds a file. Left out: `rules/members/`, `rules/notices/`, what
 * runs outside of blocks (store, engine, broker, portal, commands), types, packages, and tests.
 */
export function contractSources(root: string): readonly string[] {
  const seen = new Set<string>();
  const waiting = [...roots];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file) || apart.test(file)) continue;
    seen.add(file);
    waiting.push(...importsOf(root, file));
  }
  return [...seen].sort();
}

/** SHA-256 over the sources, each as `<path> NUL <length in bytes> NUL <content>`; hex. */
export function contractHash(root: string, files = contractSources(root)): string {
  const hash = createHash("sha256");
  for (const file of files) {
    const content = readFileSync(join(root, file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

type Import = { readonly names: readonly string[]; readonly specifier: string };

/** Imports and re-exports that are there at run time, with the names that they take. */
function runtimeImports(root: string, file: string): readonly Import[] {
  const text = readFileSync(join(root, file), "utf8");
  const found = text.matchAll(/^(?:import|export)\s(?!type\b)([^;"]*?)\sfrom\s"([^"]+)"/gm);
  return [...found].map(([, what = "", specifier = ""]) => ({
    specifier,
    names: what
      .replace(/[{}]/g, "")
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "" && !name.startsWith("type "))
      .map((name) => name.replace(/ as .*$/, "")),
  }));
}

function importsOf(root: string, file: string): readonly string[] {
  return runtimeImports(root, file).flatMap(({ names, specifier }) => {
    if (specifier.startsWith(".")) {
      return names.length === 0 ? [] : [normalize(join(dirname(file), specifier))];
    }
    const entrance = entrances[specifier];
    return entrance === undefined ? [] : throughEntrance(root, entrance, names);
  });
}

/** The files that an entrance takes these names from. Throws: `Error` for a name that it lacks. */
function throughEntrance(root: string, entrance: string, names: readonly string[]) {
  const offers = runtimeImports(root, entrance);
  return names.map((name) => {
    const offer = offers.find((one) => one.names.includes(name));
    if (offer === undefined) throw new Error(`${entrance} is expected to export ${name} by name`);
    return normalize(join(dirname(entrance), offer.specifier));
  });
}
