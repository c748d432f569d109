import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeSml } from "./capture.ts";
import { parseSmlFile } from "./file.ts";
import { smlReadings } from "./reading.ts";
import { bytesOf, recording } from "./test-support/recorded.ts";
import { SmlFramer } from "./transport.ts";

type Name = Parameters<typeof recording>[0];

function decoded(name: Name) {
  const [entry, ...more] = [...decodeSml(recording(name))];
  assert.deepEqual(more, []);
  assert.ok(entry?.ok, name);
  return entry;
}

/** "obis value unit" of each number, with its scaler. */
const numbers = (name: Name): string[] =>
  decoded(name)
    .readings.filter(({ text }) => text === undefined)
    .map(({ obis, value, unit, scaler }) => `${obis} ${value} ${unit} e${scaler}`);

// The expected numbers of the first two are their publishers': the asserts of jSML's DecodeFileTest
// (86038387975, 134, 10952, 384 with their scalers) and the display of the meter in libsml-testing.
test("an EasyMeter Q3B gives exact decimals at the scalers it sent", () => {
  assert.equal(decoded("easyMeterQ3B").address, "064553590104c5fa2ef7");
  assert.deepEqual(numbers("easyMeterQ3B"), [
    "1-0:1.8.0 8603838.7975 Wh e-4",
    "1-0:2.8.0 14553799.5139 Wh e-4",
    "1-0:1.8.1 8602470 Wh e1",
    "1-0:1.8.2 1360 Wh e1",
    "1-0:2.8.1 14552450 Wh e1",
    "1-0:2.8.2 1340 Wh e1",
    "1-0:1.7.0 109.52 W e-2",
    "1-0:96.5.5 384  e0",
  ]);
});

test("a DZG meter that feeds in gives its negative power, and its number as address", () => {
  assert.equal(decoded("dzgDvs7420Feeding").address, "1DZG0060694611");
  assert.deepEqual(numbers("dzgDvs7420Feeding"), [
    "1-0:1.8.0 13232.9 Wh e-1",
    "1-0:2.8.0 1500321.3 Wh e-1",
    "1-0:16.7.0 -105.50 W e-2",
  ]);
});

test("a negative power of an old DZG meter is unknown, its counters are not", () => {
  assert.deepEqual(numbers("dzgDvs7412Wrong"), [
    "1-0:1.8.0 5430157.7 Wh e-1",
    "1-0:2.8.0 26244572.6 Wh e-1",
    "1-0:16.7.0 undefined W e-2",
  ]);
});

test("who compared an old DZG meter with its display says what its negative powers are", () => {
  const [frame] = [...new SmlFramer().push(recording("dzgDvs7412Wrong"))];
  const file = frame?.kind === "frame" ? parseSmlFile(frame.payload) : undefined;
  const list = file?.ok === true ? file.value[0] : undefined;
  assert.ok(list !== undefined);
  const power = (as: "signed" | "unsigned") =>
    smlReadings(list, as).find(({ quantity }) => quantity === "power.total")?.value;
  assert.deepEqual(power("unsigned"), { mantissa: 35624, exponent: -2 });
  assert.deepEqual(power("signed"), { mantissa: -29912, exponent: -2 });
});

test("a power without direction is not taken for one with", () => {
  const power = decoded("emhEd300lFeeding").readings.find(({ unit }) => unit === "W");
  assert.deepEqual(power, {
    obis: "1-0:15.7.0",
    quantity: "power.absolute.total",
    value: "126.6",
    unit: "W",
    scaler: -1,
  });
});

test("objects that are no number are text: the maker, the number, the key", () => {
  const texts = decoded("drNeuhausSmarty").readings.flatMap(({ quantity, text }) =>
    text === undefined ? [] : [`${quantity} ${text.slice(0, 20)}`],
  );
  assert.deepEqual(texts, [
    "device.manufacturer DNT",
    "device.id 1DNT0100008240",
    "device.public_key fea5d6bc658d734673f5",
  ]);
});

test("a meter with 21 objects and times without their choice is read whole", () => {
  const entry = decoded("holleyDtz541BareTimes");
  assert.equal(entry.readings.length, 21);
  assert.ok(entry.readings.every(({ time }) => time === undefined));
  assert.ok(numbers("holleyDtz541BareTimes").includes("1-0:31.7.0 1.06 A e-2"));
});

test("meters of other makers are read", () => {
  assert.deepEqual(numbers("holleyDtz541"), ["1-0:1.8.0 2355929.0 Wh e-1", "1-0:16.7.0 376 W e0"]);
  assert.deepEqual(numbers("itronOpenWay"), ["1-0:1.8.0 25892776.1 Wh e-1", "1-0:16.7.0 542 W e0"]);
  assert.deepEqual(numbers("iskraMt681"), [
    "1-0:1.8.0 79139.3 Wh e-1",
    "1-0:2.8.0 0.0 Wh e-1",
    "1-0:16.7.0 2144 W e0",
  ]);
});

test("damage in a capture is told with reason and offset, and its neighbours are kept", () => {
  const good = recording("iskraMt681");
  const bad = good.with(100, 0);
  const stream = Buffer.concat([bytesOf("ffff"), good, bad, good, good.slice(0, 40)]);
  const found = [...decodeSml(stream)].map((entry) => [
    entry.offset,
    entry.ok ? entry.address : entry.code,
  ]);
  assert.deepEqual(found, [
    [0, "frame.noise"],
    [2, "1ISK0075126084"],
    [2 + good.length, "frame.crc"],
    [2 + 2 * good.length, "1ISK0075126084"],
    [2 + 3 * good.length, "frame.cut"],
  ]);
});

test("a telegram with a wrong inner checksum is refused with its bytes", () => {
  const [entry] = [...decodeSml(recording("ebzDd3"))];
  assert.deepEqual(entry?.ok === false && [entry.offset, entry.code], [0, "sml.message-crc"]);
});
