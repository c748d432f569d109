import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { Failure } from "@busbar/protocol";
import fc from "fast-check";
import type { CommittedBlock } from "../../ledger/block.ts";
import { openDatabase } from "../../ledger/database.ts";
import { openProjections, type Projection } from "../../ledger/projection.ts";
import { parsePostgresUrl } from "../postgres/address.ts";
import { failureOf } from "../postgres/failures.ts";
import { slotRow } from "../queries.ts";
import { blockChanges } from "../read-model.ts";
import { type Asking, all } from "./asking.ts";
import { buildStatements } from "./builders.ts";
import { exact, exactSum, intOf, plus } from "./int.ts";
import { schemaOf } from "./schema.ts";
import { sqliteReader } from "./sqlite.ts";
import texts from "./statements.json" with { type: "json" };

test("statements.json holds what changes.ts and reads.ts say; npm run statements writes it", () => {
  assert.deepEqual(texts, JSON.parse(JSON.stringify(buildStatements())));
});

test("integers are numbers as long as that is exact, and never rounded", () => {
  const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  fc.assert(
    fc.property(int64, int64, (a, b) => {
      assert.equal(BigInt(intOf(String(a))), a);
      assert.equal(BigInt(plus(intOf(a), intOf(b))), a + b);
    }),
  );
  assert.throws(() => exact(2n ** 53n), { code: "read-model.beyond" });
  assert.equal(exactSum([Number.MAX_SAFE_INTEGER, 1, -1]), Number.MAX_SAFE_INTEGER);
  assert.throws(() => exactSum([Number.MAX_SAFE_INTEGER, 1]), { code: "read-model.beyond" });
});

function signed(height: number, quantityWh: number): CommittedBlock {
  const header = { height, time: 1, proposer: "m", appHash: new Uint8Array(32) };
  const about = { contract: `c-${height}`, slot: 0, seller: "a", buyer: "b", price: 1 };
  const terms = { quantityWh, origin: "book", scale: "intraday" };
  const events = [{ type: "contract-signed", ...about, ...terms }];
  return { header, hash: new Uint8Array(32), frames: [], results: [], events } as never;
}

test("sums beyond 2^53 stay exact in SQLite, and the portal says no rounded number", () => {
  const db = new DatabaseSync(":memory:");
  db.exec(schemaOf("sqlite"));
  const reader = sqliteReader(db);
  for (const [i, wh] of [Number.MAX_SAFE_INTEGER, 1, 1, 1].entries()) {
    const block = signed(i + 1, wh);
    void reader.read(blockChanges(block, block.events));
  }
  const sums = function* (): Asking<unknown> {
    const [slot] = yield* all("slot", { slot: 0 });
    const [party] = yield* all("partyTotals", { owner: "a", from: 0, to: 0 });
    const [total] = yield* all("totals", {});
    return [slot?.traded_wh, party?.sold_wh, total?.traded_wh];
  };
  assert.deepEqual(reader.read(sums()), Array(3).fill(2n ** 53n + 2n));
  assert.throws(() => reader.read(slotRow(0)), { code: "read-model.beyond" });
});

test("a projection whose schema goes on from what it was keeps its rows", () => {
  const db = openDatabase(":memory:");
  const first = "CREATE TABLE some_row (n INTEGER) STRICT;";
  const applied: number[] = [];
  const open = (schema: string, height: number) => {
    const one: Projection = {
      name: "some",
      schema,
      apply: (_db, { header }) => applied.push(header.height),
    };
    openProjections(db, [one], { height, block: (of) => signed(of, 1) });
  };
  open(first, 2);
  db.exec("INSERT INTO some_row VALUES (7)");
  open(`${first} ALTER TABLE some_row ADD COLUMN m INTEGER NOT NULL DEFAULT 3;`, 3);
  const rows = () =>
    db
      .prepare("SELECT * FROM some_row")
      .all()
      .map((row) => ({ ...row }));
  assert.deepEqual([rows(), applied], [[{ n: 7, m: 3 }], [1, 2, 3]]);
  open("CREATE TABLE some_row (other INTEGER) STRICT;", 3);
  assert.deepEqual([rows(), applied], [[], [1, 2, 3, 1, 2, 3]]);
  db.close();
});

test("an address says server, database and user; what is wrong with one is said, and a password is refused", () => {
  const near = { host: "/var/run/postgresql", port: 5432, user: undefined, tls: "none" };
  const read = (text: string) => {
    const parsed = parsePostgresUrl(text);
    return parsed.ok ? parsed.address : parsed.why;
  };
  assert.deepEqual(read("postgresql:///busbar"), { ...near, database: "busbar" });
  assert.deepEqual(read("postgres://m@10.0.0.7:6543/site%20a"), {
    ...{ host: "10.0.0.7", port: 6543, user: "m", database: "site a", tls: "verified" },
  });
  assert.deepEqual(read("postgresql://[::1]/b"), { ...near, host: "::1", database: "b" });
  assert.deepEqual(read("postgresql:///b?host=/tmp/a%20b&port=7&user=u"), {
    ...{ host: "/tmp/a b", port: 7, user: "u", database: "b", tls: "none" },
  });
  const tlsOf = (text: string) => (read(text) as { tls: string }).tls;
  assert.equal(tlsOf("postgresql://db.example/b"), "verified");
  assert.equal(tlsOf("postgresql://db.example/b?sslmode=disable"), "none");
  assert.equal(tlsOf("postgresql://127.0.0.1/b?sslmode=verify-full"), "verified");
  for (const [text, why] of [
    ["postgre://db/b", /^expected postgresql:/],
    ["http://db/b", /^expected postgresql:/],
    ["postgresql://u:secret@db/b", /no password here/],
    ["postgresql://u@db/b?password=x", /no password here/],
    ["postgresql://db", /database's name/],
    ["postgresql://db/", /database's name/],
    ["postgresql://db/a/b", /database's name/],
    ["postgresql://db/%", /database's name/],
    ["postgresql://db/b?sslmode=prefer", /sslmode=verify-full or/],
    ["postgresql:///b?sslmode=verify-full", /no sslmode for a socket/],
    ["postgresql://db/b?options=-c", /not options/],
    ["postgresql://db/b?port=0", /port from 1/],
    ["postgresql://db:99999/b", /^expected/],
  ] as const) {
    assert.match(String(read(text)), why, text);
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const one of [text, `postgresql://${text}`, `postgresql://db/b?${text}`]) {
        const parsed = parsePostgresUrl(one);
        assert.ok(parsed.ok ? parsed.address.database !== "" : parsed.why.startsWith("expected"));
      }
    }),
  );
});

test("what goes wrong at a server has one code each, and says whether to try again", () => {
  const told = (code: string, message = "words of the server") => {
    const found = failureOf(Object.assign(new Error(message), { code }), "database b");
    assert.ok(found instanceof Failure, message);
    assert.ok(found.message.startsWith("database b: ") && found.message.includes(message));
    return [found.code, found.retry];
  };
  assert.deepEqual(told("53100"), ["read-model.full", "later"]);
  assert.deepEqual(told("25006"), ["read-model.read-only", "later"]);
  assert.deepEqual(told("28P01"), ["read-model.sign-in", "never"]);
  assert.deepEqual(told("3D000"), ["read-model.no-database", "never"]);
  assert.deepEqual(told("42501"), ["read-model.rights", "never"]);
  assert.deepEqual(told("57014"), ["read-model.slow", "later"]);
  for (const code of ["57P01", "57P03", "53300", "08006", "58030", "ECONNREFUSED", "ENOENT"]) {
    assert.deepEqual(told(code), ["read-model.unreachable", "later"], code);
  }
  for (const message of ["Connection terminated unexpectedly", "Query read timeout"]) {
    assert.deepEqual(told("", message), ["read-model.unreachable", "later"], message);
  }
  assert.deepEqual(told("", "The server does not support SSL connections"), [
    ...["read-model.tls", "never"],
  ]);
  assert.deepEqual(told("23505"), ["read-model.failed", "later"]);
  const ours = new TypeError("x is not a function");
  assert.equal(failureOf(ours, "database b"), ours);
});
