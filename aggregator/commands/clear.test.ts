import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Failure, microPerKwh } from "@busbar/protocol";
import fc from "fast-check";
import { type ClearOptions, clearCommand } from "./clear.ts";
import type { ClearResult } from "./clear-text.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-clear-"));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

function file(content: string, ending = "csv"): string {
  const path = join(folder, `${files}.${ending}`);
  files += 1;
  writeFileSync(path, content);
  return path;
}

function run(book: string, options: Partial<ClearOptions> = {}): ClearResult {
  const results: object[] = [];
  clearCommand({ book, matching: "welfare", json: true, ...options }, (value) =>
    results.push(value),
  );
  return results[0] as ClearResult;
}

/** The failure's code and message, without the file's name. */
function failure(book: string, options: Partial<ClearOptions> = {}): [string, string] {
  try {
    run(book, options);
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    return [error.code, error.message.replaceAll(book, "FILE")];
  }
  return assert.fail("expected a failure");
}

const rows = `# A comment
id,side,price,quantity,party,form
sun, ask, 0.12, 3.5, anna, solar
wind,ask,0.31,2,"bert, son & co",wind

home,bid,0.45,4,carl,any
shop,bid,0.3,2.25,dora,solar
`;
const reference = microPerKwh(350_000);

test("a CSV book is cleared: quantity, price, interval, welfare, fills, orders, certificate", () => {
  const result = run(file(rows), { reference });
  const { certificate, orders, fills, ...rest } = result;
  assert.deepEqual(rest, {
    ok: true,
    matching: "welfare",
    quantity: 4,
    price: 0.31,
    interval: [0.31, 0.31],
    reference: 0.35,
    welfare: 4 * 0.45 - 3.5 * 0.12 - 0.5 * 0.31,
  });
  assert.deepEqual(
    fills.map(({ id, accepted }) => [id, accepted]),
    [
      ["sun", 3.5],
      ["wind", 0.5],
      ["home", 4],
      ["shop", 0],
    ],
  );
  const price = { sellerGets: 0.31, buyerPays: 0.31 };
  assert.deepEqual(orders, [
    { ask: "wind", bid: "home", quantity: 0.5, ...price },
    { ask: "sun", bid: "home", quantity: 3.5, ...price },
  ]);
  assert.equal(certificate?.verified, true);
  assert.deepEqual(certificate?.rationed, {
    ...{ side: "ask", limit: 310_000, offered: 2000, cleared: 500 },
  });
});

test("a JSON book says the same, alone or under quotes, with numbers or text", () => {
  const quotes = [
    { id: "sun", side: "ask", price: 0.12, quantity: 3.5, party: "anna", form: "solar" },
    { id: "wind", side: "ask", price: "0.31", quantity: 2, party: "bert", form: "wind" },
    { id: "home", side: "bid", price: 0.45, quantity: 4, party: "carl" },
    { id: "shop", side: "bid", price: 0.3, quantity: "2.25", party: "dora", form: null },
  ];
  const csv = run(file(rows), { reference });
  for (const content of [quotes, { quotes }]) {
    assert.deepEqual(run(file(JSON.stringify(content), "json"), { reference }), csv);
  }
});

test("sides are said by either word, whatever their case", () => {
  const other = rows
    .replaceAll(",ask,", ",sell,")
    .replace(" ask,", " SELL,")
    .replaceAll("bid", "Buy");
  assert.deepEqual(run(file(other), { reference }), run(file(rows), { reference }));
});

test("prices below 0 are prices; who trades alone is netted; an empty book clears", () => {
  const book = "id,side,price,quantity,party\na,ask,-0.05,1,x\nb,bid,-0.02,1,y\nc,bid,0.1,0.5,x\n";
  const { price, quantity, fills } = run(file(book));
  assert.deepEqual([price, quantity], [-0.02, 0.5]);
  assert.deepEqual(fills, [
    { id: "a", accepted: 0.5, netted: 0.5 },
    { id: "b", accepted: 0.5, netted: 0 },
    { id: "c", accepted: 0, netted: 0.5 },
  ]);
  const empty = run(file("id,side,price,quantity\n"));
  assert.deepEqual([empty.quantity, empty.price, empty.interval], [0, null, [null, null]]);
});

const placed = `id,side,price,quantity,feeder
a,ask,0.2,5,north
b,bid,0.4,5,
`;
const grid = file("feeder,parent,fee,capacity\nwest,,0.01,2\nnorth,west,0.03,\n");

test("over a grid the fees of the path count, and each feeder has its price", () => {
  const result = run(file(placed), { grid, reference: microPerKwh(250_000) });
  assert.deepEqual([result.quantity, result.price, result.fees], [2, null, 0.08]);
  assert.deepEqual(result.feeders, [
    { feeder: null, price: 0.4, exports: 0 },
    { feeder: "west", price: null, exports: 2 },
    { feeder: "north", price: 0.2, exports: 2 },
  ]);
  assert.deepEqual(result.orders, [
    { ask: "a", bid: "b", quantity: 2, sellerGets: 0.2, buyerPays: 0.4 },
  ]);
});

test("the paper's matching trades at the target, and says what is beyond a limit", () => {
  const result = run(file(rows), { matching: "paper", reference });
  assert.deepEqual(
    [result.price, result.quantity, result.beyondLimits, result.certificate],
    [0.35, 5.5, 2.25, null],
  );
  assert.equal(failure(file(rows), { matching: "paper" })[0], "clear.usage");
});

const head = "id,side,price,quantity";
const bad: readonly (readonly [string, string, string, RegExp])[] = [
  [
    "a word for a price",
    `${head}\na,ask,cheap,1\n`,
    "table.form",
    /row 2, column price: expected a price .* 6 decimals.*, got "cheap"/,
  ],
  [
    "seven decimals",
    `${head}\na,ask,0.1234567,1\n`,
    "table.form",
    /row 2, column price: .* got "0.1234567"/,
  ],
  [
    "a price of 1000",
    `${head}\n\na,ask,1000.1,1\n`,
    "table.form",
    /row 3, column price: .*below 1000/,
  ],
  [
    "no energy",
    `${head}\na,ask,1,0\n`,
    "table.form",
    /row 2, column quantity: expected kWh above 0 .*, got "0"/,
  ],
  [
    "an empty quantity",
    `${head}\na,ask,1,\n`,
    "table.form",
    /row 2, column quantity: .*, got nothing/,
  ],
  [
    "another side",
    `${head}\na,give,1,1\n`,
    "table.form",
    /row 2, column side: expected ask or sell, bid or buy, got "give"/,
  ],
  [
    "another form",
    `${head},form\na,ask,1,1,coal\n`,
    "table.form",
    /row 2, column form: expected solar, wind, thermal, nuclear, storage or any, got "coal"/,
  ],
  [
    "an id twice",
    `${head}\na,ask,1,1\nb,bid,1,1\na,bid,1,1\n`,
    "table.form",
    /row 4, column id: expected each id once, got "a" again/,
  ],
  [
    "a missing column",
    "id,side,price\na,ask,1\n",
    "table.form",
    /row 1: expected a column quantity/,
  ],
  [
    "a mistyped column",
    `${head},prty\n`,
    "table.form",
    /row 1: unknown column "prty"; did you mean party\?/,
  ],
  ["a column twice", `${head},id\n`, "table.form", /row 1: column "id" appears twice/],
  [
    "a short row",
    `${head}\na,ask,1\n`,
    "table.form",
    /row 2: expected 4 cells as in the header, got 3/,
  ],
  [
    "an open quote",
    `${head}\n"a,ask,1,1\n`,
    "table.quote",
    /row 2, column 1: expected a quoted cell to end/,
  ],
  ["nothing", "", "table.form", /row 1: expected a header .* got an empty file/],
  ["broken JSON", "[{", "table.form", /expected JSON, got: /],
  [
    "JSON of another shape",
    '{"orders":[]}',
    "table.form",
    /expected a list, or an object with a list "quotes"/,
  ],
  [
    "a JSON row that is none",
    '[{"id":"a","side":"ask","price":1,"quantity":1},7]',
    "table.form",
    /row 2: expected an object, got 7/,
  ],
  [
    "a JSON key that is none",
    '[{"id":"a","side":"ask","price":1,"quantity":1,"sight":1}]',
    "table.form",
    /row 1: unknown column "sight"; known are/,
  ],
];

for (const [name, content, code, message] of bad) {
  test(`a book with ${name} is refused with its place`, () => {
    const [got, text] = failure(file(content));
    assert.equal(got, code);
    assert.match(text, message);
    assert.match(text, /^FILE/);
  });
}

test("of many problems the first ten are told", () => {
  const [, text] = failure(file(`${head}\n${"a,ask,x,1\n".repeat(25)}`));
  assert.equal(text.split("\n").length, 11);
  assert.match(text, /15 more of them$/);
});

test("a grid that is no tree, and files that are not there, are refused", () => {
  const circle = file("feeder,parent,fee\nnorth,b,0\nb,north,0\n");
  assert.match(failure(file(placed), { grid: circle })[1], /hangs on itself/);
  const wrong = file("feeder,parent,fee\nnorth,,-0.1\n");
  const message = /: row 2, column fee: expected a fee in currency\/kWh from 0 on .*, got "-0.1"$/;
  assert.match(failure(file(placed), { grid: wrong })[1], message);
  const lost = file("feeder,parent\nnorth,wset\nwest,\nwest,\n");
  const [, both] = failure(file(placed), { grid: lost });
  assert.deepEqual(both.replaceAll(lost, "GRID").split("\n"), [
    'GRID: row 2, column parent: expected one of the feeders, or none for the busbar, got "wset"',
    'GRID: row 4, column feeder: expected each feeder once, got "west" again',
  ]);
  const elsewhere = placed.replace("north", "nroth");
  const [code, text] = failure(file(elsewhere), { grid });
  assert.equal(code, "table.form");
  assert.match(text, /row 2, column feeder: expected one of the grid's.*, got "nroth"$/);
  assert.equal(run(file(elsewhere)).quantity, 5);
  assert.equal(failure(join(folder, "none.csv"))[0], "table.file");
  assert.equal(failure(file(placed), { grid: join(folder, "none.csv") })[0], "table.file");
});

test("any text is read or refused, and never ends otherwise", () => {
  const piece = fc.constantFrom(
    "id",
    "side",
    "price",
    ",",
    "\n",
    '"',
    "ask",
    "1",
    "[",
    "{",
    "\r",
    "é",
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 40 }).map((all) => all.join("")),
  );
  const path = file("");
  fc.assert(
    fc.property(text, (content) => {
      writeFileSync(path, content);
      try {
        run(path);
      } catch (error) {
        assert.ok(error instanceof Failure, String(error));
      }
    }),
    { numRuns: 300 },
  );
});

test("the command prints a table for people, and one line for bad input", () => {
  const cli = join(import.meta.dirname, "../cli.ts");
  const call = (input: string, ...args: string[]) =>
    spawnSync(process.execPath, [cli, "clear", ...args], { encoding: "utf8", input });
  // From standard input; a name that would steer the terminal is shown as what it is.
  const steered = rows.replace("shop,", "\u001b[2J\u202eshop\u009b,");
  const { status, stdout } = call(steered, "--book", "-", "--reference", "0.35");
  assert.equal(status, 0);
  assert.match(
    stdout,
    /^quantity +4\.000 kWh\nprice +0\.310000 currency\/kWh\ninterval +0\.310000 … 0\.310000\n/,
  );
  assert.match(stdout, /certificate +verified\n/);
  assert.match(stdout, /sun +ask +0\.120000 +3\.500 +3\.500 +0\.000 +anna +solar\n/);
  assert.match(stdout, /wind +home +0\.500 +0\.310000 +0\.310000/);
  assert.match(stdout, /\\u\{1b\}\[2J\\u\{202e\}shop\\u\{9b\} +bid/);
  assert.doesNotMatch(stdout, /[^\P{C}\n]/u);
  const wrong = call(`${head}\na,ask,x,1\n`, "--book", "-", "--json");
  assert.equal(wrong.status, 1);
  assert.match(
    wrong.stderr,
    /^[^\n]*standard input: row 2, column price: [^\n]*\n\(table\.form\)\n$/,
  );
});
