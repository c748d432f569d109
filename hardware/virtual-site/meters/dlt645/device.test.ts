import assert from "node:assert/strict";
import { test } from "node:test";
import { answer, type Dlt645Device } from "./device.ts";

test("a power beyond the register's range stays at its end, and never turns into a negative one", () => {
  const power = (watts: number) => {
    const device: Dlt645Device = {
      address: "201000000012",
      meterNumber: "1",
      phases: 3,
      measure: () => new Map([["power.total", watts]]),
    };
    const address = new Uint8Array(6).fill(0xaa);
    const found = answer(device, { address, code: 0x11, data: Uint8Array.of(0, 0, 3, 2) });
    return Buffer.from(found?.data.slice(4) ?? [])
      .reverse()
      .toString("hex");
  };
  assert.equal(power(79_999.9), "799999");
  assert.equal(power(189_218), "799999");
  assert.equal(power(-189_218), "f99999");
  assert.equal(power(1_234.5), "012345");
});
