import assert from "node:assert/strict";
import {
  type Compilable,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import * as changes from "./changes.ts";
import * as reads from "./reads.ts";
import type { Engine, Texts, Value } from "./statements.ts";
import type { Db, ReadTables } from "./tables.ts";

const builders: Readonly<Record<Engine, Db>> = {
  sqlite: new Kysely<ReadTables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  }),
  postgres: new Kysely<ReadTables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  }),
};

/** Stands in a statement for a value of later. */
class Parameter {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** Each name is the parameter of that name. */
const parameters: object = new Proxy(
  {},
  { get: (_target, name) => (typeof name === "string" ? new Parameter(name) : undefined) },
);

type Build = (db: Db, values: never) => Compilable<unknown>;

/** All statements in the words of both engines: what `statements.json` has to hold. */
export function buildStatements(): Readonly<Record<string, Texts>> {
  const all = Object.entries({ ...changes, ...reads } as Readonly<Record<string, Build>>);
  return Object.fromEntries(all.map(([name, build]) => [name, textsOf(name, build)]));
}

function textsOf(name: string, build: Build): Texts {
  const [sqlite, postgres] = (["sqlite", "postgres"] as const).map((engine) =>
    build(builders[engine], parameters as never).compile(),
  );
  assert(sqlite !== undefined && postgres !== undefined);
  const [places, others] = [sqlite, postgres].map(({ parameters: all }) => all.map(placeOf));
  assert.deepEqual(places, others, `${name}: both engines bind the same values in the same order`);
  return { sqlite: sqlite.sql, postgres: postgres.sql, places: places ?? [] };
}

function placeOf(place: unknown): Value {
  if (place instanceof Parameter) return `:${place.name}`;
  assert(typeof place === "number" || (typeof place === "string" && !place.startsWith(":")));
  return place;
}
