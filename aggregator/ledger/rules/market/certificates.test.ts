import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeMessage, type Message, utcMs, wh } from "@busbar/protocol";
import { carbonGrams } from "../../../settlement/carbon.ts";
import { greenLines, greenOpen, greenSlots, greenTotals, greenUses } from "../../certificates.ts";
import type { Genesis } from "../../genesis.ts";
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
