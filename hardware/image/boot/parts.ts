import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Report } from "../../package/proof/report.ts";
import type { Scene } from "./scene.ts";
import { committed, hasReceipt, readings, taken } from "./watch.ts";

/** How much is done in a run. */
export type Amount = {
  /** Power cuts at random instants, beside the one in the first start. */
  readonly cuts: number;
  /** Gives numbers from 0 to below 1. */
  readonly random: () => number;
};

/** The parts of a run by name; each finds the unit as the one before left it: running and admitted. */
export const parts = { refusal, first, plug, cuts, journal } as const;
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

async function cuts(scene: Scene, report: Report, { cuts: count, random }: Amount): Promise<void> {
  const { board, watch } = scene;
  let before = await watch.until("an answer");
  for (let n = 1; n <= count; n += 1) {
    const name = `power cut ${n} of ${count}: every reading that the journal acknowledged is there`;
    await report.part(name, async () => {
      // At any instant of a start, or of the minute of work behind it.
      const isStarting = n % 2 === 0;
      const waitMs = random() * 60_000;
      if (isStarting) {
        await board.cut();
        await board.start();
      }
      const end = performance.now() + waitMs;
      while (performance.now() < end) {
        before = (await watch.seen()) ?? before;
        await setTimeout(500);
      }
      await board.cut();
      await board.start();
      const after = await watch.until("the unit again");
      assert.ok(taken(after) >= taken(before), `${taken(before)} stored, ${taken(after)} there`);
      assert.ok(committed(after) >= committed(before));
      const moment = `${(waitMs / 1000).toFixed(1)} s ${isStarting ? "into a start" : "into its work"}`;
      before = await watch.until("a reading after it", (seen) => readings(seen) > 0);
      return `${moment}, ${taken(after)} there`;
    });
  }
  await report.part("and what was read meanwhile comes to the ledger", async () => {
    const seen = await watch.until("a receipt", (one) => committed(one) > committed(before));
    return `${committed(seen)} of ${taken(seen)} readings`;
  });
}

async function journal(scene: Scene, report: Report): Promise<void> {
  const { root, scratch, card, board, site, watch } = scene;
  await report.part("the journal's chains, batches and receipts hold together", async () => {
    const seen = await watch.until("an answer");
    await board.cut();
    const kept = join(scratch, "kept");
    mkdirSync(kept);
    await card.takeKept("/var/lib/busbar", { scratch, to: kept });
    const config = join(kept, "busbar/edge.yaml");
    writeFileSync(config, site.edgeYaml());
    const args = [join(root, "edge/cli.ts"), "journal", "verify", "--config", config];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    assert.equal(status, 0, `${stdout}${stderr}`);
    return `${taken(seen)} readings were shown; ${stdout.trim().split("\n").at(-1)}`;
  });
}
