import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Claim,
  type Device,
  keyId,
  type Label,
  labelIdOf,
  type Owner,
  utcMs,
} from "@busbar/protocol";
import { slotCompleteness } from "../completeness.ts";
import { deviceStatuses, suspendedSince } from "../device-status.ts";
import { identityByKeyId } from "../identities.ts";
import { labelEntries } from "../labels.ts";
import { devices, members, owners } from "../tables.ts";
import { entry, frameOf, MeterChain, signerOfName, startTime } from "../test-site.ts";
import { rules } from "./index.ts";
import { labelExpiryRule } from "./labels.ts";
import { Chain, hour } from "./market/test-chain.ts";

/** Without the market, whose slots would open and close beside. */
const quiet = { ...rules, block: [labelExpiryRule] };
const site = () => new Chain({}, quiet);

const at = (minutes: number) => utcMs(startTime + minutes * 60_000);
const day = 24 * 60;
const net = { id: "user-a-meter", role: "connection", feeder: "feeder-1" } as const;
const keyOf = (name: string) => signerOfName(name).publicKey;

/** The label that is named so, for unit-n of the new user-n. */
const label = (name: string, changes: Partial<Label> = {}): Label => ({
  ...{ key: keyOf(name), version: 1, state: "open" },
  ...{ device: "unit-n", owner: "user-n", party: "user", until: at(day) },
  ...changes,
});
const give = (list: readonly Label[], by = "member-a", signer = by) =>
  frameOf(signer, "labels", { member: by, labels: list });

const owner = (changes: Partial<Owner> = {}): Owner => ({
  ...{ id: "user-n", party: "user", name: "N", key: keyOf("user-n"), boxKey: keyOf("user-n box") },
  ...changes,
});
const unit = (changes: Partial<Device> = {}): Device => ({
  ...{ id: "unit-n", owner: "user-n", key: keyOf("unit-n") },
  meters: [{ id: "n-meter", role: "connection", feeder: "feeder-1" }],
  ...changes,
});
const claim = (name: string, changes: Partial<Claim> = {}) =>
  frameOf(name, "claim", { version: 1, device: unit(), owner: owner(), ...changes });

const codes = (run: Chain, minutes: number, ...frames: Uint8Array[]) =>
  run.block(minutes, ...frames);

test("who has a label's code is taken in with its own keys, once, as what the label says", () => {
  const run = site();
  assert.deepEqual(codes(run, 1, give([label("one")])), []);
  assert.deepEqual(codes(run, 2, claim("one")), []);
  assert.deepEqual(devices.get(run.state, "unit-n"), unit());
  assert.deepEqual(owners.get(run.state, "user-n"), owner());
  assert.deepEqual(
    run.events.map(({ type }) => type),
    ["label-opened", "owner-admitted", "device-admitted", "device-claimed"],
  );
  // Sent again it changes nothing, and with another key it is refused.
  const stranger = { device: unit({ key: keyOf("thief") }) };
  assert.deepEqual(codes(run, 3, claim("one"), claim("one", stranger)), [
    "tx.exists",
    "claim.used",
  ]);
  const meter = new MeterChain("n");
  const frame = frameOf("unit-n", "readings", {
    ...{ meter: "n-meter", first: 1, prev: meter.head, entries: [entry(startTime, 5)] },
  });
  assert.deepEqual(codes(run, 4, frame), [], "what it signs counts");
});

test("a label counts before its end by the ledger's clock, and is remembered a month for who comes late", () => {
  const run = site();
  codes(run, 1, give([label("one"), label("two", { device: "unit-m", until: at(2 * day) })]));
  assert.deepEqual(codes(run, day, claim("one")), ["claim.expired"]);
  assert.deepEqual(codes(run, 30 * day, claim("one")), ["claim.expired"]);
  assert.deepEqual(codes(run, 32 * day), []);
  // The block after it was forgotten knows nobody with that key.
  assert.deepEqual(codes(run, 32 * day + 1, claim("one")), ["tx.key-unknown"]);
  assert.equal(labelEntries.get(run.state, labelIdOf(keyOf("one"))), undefined);
  assert.notEqual(labelEntries.get(run.state, labelIdOf(keyOf("two"))), undefined);
  // And what opened it opens nothing any more.
  assert.deepEqual(codes(run, 33 * day, give([label("one")])), ["label.expired"]);
});

test("a label that was used is not forgotten", () => {
  const run = site();
  codes(run, 1, give([label("one")]));
  codes(run, 2, claim("one"));
  codes(run, 200 * day);
  assert.deepEqual(codes(run, 201 * day, claim("one")), ["tx.exists"]);
});

test("claims are refused in the documented order, and change nothing", () => {
  const run = site();
  codes(
    run,
    1,
    give([
      label("one"),
      label("taken-back"),
      label("place", { device: "user-a-unit", owner: "user-a" }),
      label("known", { owner: "user-a" }),
    ]),
  );
  codes(run, 2, give([label("taken-back", { version: 2, state: "revoked" })]));
  const before = JSON.stringify([...devices.scan(run.state)]);
  const place = { id: "user-a-unit", owner: "user-a", key: keyOf("new unit") };
  const cases: readonly (readonly [Uint8Array, string])[] = [
    [frameOf("member-a", "claim", { version: 1, device: unit() }), "claim.rights"],
    [claim("taken-back"), "claim.revoked"],
    [claim("one", { version: 2 }), "claim.version"],
    [claim("one", { device: unit({ id: "unit-o" }) }), "claim.device"],
    [claim("one", { device: unit({ owner: "user-a" }) }), "claim.device"],
    [claim("one", { owner: owner({ party: "company" }) }), "claim.owner"],
    [claim("one", { owner: owner({ id: "user-a" }) }), "claim.owner"],
    [frameOf("one", "claim", { version: 1, device: unit() }), "claim.owner"],
    [frameOf("place", "claim", { version: 1, device: unit({ ...place }) }), "claim.meters"],
    [claim("one", { device: unit({ key: keyOf("user-a-unit") }) }), "admission.key-taken"],
    [
      claim("one", { device: unit({ meters: [{ ...net, id: "user-a-meter" }] }) }),
      "admission.meter-taken",
    ],
    [frameOf("nobody", "claim", { version: 1, device: unit() }), "tx.key-unknown"],
    [frameOf("one", "labels", { member: "member-a", labels: [label("x")] }), "tx.label"],
    [frameOf("one", "readings", new MeterChain("user-a").batch(entry(startTime, 1))), "tx.label"],
  ];
  for (const [frame, code] of cases) assert.deepEqual(codes(run, 3, frame), [code]);
  assert.equal(JSON.stringify([...devices.scan(run.state)]), before);
});

test("a label ends with the membership of who gave it", () => {
  const run = site();
  codes(run, 1, give([label("one")]));
  const member = members.get(run.state, "member-a");
  assert.ok(member !== undefined);
  members.set(run.state, "member-a", { ...member, state: "removed" });
  assert.deepEqual(codes(run, 2, claim("one")), ["claim.revoked"]);
  members.set(run.state, "member-a", member);
  assert.deepEqual(codes(run, 3, claim("one")), []);
});

test("an owner whom the ledger knows stays as it is, whatever key the unit brings along", () => {
  const run = site();
  codes(run, 1, give([label("one", { owner: "user-a" })]));
  const known = owners.get(run.state, "user-a");
  const device = unit({ owner: "user-a" });
  const other = owner({ id: "user-a", key: keyOf("made on the unit") });
  assert.deepEqual(codes(run, 2, claim("one", { device, owner: other })), []);
  assert.deepEqual(owners.get(run.state, "user-a"), known);
  assert.equal(devices.get(run.state, "unit-n")?.owner, "user-a");
});

test("labels are refused in the documented order", () => {
  const run = site();
  codes(run, 1, give([label("one")]));
  const bureau = { owner: "bureau-n", party: "bureau" } as const;
  const cases: readonly (readonly [Uint8Array, string])[] = [
    [give([label("x")], "member-a", "user-a"), "label.rights"],
    [give([label("x")], "member-b", "member-a"), "label.rights"],
    [give([label("one", { until: at(2 * day) })]), "label.exists-different"],
    [give([label("x", { version: 2 })]), "label.version"],
    [give([label("one", { version: 3 })]), "label.version"],
    [give([label("one", { version: 2, owner: "user-a" })]), "label.changed"],
    [give([label("x", { until: at(2) })]), "label.expired"],
    [give([label("x", { until: at(91 * day) })]), "label.until"],
    [give([label("user-a-unit")]), "label.key-taken"],
    [give([label("x", { key: new Uint8Array(32) })]), "label.key-taken"],
    [give([label("x", { device: "enrol" })]), "label.device"],
    [give([label("x", { device: "member-a" })]), "label.device"],
    [give([label("x", { device: "user-a-unit" })]), "label.device"],
    [give([label("x", { owner: "member-a" })]), "label.owner"],
    [give([label("x", { owner: "user-a", party: "company" })]), "label.owner"],
    [give([label("x", bureau)]), "label.bureau"],
    [give([label("one")]), "tx.exists"],
  ];
  for (const [frame, code] of cases) assert.deepEqual(codes(run, 2, frame), [code]);
  // One that is wrong takes the others of its message with it.
  assert.deepEqual(codes(run, 3, give([label("y"), label("x", bureau)])), ["label.bureau"]);
  assert.equal(labelEntries.get(run.state, labelIdOf(keyOf("y"))), undefined);
  assert.deepEqual(codes(run, 3, give([label("one"), label("y", { device: "unit-y" })])), []);
});

test("a label for a new unit takes nobody's place, though one was admitted meanwhile", () => {
  const run = site();
  codes(run, 1, give([label("one"), label("two")]));
  codes(run, 2, claim("one"));
  const other = { device: unit({ key: keyOf("another") }) };
  assert.deepEqual(codes(run, 3, claim("two", other)), ["claim.place"]);
});

test("a dead unit's label is given once more: new key, same meters, the old key dead, the gap on record", () => {
  const run = site();
  const place = { device: "user-a-unit", owner: "user-a" };
  const meter = new MeterChain("user-a");
  codes(run, 60, meter.frame(entry(startTime, 0), entry(startTime + hour, 10)));
  const change = { by: "member-a", device: "user-a-unit", change: "suspend", version: 1 } as const;
  codes(run, 70, frameOf("member-a", "device-change", { ...change, reason: "defective" }));
  codes(run, 71, give([label("old", place)]));
  const next = (key: string): Device => ({
    ...{ id: "user-a-unit", owner: "user-a", key: keyOf(key), meters: [net] },
  });
  const ask = (version: number, key: string) =>
    frameOf("old", "claim", { version, device: next(key) });
  assert.deepEqual(codes(run, 250, ask(1, "second")), []);
  assert.equal(suspendedSince(run.state, "user-a-unit"), undefined);
  assert.equal(identityByKeyId(run.state, keyId(keyOf("user-a-unit"))), undefined);
  assert.deepEqual(codes(run, 251, meter.frame(entry(startTime + 4 * hour, 20))), [
    "tx.key-unknown",
  ]);
  const { state, why } = slotCompleteness(run.state, "user-a-meter", at(120), hour);
  assert.equal(`${state} ${why}`, "missing suspended");
  const replaced = run.events.find(({ type }) => type === "device-replaced");
  assert.deepEqual(replaced, {
    ...{ type: "device-replaced", label: labelIdOf(keyOf("old")), device: "user-a-unit" },
    ...{ owner: "user-a", by: "member-a", since: at(70) },
  });

  // That one dies too: what was claimed by the label before it was given again counts for nothing.
  assert.deepEqual(codes(run, 300, ask(1, "second"), ask(2, "third")), ["tx.exists", "claim.used"]);
  codes(run, 301, give([label("old", { ...place, version: 2, until: at(3 * day) })]));
  assert.deepEqual(codes(run, 302, ask(1, "second")), ["claim.version"]);
  assert.deepEqual(codes(run, 303, ask(2, "third")), []);
  assert.deepEqual(codes(run, 304, ask(1, "second")), ["claim.used"]);
  assert.deepEqual(devices.get(run.state, "user-a-unit"), next("third"));
  assert.equal(deviceStatuses.get(run.state, "user-a-unit")?.version, 1);
});
