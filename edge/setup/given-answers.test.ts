import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "@busbar/protocol";
import fc from "fast-check";
import { meterOf } from "./given-answers.ts";

test("a meter on the command line: place, profile and unit id or address, whatever colons a place has", () => {
  const rtu = { kind: "rtu", path: "/dev/x" };
  const known: readonly (readonly [string, object])[] = [
    ["a=/dev/x:eastron-sdm630:3", { profile: "eastron-sdm630", connection: rtu, unit: 3 }],
    ["a=/dev/x:sml", { profile: "sml", connection: rtu }],
    ["a=/dev/x:dlt645-2007:000161", { profile: "dlt645-2007", connection: rtu, address: "000161" }],
    [
      "a=tcp://[::1]:502:./my-meter.yaml:7",
      { profile: "./my-meter.yaml", connection: { kind: "tcp", host: "::1", port: 502 }, unit: 7 },
    ],
    [
      "a=/dev/x:sunspec:126,baud=19200,parity=even,role=generation,form=solar",
      {
        profile: "sunspec",
        connection: { ...rtu, baud: 19_200, parity: "even" },
        ...{ unit: 126, role: "generation", form: "solar" },
      },
    ],
    [
      "a=gpio://gpiochip0/17:s0,pulsesPerKwh=1000",
      {
        profile: "s0",
        connection: {
          kind: "gpio",
          chip: "gpiochip0",
          offset: 17,
          bias: "pull-up",
          activeLow: true,
        },
        pulsesPerKwh: 1000,
      },
    ],
  ];
  for (const [text, meter] of known) assert.deepEqual(meterOf(text), { id: "a", ...meter }, text);
});

test("any other text is refused as wrong use", () => {
  const piece = fc.constantFrom("a", "=", ":", ",", "/dev/x", "sml", "1", "role", "tcp://", "");
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece).map((all) => all.join("")),
      ),
      (text) => {
        try {
          meterOf(text);
        } catch (error) {
          assert.ok(error instanceof Failure && error.code.startsWith("usage."), String(error));
        }
      },
    ),
  );
});
