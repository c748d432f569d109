import assert from "node:assert/strict";
import type { Report } from "../../../package/proof/report.ts";
import { commandLine } from "../../partitions.ts";
import type { Scene } from "../scene.ts";
import { readings, taken } from "../watch.ts";

/** The other system's place is filled by this machine: the image does not do that itself. */
export async function system(scene: Scene, report: Report): Promise<void> {
  const { card, board, watch, put } = scene;
  const config = await card.read("config.txt");
  await report.part("the system in slot b starts, with all that is kept", async () => {
    const before = await watch.until("an answer");
    await board.cut();
    await card.copyPartition(2, 3);
    await card.makeFolder("b");
    for (const name of ["vmlinuz", "initrd"]) await card.copy(`a/${name}`, `b/${name}`);
    await put("b/cmdline.txt", `${commandLine("b")}\n`);
    await put("config.txt", config.replace("os_prefix=a/", "os_prefix=b/"));
    await board.start();
    await watch.untilSaid("slot b", /the system of slot b starts/);
    const after = await watch.until("the unit", (seen) => readings(seen) > 0);
    assert.ok(taken(after) >= taken(before), `${taken(before)} stored, ${taken(after)} there`);
    return `${taken(after)} readings are there`;
  });
  await report.part("a system in slot a that cannot be read gives way to slot b's", async () => {
    await board.cut();
    await put("config.txt", config);
    await card.erase(2, { mib: 1 });
    await board.start();
    await watch.untilSaid("slot b", /the system of slot b starts/);
    await watch.until("a reading", (seen) => readings(seen) > 0);
    const [said] = /the system of slot a cannot be.*/.exec(board.said) ?? [];
    assert.ok(said !== undefined, "the console does not name slot a");
    return said.trim();
  });
}
