import assert from "node:assert/strict";
import { test } from "node:test";
import { loadProfile, profileFolder } from "../meters/profile.ts";
import { decodeCapture } from "./decode-capture.ts";

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
    readings: [{ obis: "1-0:75.8.0", quantity: "energy.sum.l3", value: "5188847", unit: "Wh" }],
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
    found.map((e) => (e.ok ? e.kind : [e.code, e.offset, e.bytes])),
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
  assert.throws(() => decodeCapture({ protocol: "modbus", bytes }), /known: modbus-rtu/);
  const profile = loadProfile(new URL("sunspec.yaml", profileFolder));
  assert.throws(
    () => decodeCapture({ protocol: "modbus-rtu", bytes, profile }),
    /no fixed addresses/,
  );
});
