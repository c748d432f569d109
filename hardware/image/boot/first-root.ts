import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "../../package/proof/report.ts";
import { type BenchOptions, setBench, whenStopped } from "./bench.ts";
import { Card } from "./card.ts";
import type { ImageFile } from "./scene.ts";
import { freePort } from "./site.ts";

const cardMib = 2048;

/**
 * The card's first program alone, for which seconds do: each start is ended as soon as it has said what it does
 * with this card, and what it left there is looked at from outside. Gives the seconds of the board.
 */
export async function firstRoot(
  file: ImageFile,
  report: Report,
  options: BenchOptions,
): Promise<number> {
  const card = await Card.flashed(join(options.scratch, "root.img"), { ...file, mib: cardMib });
  // Nobody listens there: no meter is read.
  const bench = await setBench(card, await freePort(), options);
  const { board, watch } = bench;
  const isOver = whenStopped(async () => {
    await board.cut();
    rmSync(options.scratch, { recursive: true, force: true });
  });
  /** What a start says up to this; then the power goes. */
  const say = async (what: string, pattern: RegExp): Promise<string> => {
    await board.start();
    try {
      return await watch.untilSaid(what, pattern);
    } finally {
      await board.cut();
    }
  };
  const handsOver = /the system of slot [ab] starts/;
  try {
    await report.part("first root: the last partition grows to the card's end", async () => {
      await say("the system", handsOver);
      const [, , , last] = card.partitions();
      assert.equal((last?.first ?? 0) + (last?.count ?? 0), cardMib * 2048);
      return `${(last?.count ?? 0) / 2048} MiB`;
    });
    await report.part("first root: a damaged data partition is mended", async () => {
      const folder = "/var/cache/busbar";
      await card.change("mkdir /var", "mkdir /var/cache", `mkdir ${folder}`, `mkdir ${folder}/x`);
      await card.change(`clri ${folder}`, "set_super_value state 2");
      assert.notEqual(await card.faults(), "", "the damage is none");
      const said = await say("the repair", /the data partition was damaged and is mended/);
      assert.equal(await card.faults(), "");
      return said;
    });
    await report.part("first root: one that cannot be mended is left for a rescue", async () => {
      // A size of block that there is not, and no second superblock: it is too small for one.
      await card.change("set_super_value log_block_size 20");
      const said = await say("the alarm", /ALARM: nothing can be kept/);
      assert.notEqual(await card.faults(), "");
      return said;
    });
    await report.part(
      "first root: one that is no more is made anew, and that is said",
      async () => {
        await card.erase(4);
        const said = await say("the loss", /ALARM: .*made anew/);
        assert.equal(await card.faults(), "");
        return said;
      },
    );
    await report.part(
      "first root: a system that cannot be read gives way to slot b's",
      async () => {
        await card.copyPartition(2, 3);
        await card.erase(2, { mib: 1 });
        return await say("slot b", /the system of slot b starts/);
      },
    );
    await report.part("first root: without any system it says so, and starts again", async () => {
      await card.erase(3, { mib: 1 });
      return await say("the end", /nor can the system of slot b; starting again/);
    });
  } finally {
    isOver();
    await board.cut();
    rmSync(card.path);
  }
  return watch.passedMs() / 1000;
}
