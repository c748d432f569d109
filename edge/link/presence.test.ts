import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { firstAddress, presenceIn, Rivals } from "./presence.ts";

const own = "0000000000000001";
const other = "0000000000000002";
const state = (instance: string, session: number, more: object = {}) => {
  const unit = { instance, host: "pi-b", address: "192.168.1.23", ...more };
  return new Uint8Array(Buffer.from(JSON.stringify({ device: "unit-1", session, unit })));
};

test("another's state twice, in new sessions, after our own birth there, is a rival", () => {
  const rivals = new Rivals(own);
  assert.equal(rivals.take("a", state(other, 1)), undefined);
  rivals.born("a");
  assert.equal(rivals.take("a", state(other, 2)), undefined);
  assert.equal(rivals.take("a", state(other, 2)), undefined);
  const rival = { instance: other, host: "pi-b", address: "192.168.1.23" };
  assert.deepEqual(rivals.take("a", state(other, 3)), rival);
  assert.deepEqual(rivals.rival, rival);
  assert.equal(rivals.take("a", state(other, 4)), undefined);
  assert.equal(rivals.take("a", state(other, 5)), undefined, "it is told of once");
  rivals.forget();
  assert.equal(rivals.rival, undefined);
});

test("our own state, and what stood at a broker before we came, is no rival's", () => {
  const rivals = new Rivals(own);
  rivals.born("a");
  for (let session = 1; session < 9; session++) {
    rivals.take("a", state(own, session));
    rivals.take("b", state(other, session));
  }
  assert.equal(rivals.rival, undefined);
});

test("what a state says of its sender is looked at before it is shown to anybody", () => {
  const of = (more: object) => presenceIn(state(other, 1, more))?.presence;
  assert.equal(of({ host: "<b>" })?.host, "of no name");
  assert.equal(of({ host: "x".repeat(300) })?.host, "of no name");
  assert.equal(of({ address: "at home" })?.address, "");
  assert.equal(of({ address: "fe80::1" })?.address, "fe80::1");
  assert.equal(of({ instance: "2" }), undefined);
  assert.equal(presenceIn(state(other, 1.5)), undefined);
  assert.equal(presenceIn(new Uint8Array(70_000)), undefined);
});

test("no bytes and no JSON on the state topic break anything", () => {
  const rivals = new Rivals(own);
  rivals.born("a");
  fc.assert(
    fc.property(
      fc.oneof(fc.uint8Array(), fc.json().map(bytesOf), fc.jsonValue().map(inUnit)),
      (bytes) => {
        rivals.take("a", bytes);
      },
    ),
  );
  assert.equal(rivals.rival, undefined);
});

test("the address of a machine is its own in the network, not the loopback's", () => {
  const at = (address: string, family: "IPv4" | "IPv6", internal: boolean) =>
    ({ address, family, internal }) as never;
  const lo = [at("127.0.0.1", "IPv4", true)];
  const eth0 = [at("fd00::2", "IPv6", false), at("10.0.0.2", "IPv4", false)];
  assert.equal(firstAddress({ lo, eth0 }), "10.0.0.2");
  assert.equal(firstAddress({ lo, eth0: eth0.slice(0, 1) }), "fd00::2");
  assert.equal(firstAddress({ lo }), "");
});

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text));
const inUnit = (unit: unknown) => bytesOf(JSON.stringify({ session: 1, unit }));
