import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "@busbar/protocol";
import fc from "fast-check";
import { meterPlaceOf, placeOf, placeText } from "./places.ts";

test("a place is what it says, and is written back as it was read", () => {
  const pulses = { chip: "gpiochip0", offset: 17, bias: "pull-up", activeLow: true } as const;
  assert.deepEqual(meterPlaceOf("gpio://gpiochip0/17"), { kind: "gpio", ...pulses });
  assert.deepEqual(meterPlaceOf("tcp://[::1]:5020"), { kind: "tcp", host: "::1", port: 5020 });
  for (const text of ["/dev/ttyUSB0", "gpio://gpiochip4/5", "rtu-over-tcp://meter.lan:4196"]) {
    assert.equal(placeText(meterPlaceOf(text)), text);
  }
});

test("what is no place is wrong use, with what a place looks like", () => {
  for (const text of [
    "",
    "gpio:",
    "gpio://",
    "gpio://17",
    "gpio:///17",
    "gpio://gpiochip0/",
    "gpio://gpiochip0/-1",
    "gpio://gpiochip0/1.5",
    "gpio://gpiochip0/12345",
    "gpio://--help/1",
    "gpio://a b/1",
    "tcp://",
    "tcp://host:99999",
    "http://host",
  ]) {
    assert.throws(() => meterPlaceOf(text), { code: "usage.place" }, text);
  }
  // Only meters with pulses are there: a scan has nothing to ask.
  assert.throws(() => placeOf("gpio://gpiochip0/17"), { code: "usage.place" });
  fc.assert(
    fc.property(fc.string(), fc.constantFrom("", "gpio://", "tcp://"), (text, scheme) => {
      try {
        placeText(meterPlaceOf(scheme + text));
      } catch (error) {
        assert.ok(error instanceof Failure && error.code === "usage.place", String(error));
      }
    }),
  );
});
