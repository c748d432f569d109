import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Report } from "../../package/proof/report.ts";
import type { Scene } from "./scene.ts";
import { committed, hasReceipt, readings } from "./watch.ts";

/** How much is done in a run. */
export type Amount = {
  /** Gives numbers from 0 to below 1. */
  readonly random: () => number;
};

/** The parts of a run by name; each finds the unit as the one before left it: running and admitted. */
export const parts = { refusal, first, plug } as const;
export type Part = keyof typeof parts;

const secondsSince = (began: number): string =>
  `${((performance.now() - began) / 1000).toFixed(0)} s`;

async function refusal({ card, board, watch, put, scratch }: Scene, report: Report): Promise<void> {
  await report.part("a configuration that is none is refused in words on the card", async () => {
    await put("site/edge.yaml", "site: demo\nmeters: 3\n");
    await board.start();
    await watch.untilSaid("the refusal", /in site\/ is refused/);
    await board.cut();
    await card.take("site/refused.txt", join(scratch, "refused.txt"));
    assert.ok((await card.list("site")).some((name) => name.endsWith("edge.yaml")));
  });
}

async function first(scene: Scene, report: Report, { random }: Amount): Promise<void> {
  const { site, card, board, watch, put, scratch } = scene;
  await put("site/edge.yaml", site.edgeYaml());
  await put("site/hostname", "unit-1\n");
  await card.put(join(site.home, "membership.json"), "site/membership.json");
  await report.part("power is cut at a random instant of the first start", async () => {
    const waitMs = 5_000 + random() * 55_000;
    await board.start();
    await setTimeout(waitMs);
    await board.cut();
    return `after ${(waitMs / 1000).toFixed(0)} s`;
  });
  await report.part("the next start brings the unit up, and it reads its meter", async () => {
    const began = performance.now();
    await board.start();
    await watch.until("the unit's page");
    const up = secondsSince(began);
    const { meters } = await watch.until("a reading", (seen) => readings(seen) > 0);
    assert.equal(meters[0]?.serial, "10000001");
    assert.ok((card.partitions()[3]?.count ?? 0) > 1000 * 2048, "the data partition did not grow");
    return `page after ${up}, first reading after ${secondsSince(began)}`;
  });
  await report.part("a member admits it, and the first receipt comes from the ledger", async () => {
    const file = join(scratch, "request.txt");
    await card.take("request.txt", file);
    const [request] = /BUSBAR-REQUEST:[A-Z2-7]+/.exec(readFileSync(file, "utf8")) ?? [];
    assert.ok(request !== undefined, "request.txt on the card holds no request");
    site.admit(request);
    const seen = await watch.until("a receipt", hasReceipt);
    return `${committed(seen)} readings are on the ledger`;
  });
  await report.part("nothing is left on the card that the unit took over", async () => {
    assert.deepEqual(await card.list("site"), []);
  });
}

async function plug({ board, watch }: Scene, report: Report): Promise<void> {
  await report.part("its adapter pulled out and put back, it reads on", async () => {
    await board.unplug();
    await watch.until("the fault", ({ meters }) => meters[0]?.error !== undefined);
    await board.plug();
    const before = (await watch.until("an answer")).meters[0]?.readings ?? 0;
    const began = performance.now();
    await watch.until("a reading", (seen) => readings(seen) > before);
    return `${secondsSince(began)} after it was put back`;
  });
}
