import assert from "node:assert/strict";
import { test } from "node:test";
import { loadProfile, profileFolder } from "../meters/profile.ts";
import { captureProtocols } from "./capture-protocols.ts";
import { decodeCapture, likelyProtocols } from "./decode-capture.ts";
import { iskraV22, sagemcomNl } from "./dsmr/test-support/vectors.ts";
import { logarex } from "./iec62056-21/test-support/vectors.ts";
import { recorded as recordedSml } from "./sml/test-support/recorded.ts";

const sdm630 = loadProfile(new URL("eastron-sdm630.yaml", profileFolder));

// Recorded from an SDM630: github.com/volkszaehler/mbmd issue 89.
const recorded = `# an SDM630's answer
tx: 01 04 01 6a 00 02 50 2b
rx: 01 04 04 45 a2 26 c7 14 98
`;
const wire = Buffer.from("0104016a0002502b01040445a226c71498", "hex");

const decode = (bytes: Uint8Array) => [
  ...decodeCapture({ protocol: "modbus-rtu", bytes, profile: sdm630 }),
];

test("a recorded exchange becomes a reading with OBIS code, exact decimal and unit", () => {
  const [request, response] = decode(Buffer.from(recorded));
  assert.deepEqual(request, {
    ok: true,
    offset: 0,
    kind: "request",
    unit: 1,
    function: 4,
    address: 0x016a,
    count: 2,
  });
  assert.deepEqual(response, {
    ok: true,
    offset: 8,
    kind: "response",
    unit: 1,
    function: 4,
    address: 0x016a,
    count: 2,
    registers: [0x45a2, 0x26c7],
    readings: [
      { obis: "1-0:75.8.0", quantity: "energy.sum.l3", value: "5188847", unit: "Wh", scaler: 0 },
    ],
  });
});

test("binary and hex text of one capture decode alike", () => {
  assert.deepEqual(decode(wire), decode(Buffer.from(recorded)));
  assert.deepEqual(decode(Buffer.from(wire.toString("hex"))), decode(wire));
});

test("a damaged telegram is refused with its reason and offset, and its neighbours are kept", () => {
  const damaged = Buffer.concat([wire, wire.with(12, 0), wire].map((b) => Buffer.from(b)));
  const found = decode(damaged);
  assert.deepEqual(
    found.map((e) => ("kind" in e ? e.kind : !e.ok && [e.code, e.offset, e.bytes])),
    [
      "request",
      "response",
      "request",
      ["frame.crc", 25, "01 04 04 45 00 26 c7 14 98"],
      "request",
      "response",
    ],
  );
});

test("half a byte of hex text is refused with its line", () => {
  assert.throws(() => decode(Buffer.from("01 04\n0 1 2\n")), /line 2: expected pairs/);
});

test("an unknown protocol and a profile without addresses are refused before anything is read", () => {
  const bytes = Buffer.alloc(0);
  assert.throws(
    () => decodeCapture({ protocol: "modbus", bytes }),
    /known: modbus-rtu, modbus-tcp, dlt645, mbus/,
  );
  const profile = loadProfile(new URL("sunspec.yaml", profileFolder));
  assert.throws(
    () => decodeCapture({ protocol: "modbus-rtu", bytes, profile }),
    /no fixed addresses/,
  );
});

// One telegram of a meter each; the tests and README.md of the protocol's folder name the sources.
const telegrams: Readonly<Record<string, readonly [file: string, reading: string]>> = {
  dlt645: [
    "rx: fe fe fe fe 68 61 01 00 00 00 00 68 91 08 33 33 34 33 59 33 33 33 8a 16",
    "1-0:1.8.0 0.26 kWh",
  ],
  mbus: [
    `68 32 32 68 08 05 72 08 06 10 30 52 3b 01 02 01 00 00 00 04 03 fa 04 00 00 04 83 7f fa 04 00 00
     02 fd 48 44 09 02 fd 5b 00 00 02 2b 00 00 0c 78 08 06 10 30 0f 0e 71 16`,
    "1-0:1.8.0 1274 Wh",
  ],
  sml: [recordedSml.easyMeterQ3B.replaceAll(/\s/g, ""), "1-0:1.8.0 8603838.7975 Wh"],
  dsmr: [Buffer.from(sagemcomNl).toString("latin1"), "1-0:1.8.1 51.775 kWh"],
  dsmr22: [Buffer.from(iskraV22).toString("latin1"), "1-0:1.8.1 1.001 kWh"],
  "iec62056-21": [
    Buffer.concat([logarex.identification, logarex.readout]).toString("hex"),
    "1-0:1.8.0 15882.6927 kWh",
  ],
};

test("a recorded telegram of every protocol decodes, from hexadecimal text or its own", () => {
  assert.deepEqual(["modbus-rtu", "modbus-tcp", ...Object.keys(telegrams)], captureProtocols);
  for (const [protocol, [text, reading]] of Object.entries(telegrams)) {
    const [entry, ...rest] = decodeCapture({ protocol, bytes: Buffer.from(text, "latin1") });
    assert.ok(entry?.ok && rest.length === 0, `${protocol}: ${JSON.stringify([entry, rest])}`);
    const found = (entry.readings ?? []).map(({ obis, value, unit }) => `${obis} ${value} ${unit}`);
    assert.ok(found.includes(reading), `${protocol}: ${found.join(", ")}`);
  }
});

test("the text of a P1 port decodes as it is and as hexadecimal", () => {
  const bytes = Buffer.from(sagemcomNl);
  for (const file of [bytes, Buffer.from(bytes.toString("hex"))]) {
    const [entry, ...rest] = decodeCapture({ protocol: "dsmr", bytes: file });
    assert.ok(entry?.ok && rest.length === 0);
  }
});

test("whose telegrams are in a capture is found, whatever it was taken for", () => {
  for (const [protocol, [text]] of Object.entries(telegrams)) {
    assert.ok(likelyProtocols(Buffer.from(text, "latin1")).includes(protocol as "sml"), protocol);
  }
  assert.deepEqual(likelyProtocols(Buffer.from("nothing of the kind")), []);
});

test("a recording of read --capture decodes in every protocol, text ones too", () => {
  const line = (bytes: Uint8Array, arrow = "<") =>
    `19:50:12.345 ${arrow} ${Buffer.from(bytes).toString("hex").replaceAll(/../g, "$& ")}\n`;
  const text = Buffer.from(sagemcomNl);
  const head = "# busbar-edge capture, begun 2026-11-27T19:50:12.000Z, times are UTC\n";
  const parts = [text.subarray(0, 100), text.subarray(100)];
  const p1 = head + parts.map((part) => line(part)).join("# 14 values read\n");
  const [telegram, ...rest] = decodeCapture({ protocol: "dsmr", bytes: Buffer.from(p1) });
  assert.ok(telegram?.ok && rest.length === 0);
  const modbus = head + line(Uint8Array.from([1, 4, 1, 0x6a, 0, 2, 0x50, 0x2b]), ">");
  const [request] = decodeCapture({ protocol: "modbus-rtu", bytes: Buffer.from(modbus) });
  assert.equal(request?.ok && "kind" in request && request.kind, "request");
});

test("a profile is refused for telegrams that name their values themselves", () => {
  assert.throws(
    () => decodeCapture({ protocol: "sml", bytes: Buffer.alloc(0), profile: sdm630 }),
    /sml telegrams name their values themselves/,
  );
});
