import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeMessage, type Message, utcMs, wh } from "@busbar/protocol";
import fc from "fast-check";
import { carbonGrams } from "../../../settlement/carbon.ts";
import {
  greenDebtOf,
  greenLines,
  greenOpen,
  greenSlots,
  greenTotals,
  greenUses,
  heldOf,
} from "../../certificates.ts";
import type { Genesis } from "../../genesis.ts";
import { greenMeterLists } from "../../green-meters.ts";
import { sha256 } from "../../sha256.ts";
import { entry, frameOf, MeterChain, testGenesis } from "../../test-site.ts";
import { slotKey } from "./tables.ts";
import { Chain, hour, mandate, minute, quote, slot } from "./test-chain.ts";
import { waitMsMax } from "./waiting.ts";

/** The small site whose company has a sun meter and a wind meter behind its connection. */
function sunny(): Genesis {
  const site = testGenesis();
  const plant = [
    { id: "company-a-sun", role: "generation", form: "solar", feeder: "feeder-1" },
    { id: "company-a-wind", role: "generation", form: "wind", feeder: "feeder-1" },
  ] as const;
  const devices = site.devices.map((device) =>
    device.owner === "company-a" ? { ...device, meters: [...device.meters, ...plant] } : device,
  );
  return testGenesis({ devices });
}

/** The company offers 50 kWh of sun and sells them to the user in the first slot. */
function sold(form: "solar" | "any" = "solar"): Chain {
  const run = new Chain(sunny());
  const ask = quote("company-a", 1, { side: "ask", quantity: wh(50_000), form });
  const bid = quote("user-a", 2, { quantity: wh(50_000) });
  run.block(20, mandate("company-a"), mandate("user-a"));
  assert.deepEqual(run.block(25, ask.seal, bid.seal), []);
  assert.deepEqual(run.block(41, ask.open, bid.open), []);
  run.block(51);
  return run;
}

const over = (owner: string, importWh: number, exportWh: number, meter = "meter") =>
  new MeterChain(owner, meter).frame(entry(slot, 0, 0), entry(slot + hour, importWh, exportWh));
const lineOf = (run: Chain, owner: string, form = "solar") =>
  greenLines.get(run.state, `${slotKey(slot)}/${owner}/${form}`);

/** All meters report: 40 kWh of sun and 20 of wind, 45 of it given; the user took 60. */
const reported = (run: Chain, minutes = 121) =>
  run.block(
    minutes,
    over("company-a", 0, 45_000),
    over("company-a", 0, 40_000, "sun"),
    over("company-a", 0, 20_000, "wind"),
    over("user-a", 60_000, 0),
    over("bureau-a", 0, 15_000),
  );

test("sun is issued from signed readings, goes with the contract, and is retired by who used it", () => {
  const run = sold();
  assert.deepEqual(reported(run), []);
  assert.equal(run.of("contract-signed")[0]?.form, "solar");
  assert.deepEqual(lineOf(run, "company-a"), {
    issuedWh: 40_000,
    boughtWh: 0,
    soldWh: 40_000,
    retiredWh: 0,
  });
  assert.deepEqual(lineOf(run, "company-a", "wind"), {
    issuedWh: 20_000,
    boughtWh: 0,
    soldWh: 0,
    retiredWh: 15_000,
  });
  assert.deepEqual(lineOf(run, "user-a"), {
    issuedWh: 0,
    boughtWh: 40_000,
    soldWh: 0,
    retiredWh: 40_000,
  });
  const [event] = run.of("slot-certified");
  assert.equal(event?.version, 1);
  assert.deepEqual(
    event?.sales.map(({ energy }) => energy),
    [40_000],
  );
  // 40 of 60 kWh are sun; the company's own use was wind.
  const uses = greenUses(run.state, { from: slot, to: slot + hour });
  const factors = { solar: 41, wind: 11, rest: 400 };
  const grams = (owner: string) => carbonGrams(uses.get(owner) ?? assert.fail(owner), factors);
  assert.equal(grams("user-a"), 40 * 41 + 20 * 400);
  assert.equal(grams("company-a"), 15 * 11);
});

test("the same readings again, and later ones, issue nothing twice", () => {
  const run = sold();
  reported(run);
  const before = greenTotals(run.state, { from: 0, to: Number.MAX_SAFE_INTEGER });
  assert.deepEqual(reported(run, 130), Array(5).fill("tx.exists"));
  run.block(140);
  run.block(200);
  assert.deepEqual(greenTotals(run.state, { from: 0, to: Number.MAX_SAFE_INTEGER }), before);
  assert.equal(run.of("slot-certified").length, 1);
});

test("energy that was offered as any is sold without certificates", () => {
  const run = sold("any");
  reported(run);
  assert.equal(run.of("contract-signed")[0]?.form, undefined);
  assert.equal(lineOf(run, "user-a"), undefined);
  assert.equal(lineOf(run, "company-a")?.soldWh, 0);
});

test("a slot waits for its generation meters, a month at most", () => {
  const run = sold();
  run.block(
    121,
    over("company-a", 0, 45_000),
    over("company-a", 0, 40_000, "sun"),
    over("user-a", 60_000, 0),
  );
  assert.equal(run.of("slot-settled").length, 1);
  assert.equal(run.of("slot-certified").length, 0);
  assert.deepEqual(greenOpen.get(run.state, slotKey(slot))?.owners, ["company-a"]);
  run.block(130, over("company-a", 0, 20_000, "wind"));
  assert.equal(run.of("slot-certified").length, 1);
  assert.equal(greenOpen.get(run.state, slotKey(slot)), undefined);
  assert.equal(lineOf(run, "company-a", "wind")?.issuedWh, 20_000);

  const silent = sold();
  silent.block(121, over("company-a", 0, 45_000), over("user-a", 60_000, 0));
  const end = 120 + waitMsMax / minute;
  silent.block(end - 1);
  assert.equal(silent.of("slot-certified").length, 0);
  silent.block(end);
  assert.deepEqual(silent.of("slot-certified")[0]?.certificates, []);
});

test("a correction of a generation meter makes the slot's certificates anew, and nothing beside them", () => {
  const run = sold();
  reported(run);
  const correction: Message<"correction"> = {
    member: "member-a",
    meter: "company-a-sun",
    slot: utcMs(slot),
    version: 1,
    importWh: wh(0),
    exportWh: wh(30_000),
    reason: "meter-error",
  };
  const frames = [frameOf("member-a", "correction", correction)];
  assert.deepEqual(run.block(150, ...frames), []);
  if (run.of("case-closed").length === 0) {
    const motion = sha256(encodeMessage("correction", correction));
    const word = { member: "member-a", slot: utcMs(slot), motion, word: "uphold" } as const;
    assert.deepEqual(run.block(151, frameOf("member-a", "ruling", word)), []);
  }
  assert.equal(lineOf(run, "company-a")?.issuedWh, 30_000);
  assert.equal(lineOf(run, "user-a")?.boughtWh, 30_000);
  assert.deepEqual(
    run.of("slot-certified").map(({ version }) => version),
    [1, 2],
  );
  assert.equal(greenSlots.get(run.state, slotKey(slot))?.version, 2);
});

/** A move of certificates of the first slot. */
const move = (
  owner: string,
  version: number,
  energy: number,
  changes: Partial<Message<"certificate-move">> = {},
) => {
  const parts = [{ slot: utcMs(slot), energy: wh(energy) }];
  const message = { owner, version, form: "solar", parts, ...changes } as const;
  return frameOf(owner, "certificate-move", message);
};
const owners = ["company-a", "user-a", "bureau-a"];
const held = (run: Chain, owner: string) => heldOf(run.state, `${slotKey(slot)}/${owner}/solar`);

/** All of a form: what was issued is held by somebody, or was retired once. */
function insistOnOnce(run: Chain): void {
  const totals = greenTotals(run.state, { from: 0, to: Number.MAX_SAFE_INTEGER });
  const sum = (name: "issuedWh" | "retiredWh") =>
    totals.reduce((all, total) => all + (total.form === "solar" ? total[name] : 0), 0);
  const all = owners.reduce((sum, owner) => sum + held(run, owner), 0);
  assert.equal(all + sum("retiredWh"), sum("issuedWh"));
}

test("certificates that are held are handed on and retired by hand, and never twice", () => {
  const run = sold("any");
  reported(run);
  const had = held(run, "company-a");
  assert.ok(had > 20_000);
  assert.deepEqual(run.block(130, move("company-a", 1, 12_000, { to: "user-a" })), []);
  assert.deepEqual([held(run, "company-a"), held(run, "user-a")], [had - 12_000, 12_000]);
  assert.deepEqual(run.block(131, move("user-a", 1, 5_000, { reason: "the car" })), []);
  assert.equal(held(run, "user-a"), 7_000);
  assert.deepEqual(run.block(132, move("user-a", 1, 5_000, { reason: "the car" })), ["tx.exists"]);
  const one = (...frames: Uint8Array[]) => run.block(133, ...frames)[0];
  assert.equal(one(move("user-a", 2, 7_001)), "certificate.held");
  assert.equal(one(move("user-a", 1, 4_000)), "certificate.exists-different");
  assert.equal(one(move("user-a", 3, 4_000)), "certificate.version");
  assert.equal(one(move("user-a", 2, 1, { to: "nobody" })), "certificate.unknown");
  assert.equal(one(move("user-a", 2, 1, { to: "user-a" })), "certificate.self");
  assert.equal(one(move("user-a", 2, 0)), "certificate.slots");
  const part = { slot: utcMs(slot), energy: wh(4_000) };
  assert.equal(one(move("user-a", 2, 1, { parts: [part, part] })), "certificate.slots");
  assert.equal(one(move("user-a", 2, 1, { form: "wind" })), "certificate.held");
  const others = { owner: "user-a", version: 2, form: "solar", parts: [part] } as const;
  assert.equal(one(frameOf("company-a", "certificate-move", others)), "certificate.rights");
  assert.equal(one(frameOf("user-a-unit", "certificate-move", others)), "certificate.rights");
  insistOnOnce(run);
  const [given, retired] = run.of("certificates-moved");
  assert.deepEqual([given?.owner, given?.to, given?.energyWh], ["company-a", "user-a", 12_000]);
  assert.deepEqual([retired?.owner, retired?.to], ["user-a", null]);
  // What it retired stands for its use: 5 of the 60 kWh that it took.
  const use = greenUses(run.state, { from: slot, to: slot + hour }).get("user-a");
  assert.deepEqual([use?.greenTakenWh, use?.retired.solar], [5_000, 5_000]);
});

/** The members find that a meter, usually that of the sun, showed other than it did. */
function corrected(
  run: Chain,
  minutes: number,
  version: number,
  exportWh: number,
  meter = "company-a-sun",
): void {
  const correction: Message<"correction"> = {
    ...{ member: "member-a", meter, slot: utcMs(slot), version },
    ...{ importWh: wh(0), exportWh: wh(exportWh), reason: "meter-error" },
  };
  const closed = run.of("case-closed").length;
  assert.deepEqual(run.block(minutes, frameOf("member-a", "correction", correction)), []);
  if (run.of("case-closed").length > closed) return;
  const motion = sha256(encodeMessage("correction", correction));
  const word = { member: "member-a", slot: utcMs(slot), motion, word: "uphold" } as const;
  assert.deepEqual(run.block(minutes, frameOf("member-a", "ruling", word)), []);
}

test("what was moved and stands no more is owed: it is made good before anything is handed on", () => {
  const run = sold("any");
  reported(run);
  const had = held(run, "company-a");
  run.block(130, move("company-a", 1, had, { to: "user-a" }));
  corrected(run, 140, 1, 8_000);
  insistOnOnce(run);
  const owed = greenDebtOf(run.state, "company-a", "solar");
  assert.equal(owed, had - 8_000);
  assert.equal(held(run, "company-a"), 0 - owed);
  // The user keeps what it got, and hands some of it back: that is retired for what is owed.
  run.block(150, move("user-a", 1, owed + 2_000, { to: "company-a" }));
  assert.equal(held(run, "company-a"), 2_000);
  const again = move("company-a", 2, 1_000, { to: "user-a" });
  assert.deepEqual(run.block(151, again), ["certificate.owes"]);
  corrected(run, 160, 2, 40_000);
  insistOnOnce(run);
  assert.equal(greenDebtOf(run.state, "company-a", "solar"), 0);
  assert.deepEqual(run.block(161, again), []);
});

test("what was moved by hand is not there to be retired by use as well", () => {
  const run = sold("any");
  reported(run);
  run.block(130, move("company-a", 1, held(run, "company-a"), { to: "user-a" }));
  // It gave less, so it used more: of wind, for its sun is another's.
  corrected(run, 140, 1, 35_000, "company-a-meter");
  assert.deepEqual([held(run, "company-a"), greenDebtOf(run.state, "company-a", "solar")], [0, 0]);
  insistOnOnce(run);
});

test("whatever is moved and corrected, each Wh is held by one owner or retired once", () => {
  const start = sold("any");
  reported(start);
  const step = fc.record({
    who: fc.nat(2),
    to: fc.option(fc.nat(2), { nil: undefined }),
    energy: fc.nat(45_000),
    correct: fc.option(fc.nat(50_000), { freq: 3, nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
      const run = start.copy();
      const versions = new Map<string, number>();
      let corrections = 0;
      for (const [i, { who, to, energy, correct }] of steps.entries()) {
        const at = 200 + 2 * i;
        const owner = owners[who] ?? "";
        const recipient = to === undefined ? {} : { to: owners[to] ?? "" };
        const version = (versions.get(owner) ?? 0) + 1;
        const [refused] = run.block(at, move(owner, version, energy, recipient));
        if (refused === undefined) versions.set(owner, version);
        if (correct !== undefined) {
          corrections += 1;
          corrected(run, at + 1, corrections, correct);
        }
        insistOnOnce(run);
        for (const one of owners) {
          const below = Math.max(0, 0 - held(run, one));
          assert.ok(below <= greenDebtOf(run.state, one, "solar"), "what it lacks it owes");
        }
      }
    }),
    { numRuns: 30 },
  );
});

/** The installer makes the company's sun meter one of the wind, and takes its wind meter out. */
const rebuilt = (run: Chain, minutes: number) => {
  const unit = sunny().devices.find(({ owner }) => owner === "company-a") ?? assert.fail();
  const meters = unit.meters.flatMap((meter) => {
    if (meter.id === "company-a-wind") return [];
    return [meter.id === "company-a-sun" ? { ...meter, form: "wind" as const } : meter];
  });
  const message = { nonce: new Uint8Array(16).fill(9), member: "member-a", owners: [] };
  const devices = [{ ...unit, meters }];
  assert.deepEqual(
    run.block(minutes, frameOf("member-a", "admission", { ...message, devices })),
    [],
  );
};

test("a slot is certified anew by the meters that it closed with, whatever they are now", () => {
  const run = sold();
  reported(run);
  const before = [lineOf(run, "company-a"), lineOf(run, "company-a", "wind")];
  rebuilt(run, 130);
  corrected(run, 140, 1, 30_000);
  assert.equal(lineOf(run, "company-a")?.issuedWh, 30_000, "sun is sun that was sun");
  assert.equal(lineOf(run, "company-a", "wind")?.issuedWh, before[1]?.issuedWh);
  corrected(run, 150, 2, 40_000);
  assert.deepEqual([lineOf(run, "company-a"), lineOf(run, "company-a", "wind")], before);

  // Also where it still waited for a meter when the registry changed.
  const late = sold();
  late.block(
    121,
    over("company-a", 0, 45_000),
    over("company-a", 0, 20_000, "wind"),
    over("user-a", 60_000, 0),
    over("bureau-a", 0, 15_000),
  );
  assert.equal(lineOf(late, "company-a"), undefined);
  rebuilt(late, 130);
  assert.deepEqual(late.block(140, over("company-a", 0, 40_000, "sun")), []);
  assert.deepEqual([lineOf(late, "company-a"), lineOf(late, "company-a", "wind")], before);
  assert.equal([...greenMeterLists.scan(late.state)].length, 1);
});

test("who owes certificates sells none of what is issued to it until its debt is made good", () => {
  const run = sold("any");
  reported(run);
  const had = held(run, "company-a");
  run.block(130, move("company-a", 1, had, { to: "user-a" }));
  corrected(run, 140, 1, 10_000);
  const owed = greenDebtOf(run.state, "company-a", "solar");
  assert.equal(owed, had - 10_000);
  // It sells 50 kWh of sun in a later slot, and makes 60 of it there.
  const later = slot + 4 * hour;
  const ask = quote("company-a", 5, { side: "ask", quantity: wh(50_000), form: "solar" }, later);
  const bid = quote("user-a", 6, { quantity: wh(50_000) }, later);
  run.block(255);
  assert.deepEqual(run.block(265, ask.seal, bid.seal), []);
  assert.deepEqual(run.block(281, ask.open, bid.open), []);
  run.block(291);
  const more = (owner: string, from: number, made: number, meter = "meter") => {
    const chain = new MeterChain(owner, meter);
    const start = [entry(slot, 0, 0), entry(slot + hour, owner === "user-a" ? 60_000 : 0, from)];
    chain.frame(...start);
    const drew = owner === "user-a" ? 60_000 : 0;
    return chain.frame(entry(later, drew, from), entry(later + hour, drew, from + made));
  };
  const frames = [
    more("company-a", 45_000, 60_000),
    more("company-a", 40_000, 60_000, "sun"),
    more("company-a", 20_000, 0, "wind"),
    more("user-a", 0, 0),
    more("bureau-a", 15_000, 0),
  ];
  assert.deepEqual(run.block(361, ...frames), []);
  const of = (owner: string) => greenLines.get(run.state, `${slotKey(later)}/${owner}/solar`);
  assert.equal(of("company-a")?.issuedWh, 60_000);
  assert.equal(of("user-a")?.boughtWh, 60_000 - owed, "the rest of it, not all of the contract");
  assert.equal(greenDebtOf(run.state, "company-a", "solar"), 0);
  const [, withheld] = run.of("certificates-moved");
  assert.deepEqual([withheld?.to, withheld?.energyWh, withheld?.madeGoodWh], [null, owed, owed]);
  const totals = greenTotals(run.state, { from: later, to: later + hour });
  const sum = (name: "issuedWh" | "retiredWh") =>
    totals.reduce((all, total) => all + (total.form === "solar" ? total[name] : 0), 0);
  const holds = owners.reduce(
    (all, owner) => all + heldOf(run.state, `${slotKey(later)}/${owner}/solar`),
    0,
  );
  assert.equal(holds + sum("retiredWh"), sum("issuedWh"));
  // Certified anew with less, what was kept back stays so, and what is missing of it is owed again.
  const fix = {
    meter: "company-a-sun",
    slot: utcMs(later),
    version: 1,
    exportWh: wh(owed - 1_000),
  };
  const message = { member: "member-a", importWh: wh(0), reason: "meter-error", ...fix } as const;
  run.block(370, frameOf("member-a", "correction", message));
  const motion = sha256(encodeMessage("correction", message));
  const word = { member: "member-a", slot: utcMs(later), motion, word: "uphold" } as const;
  run.block(371, frameOf("member-a", "ruling", word));
  assert.equal(of("company-a")?.issuedWh, owed - 1_000);
  assert.equal(of("user-a")?.boughtWh ?? 0, 0);
  assert.equal(greenDebtOf(run.state, "company-a", "solar"), 1_000);
});
