import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Device,
  type DeviceChange,
  type Message,
  quality,
  type ReadingEntry,
  utcMs,
  wh,
} from "@busbar/protocol";
import fc from "fast-check";
import { accountSums } from "../accounts.ts";
import { slotCompleteness } from "../completeness.ts";
import { deviceStatuses } from "../device-status.ts";
import { retiredKeepMs } from "../identities.ts";
import { lastSettlement } from "../settlements.ts";
import { slotEnergy } from "../slots.ts";
import { entry, frameOf, MeterChain, signerOfName, startTime } from "../test-site.ts";
import { rules } from "./index.ts";
import { Chain, hour, mandate, minute, quote, slot } from "./market/test-chain.ts";
import { meterStates } from "./meter-state.ts";

/** Without the market, whose slots would open and close beside. */
const quiet = { ...rules, block: [] };
const meter = "user-a-meter";
const net = { id: meter, role: "connection", feeder: "feeder-1" } as const;

const change = (
  version: number,
  what: DeviceChange["change"],
  by = "member-a",
  changes: Partial<DeviceChange> = {},
) =>
  frameOf(by, "device-change", {
    by,
    device: "user-a-unit",
    version,
    change: what,
    reason: what === "suspend" ? "tampering" : "cleared",
    ...changes,
  });

let nonces = 0;
const admit = (...devices: Partial<Device>[]) =>
  frameOf("member-a", "admission", {
    nonce: new Uint8Array(16).fill(++nonces),
    member: "member-a",
    owners: [],
    devices: devices.map((device) => ({
      id: "user-a-unit",
      owner: "user-a",
      key: signerOfName(device.id ?? "user-a-unit").publicKey,
      meters: [net],
      ...device,
    })),
  });

const slotOf = (run: Chain, n: number) => {
  const { state, why } = slotCompleteness(run.state, meter, utcMs(startTime + n * hour), hour);
  return `${state} ${why}`;
};

test("what a suspended unit signs is refused and kept there; resumed, all of it is taken", () => {
  const run = new Chain({}, quiet);
  const unit = new MeterChain("user-a");
  assert.deepEqual(run.block(60, unit.frame(entry(startTime, 0), entry(startTime + hour, 10))), []);
  assert.deepEqual(run.block(70, change(1, "suspend")), []);
  const kept = [2, 3, 4].map((n) => unit.frame(entry(startTime + n * hour, n * 10)));
  assert.deepEqual(run.block(241, ...kept), Array(3).fill("tx.suspended"));
  assert.deepEqual(
    [0, 1, 2].map((n) => slotOf(run, n)),
    ["measured read", "missing suspended", "missing suspended"],
  );
  assert.deepEqual(run.block(242, change(2, "resume")), []);
  assert.deepEqual(
    [1, 2, 3].map((n) => slotOf(run, n)),
    Array(3).fill("missing suspended"),
  );
  assert.deepEqual(run.block(243, ...kept), []);
  assert.deepEqual(
    [1, 2, 3].map((n) => slotOf(run, n)),
    Array(3).fill("measured read"),
  );
  assert.deepEqual(
    run.events.flatMap((event) => (event.type.startsWith("device-") ? [event.type] : [])),
    ["device-suspended", "device-resumed"],
  );
});

test("a unit that read nothing while it was suspended has those slots estimated, and says why", () => {
  const run = new Chain({}, quiet);
  const unit = new MeterChain("user-a");
  run.block(60, unit.frame(entry(startTime, 0), entry(startTime + hour, 10)));
  run.block(61, change(1, "suspend"));
  run.block(300, change(2, "resume"));
  run.block(301, unit.frame(entry(startTime + 5 * hour, 50)));
  for (const n of [1, 2, 3, 4]) assert.equal(slotOf(run, n), "estimated suspended");
});

test("a suspended unit quotes nothing, and its owner still does", () => {
  const run = new Chain();
  run.block(20, mandate("user-a"), change(1, "suspend", "user-a", { reason: "stolen" }));
  const bid = quote("user-a", 1, { quantity: wh(1_000) });
  assert.deepEqual(run.block(25, bid.seal), ["tx.suspended"]);
});

test("changes of a unit are refused in the documented order, and a repeated one changes nothing", () => {
  const run = new Chain({}, quiet);
  const code = (frame: Uint8Array) => run.block(10, frame)[0] ?? "ok";
  assert.equal(code(change(1, "suspend", "member-a", { device: "nowhere" })), "device.unknown");
  assert.equal(code(change(1, "suspend", "company-a")), "device.rights");
  assert.equal(code(change(1, "suspend", "user-a-unit")), "device.rights");
  assert.equal(code(change(1, "suspend", "user-a", { by: "member-a" })), "device.rights");
  assert.equal(code(change(2, "suspend")), "device.version");
  assert.equal(code(change(1, "resume")), "device.state");
  assert.equal(code(change(1, "suspend")), "ok");
  assert.equal(code(change(1, "suspend")), "tx.exists");
  assert.equal(
    code(change(1, "suspend", "member-a", { reason: "lost" })),
    "device.exists-different",
  );
  assert.equal(code(change(2, "suspend")), "device.state");
  assert.equal(code(change(2, "resume", "user-a")), "device.rights", "a member suspended it");
  assert.equal(code(change(2, "resume")), "ok");
  assert.equal(code(change(3, "suspend", "user-a")), "ok");
  assert.equal(code(change(4, "resume", "user-a")), "ok", "the owner resumes what it suspended");
  assert.equal(code(change(1, "suspend")), "device.version", "an old change is no new one");
  assert.equal(deviceStatuses.get(run.state, "user-a-unit")?.version, 4);
});

test("a unit with a new key goes on in its meter's chain, and the old key signs nothing more", () => {
  const run = new Chain({}, quiet);
  const unit = new MeterChain("user-a");
  run.block(60, unit.frame(entry(startTime, 0), entry(startTime + hour, 10)));
  const next = unit.batch(entry(startTime + 2 * hour, 20));
  assert.deepEqual(run.block(61, admit({ key: signerOfName("the new key").publicKey })), []);
  assert.deepEqual(run.block(121, frameOf("user-a-unit", "readings", next)), ["tx.key-unknown"]);
  assert.deepEqual(run.block(122, frameOf("the new key", "readings", next)), []);
  assert.equal(slotOf(run, 1), "measured read");
  assert.equal(slotEnergy(run.state, meter, utcMs(startTime + hour), hour)?.importWh, 10);
});

test("a suspended unit stays suspended when it is admitted with another key", () => {
  const run = new Chain({}, quiet);
  run.block(1, change(1, "suspend"));
  assert.deepEqual(run.block(2, admit({ key: signerOfName("the new key").publicKey })), []);
  const first = new MeterChain("user-a").batch(entry(startTime, 0));
  assert.deepEqual(run.block(3, frameOf("the new key", "readings", first)), ["tx.suspended"]);
});

test("a meter that moves to another unit of its owner goes on as if nothing had been", () => {
  const run = new Chain();
  const unit = new MeterChain("user-a");
  run.block(60, unit.frame(entry(startTime, 0), entry(startTime + 0.9 * hour, 90)));
  const moved = admit(
    { meters: [] },
    { id: "second-unit", meters: [{ ...net, feeder: "feeder-2" }] },
  );
  assert.deepEqual(run.block(61, moved), []);
  const next = unit.batch(entry(startTime + 1.1 * hour, 110), entry(startTime + 2 * hour, 200));
  assert.deepEqual(run.block(121, frameOf("user-a-unit", "readings", next)), ["readings.rights"]);
  assert.deepEqual(run.block(122, frameOf("second-unit", "readings", next)), []);
  const energies = [0, 1].map((n) =>
    slotEnergy(run.state, meter, utcMs(startTime + n * hour), hour),
  );
  assert.deepEqual(
    energies.map((energy) => energy?.importWh),
    [100, 100],
  );
});

test("a meter never changes its owner, for its record is the first one's", () => {
  const run = new Chain({}, quiet);
  run.block(1, admit({ meters: [] }));
  const other = { id: "company-a-unit", owner: "company-a", meters: [net] };
  assert.deepEqual(run.block(2, admit(other)), ["admission.meter-owner"]);
  assert.deepEqual(run.block(3, admit({})), [], "its own takes it back");
});

test("a meter that was taken out is settled up to then, and its last readings still come in", () => {
  const run = new Chain();
  const second = { id: "user-a2-meter", role: "connection", feeder: "feeder-1" } as const;
  run.block(1, admit({ meters: [net, second] }));
  const [first, two] = [new MeterChain("user-a"), new MeterChain("user-a2")];
  const read = (which: MeterChain, ...entries: ReadingEntry[]) =>
    frameOf("user-a-unit", "readings", which.batch(...entries));
  // Taken out at the end of the second slot that is traded, before anything was reported.
  const out = slot + 2 * hour;
  for (let at = 20; at <= 180; at += 10) run.block(at);
  run.block((out - startTime) / minute, admit({ meters: [net] }));
  run.block(250);
  const first4 = [0, 1, 2, 3].map((n) => entry(slot + n * hour, n * 1_000));
  const last = [0, 1, 2].map((n) => entry(slot + n * hour, n * 300));
  assert.deepEqual(run.block(251, read(first, ...first4), read(two, ...last)), []);
  const drawn = [0, 1, 2].map(
    (n) => lastSettlement(run.state, slot + n * hour, "user-a")?.settlement.importWh,
  );
  assert.deepEqual(drawn, [1_300, 1_300, 1_000]);
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
  const late = (out + retiredKeepMs - startTime) / minute;
  assert.deepEqual(run.block(late, read(two, entry(out + 1, 601))), []);
  assert.deepEqual(run.block(late + 1, read(two, entry(out + 2, 602))), ["readings.retired"]);
});

/** What happens to a metering point between two readings of what truly flowed. */
const act = fc.record({
  kind: fc.constantFrom(
    "read",
    "read",
    "meter-exchanged",
    "key-replaced",
    "unit-replaced",
    "suspended",
  ),
  ms: fc.integer({ min: 1, max: 3 * hour }),
  wh: fc.nat(5_000),
  fresh: fc.nat(900),
});

test("whatever is exchanged, no energy of the metering point is lost or counted twice", () => {
  fc.assert(
    fc.property(fc.array(act, { minLength: 1, maxLength: 25 }), (acts) => {
      const run = new Chain({}, quiet);
      const unit = new MeterChain("user-a");
      let [time, truth, offset, version, keys] = [startTime as number, 0, 0, 0, 0];
      let signer = { name: "user-a-unit", id: "user-a-unit" };
      const points: { time: number; wh: number }[] = [];
      const minutes = () => (time - startTime) / minute;
      const block = (...frames: Uint8Array[]) =>
        assert.deepEqual(run.block(minutes(), ...frames), []);
      const sign = (batch: Message<"readings">) => frameOf(signer.name, "readings", batch);
      const now = (how: number = quality.measured) =>
        entry(time, truth - offset, 0, { quality: how });
      const read = (...more: ReadingEntry[]) => sign(unit.batch(now(), ...more));
      block(read());
      points.push({ time, wh: truth });
      for (const { kind, ms, wh: flow, fresh } of acts) {
        time += ms;
        truth += flow;
        points.push({ time, wh: truth });
        switch (kind) {
          case "read":
            block(read());
            break;
          case "meter-exchanged": {
            // The old one's final register and the new one's first, noted in one instant.
            const final = now();
            offset = truth - fresh;
            block(sign(unit.batch(final, now(quality.replaced))));
            break;
          }
          case "key-replaced":
            signer = { ...signer, name: `key ${++keys}` };
            block(admit({ id: signer.id, key: signerOfName(signer.name).publicKey }), read());
            break;
          case "unit-replaced": {
            const id = `unit-${++keys}`;
            const key = signerOfName(signer.name).publicKey;
            const moved = admit(
              { id: signer.id, key, meters: [] },
              { id, key: signerOfName(id).publicKey },
            );
            signer = { name: id, id };
            version = 0;
            block(moved, read());
            break;
          }
          case "suspended": {
            block(change(++version, "suspend", "member-a", { device: signer.id }));
            const kept = read();
            assert.deepEqual(run.block(minutes(), kept), ["tx.suspended"]);
            block(change(++version, "resume", "member-a", { device: signer.id }), kept);
            break;
          }
          default:
            kind satisfies never;
        }
      }
      const line = (t: number) => {
        const after = points.findIndex((point) => point.time >= t);
        const [a, b] = [points[after - 1], points[after]];
        assert.ok(b);
        if (a === undefined || b.time === t) return b.wh;
        return a.wh + Math.floor(((b.wh - a.wh) * (t - a.time)) / (b.time - a.time));
      };
      let sum = 0;
      const last = Math.floor(time / hour) * hour;
      for (let t: number = startTime; t < last; t += hour) {
        const energy = slotEnergy(run.state, meter, utcMs(t), hour);
        assert.equal(energy?.importWh, line(t + hour) - line(t), new Date(t).toISOString());
        assert.notEqual(energy?.method, "reset");
        sum += energy?.importWh ?? 0;
      }
      assert.equal(sum, line(last) - line(startTime));
      assert.equal(meterStates.get(run.state, meter)?.importWh, truth);
    }),
    { numRuns: 40 },
  );
});
