import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "../../../package/proof/report.ts";
import type { Scene } from "../scene.ts";
import { committed, readings, taken } from "../watch.ts";
import { type Amount, secondsSince } from "./amount.ts";

export async function plug({ board, watch }: Scene, report: Report): Promise<void> {
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

/** At any instant of its work, and of each second time a start and the work behind it. */
export async function cuts(
  { board, watch }: Scene,
  report: Report,
  { cuts: count, random }: Amount,
): Promise<void> {
  let before = await watch.until("an answer");
  for (let n = 1; n <= count; n += 1) {
    const isStarting = n % 2 === 0;
    const name = `power cut ${n} of ${count}, ${isStarting ? "into a start" : "into its work"}: every reading that the journal acknowledged is there`;
    await report.part(name, async () => {
      const waitMs = random() * 60_000;
      if (isStarting) {
        await board.cut();
        await board.start();
      }
      before = (await watch.pass(waitMs)) ?? before;
      await board.cut();
      await board.start();
      const after = await watch.until("the unit again");
      assert.ok(taken(after) >= taken(before), `${taken(before)} stored, ${taken(after)} there`);
      assert.ok(committed(after) >= committed(before));
      const [was, is] = [taken(before), taken(after)];
      before = await watch.until("a reading after it", (seen) => readings(seen) > 0);
      return `after ${(waitMs / 1000).toFixed(1)} s; ${was} were shown, ${is} are there`;
    });
  }
  await report.part("and what was read meanwhile comes to the ledger", async () => {
    const seen = await watch.until("a receipt", (one) => committed(one) > committed(before));
    return `${committed(seen)} of ${taken(seen)} readings`;
  });
}

export async function journal(scene: Scene, report: Report): Promise<void> {
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
