import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "@busbar/protocol";
import fc from "fast-check";
import { parseDays } from "./day-file.ts";

const daysIn = (text: string) => parseDays(text, "day.csv");
const plain = "hour,pv,wind,own_load,users_load\n1,10,20,5,40\n2,0,1.5,1e1,40\n";

test("a plain day is read, its values as the real ones", () => {
  const [day, ...more] = daysIn(plain);
  assert.equal(more.length, 0);
  assert.equal(day?.date, "");
  assert.deepEqual(day?.hours, [
    { hour: "1", row: 2, real: { pv: 10, wind: 20, own: 5, users: 40 }, forecast: undefined },
    { hour: "2", row: 3, real: { pv: 0, wind: 1.5, own: 10, users: 40 }, forecast: undefined },
  ]);
});

test("real and forecast are told apart under the names that files give them", () => {
  const names = [
    "pv_real_kw,pv_fcst_da_kw,wind_real_kw,wind_fcst_da_kw,users_load_real_kw,users_load_fcst_kw,microgrid_load_real_kw,microgrid_load_fcst_kw",
    "PV real,PV forecast,Wind real,Wind forecast,User load real,User load forecast,Own-load real,Own-load forecast",
    "solar,solar_predicted,wind,wind_predicted,users,users_predicted,company_load,company_load_predicted",
  ];
  for (const head of names) {
    const [day] = daysIn(`date,hour,${head}\n2020-07-10,12,1,2,3,4,5,6,7,8\n`);
    assert.equal(day?.date, "2020-07-10");
    assert.deepEqual(day?.hours[0]?.real, { pv: 1, wind: 3, users: 5, own: 7 });
    assert.deepEqual(day?.hours[0]?.forecast, { pv: 2, wind: 4, users: 6, own: 8 });
  }
});

test("several dates are several days; semicolons, quotes, blank lines and other columns do not matter", () => {
  const text = `\uFEFF"date";"hour";pv;wind;own;users;weather\r\na;1;1;1;1;1;"fine"\r\n\r\na;2;1;1;1;1;\r\nb;1;2;2;2;2;rain\r\n`;
  const days = daysIn(text);
  assert.deepEqual(
    days.map(({ date, hours }) => [date, hours.length]),
    [
      ["a", 2],
      ["b", 1],
    ],
  );
  assert.equal(days[1]?.hours[0]?.row, 5);
});

test("what is wrong is said with row, column and what was expected", () => {
  const says = (text: string, code: string, message: RegExp) =>
    assert.throws(() => daysIn(text), { name: "Failure", code, message });
  says(
    "",
    "day-file.columns",
    /^day.csv: row 1: expected the columns hour, pv, wind.*; got nothing$/,
  );
  says("hour,pv,wind\n1,2,3\n", "day-file.columns", /got hour, pv, wind$/);
  says("pv,wind,own,users\n1,2,3,4\n", "day-file.columns", /row 1/);
  says("hour,pv,wind,own,users\n", "day-file.empty", /at least one row below the header/);
  says(
    plain.replace("20", "x"),
    "day-file.value",
    /^day.csv: row 2, column wind: expected a number of kW from 0 to 1000000, got "x"$/,
  );
  says(plain.replace("1.5", "-1"), "day-file.value", /^day.csv: row 3, column wind: .*got "-1"$/);
  says(plain.replace("1.5", "0x1"), "day-file.value", /^day.csv: row 3, column wind/);
  says(plain.replace("1.5", ""), "day-file.value", /^day.csv: row 3, column wind: .*got ""$/);
  says(plain.replace("1.5", "1e7"), "day-file.value", /^day.csv: row 3, column wind/);
  says(
    plain.replace("\n2,", "\n1,"),
    "day-file.value",
    /^day.csv: row 3, column hour: expected an hour that row 2 does not have too, got "1"$/,
  );
  says(
    `${plain}3,1,2\n`,
    "day-file.value",
    /^day.csv: row 4: expected 5 cells as in row 1, got "3"$/,
  );
  says(
    `${plain},1,2,3,4\n`,
    "day-file.value",
    /^day.csv: row 4, column hour: expected an hour, as 7, 07:00 or 2B, got ""$/,
  );
  for (const hour of ["07:15", "0.25", "noon", "26", "2C", "-1"]) {
    const message = /^day.csv: row 4, column hour: expected an hour, as 7, 07:00 or 2B, got /;
    says(`${plain}${hour},1,2,3,4\n`, "day-file.value", message);
  }
  says(
    "hour,pv,wind,own,users,solar_real\n1,1,1,1,1,1\n",
    "day-file.columns",
    /one column of a kind; got pv and solar_real$/,
  );
  says("\u0000\u001b[31m,b\n", "day-file.columns", /; got \?\?\[31m, b$/);
  const long = Array.from({ length: 26 }, (_, i) => `${i},1,1,1,1`).join("\n");
  says(
    `hour,pv,wind,own,users\n${long}`,
    "day-file.value",
    /^day.csv: row 27, .*at most 25 hours of a date/,
  );
});

test("a message tells of all that is wrong, each with its place, and of ten at most", () => {
  const told = (text: string) => {
    try {
      daysIn(text);
    } catch (error) {
      assert.ok(error instanceof Failure);
      assert.equal(error.code, "day-file.value");
      return error.message.split("\n");
    }
    return assert.fail("expected a failure");
  };
  const text = "hour,pv,wind,own,users\n1,x,2,-3,4\nnoon,1,2,3,4\n2,1,2\n2,1,2,3,4\n1,1,2,3,4\n";
  const expected = [
    'row 2, column pv: expected a number of kW from 0 to 1000000, got "x"',
    'row 2, column own: expected a number of kW from 0 to 1000000, got "-3"',
    'row 3, column hour: expected an hour, as 7, 07:00 or 2B, got "noon"',
    'row 4: expected 5 cells as in row 1, got "3"',
    'row 5, column hour: expected an hour that row 4 does not have too, got "2"',
    'row 6, column hour: expected an hour that row 2 does not have too, got "1"',
  ];
  assert.deepEqual(
    told(text),
    expected.map((line) => `day.csv: ${line}`),
  );
  const many = Array.from({ length: 13 }, (_, i) => `${i},?,1,1,1`).join("\n");
  const lines = told(`hour,pv,wind,own,users\n${many}`);
  assert.equal(lines.length, 11);
  assert.equal(lines.at(-1), "day.csv: 3 more of them");
  assert.match(told("hour,pv,wind,own,users\n1,\u009b31m,1,1,1\n")[0] ?? "", /got "\?31m"$/);
});

test("hours are named by number or by time, also where the clock goes back", () => {
  const names = ["0", "01", "2A", "2B", "03:00", "4:00:00", "2020-07-10T05:00Z", "25"];
  const [day] = daysIn(
    `time,pv,wind,own,users\n${names.map((name) => `${name},1,1,1,1\n`).join("")}`,
  );
  assert.deepEqual(
    day?.hours.map(({ hour }) => hour),
    names,
  );
});

test("any text is a day or a message, never another error", () => {
  const cell = fc.constantFrom(
    "1",
    "0.5",
    "",
    "x",
    '"',
    "NaN",
    "1e400",
    "hour",
    "pv",
    "date",
    "-2",
  );
  const line = fc.array(cell, { maxLength: 7 }).map((cells) => cells.join(","));
  const text = fc.tuple(
    fc.constantFrom("hour,pv,wind,own,users", "date,hour,pv,wind,own,users", "x"),
    fc.array(fc.oneof(line, fc.string()), { maxLength: 5 }),
  );
  fc.assert(
    fc.property(text, ([head, lines]) => {
      try {
        for (const { hours } of daysIn([head, ...lines].join("\n"))) {
          for (const { real } of hours) assert.ok(Object.values(real ?? {}).every(Number.isFinite));
        }
      } catch (error) {
        assert.ok(error instanceof Failure, String(error));
      }
    }),
    { numRuns: 500 },
  );
});
