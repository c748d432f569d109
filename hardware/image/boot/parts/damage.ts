import assert from "node:assert/strict";
import type { Report } from "../../../package/proof/report.ts";
import type { Scene } from "../scene.ts";
import { committed, readings, type Seen, taken } from "../watch.ts";

/** A folder's entry is lost: more than a repair without questions mends, and found because it is marked. */
const damage = ["clri /var/cache/busbar", "set_super_value state 2"];

export async function mended(scene: Scene, report: Report): Promise<void> {
  const { card, board, watch } = scene;
  await report.part("a damaged data partition is mended, and every reading is there", async () => {
    const before = await watch.until("an answer");
    await board.cut();
    await card.change(...damage);
    await board.start();
    await watch.untilSaid("the repair", /the data partition was damaged and is mended/);
    const after = await watch.until("the unit", (seen) => readings(seen) > 0);
    assert.ok(taken(after) >= taken(before), `${taken(before)} stored, ${taken(after)} there`);
    return `${taken(before)} were shown, ${taken(after)} are there`;
  });
}

/**
 * Behind a chain that is not its own the unit goes on once that has stood still for half an hour: nobody else then
 * signs with its key (`edge/RULES.md`).
 */
const standstillMinutes = 45;

/** For a unit that calls its journal damaged, and that nobody can sign in to. */
export async function aside(scene: Scene, report: Report): Promise<void> {
  const { card, board, watch, put } = scene;
  const name =
    "a file on the card sets its journal aside, and it goes on behind the ledger's chain";
  await report.part(name, async () => {
    await board.cut();
    await put("site/journal-set-aside", "\n");
    await board.start();
    await watch.untilSaid("the set-aside", /the journal (is|cannot be) set aside/);
    const { note } = await watch.until("a reading", (seen) => readings(seen) > 0);
    assert.match(note?.message ?? "", /journal was set aside/);
    assert.deepEqual(await card.list("site"), []);
    const isThere = (seen: Seen) => committed(seen) > 0;
    const seen = await watch.until("readings with a receipt", isThere, standstillMinutes);
    return `${committed(seen)} readings of the new journal are on the ledger; ${note?.message}`;
  });
}

/** The last of all: what the unit kept is gone. */
export async function lost(scene: Scene, report: Report): Promise<void> {
  const { card, board, watch, site } = scene;
  await report.part(
    "a data partition that is no more is made anew, and the loss named",
    async () => {
      await board.cut();
      await card.erase(4);
      await board.start();
      await watch.untilSaid("the loss", /made anew/);
      const { note } = await watch.until("a reading", (seen) => readings(seen) > 0);
      // The unit's own page says it, not only the card.
      assert.match(note?.message ?? "", /made anew/);
      const said = await card.read("lost.txt");
      assert.match(said, /readings/);
      return said.replaceAll(/\s+/g, " ").trim();
    },
  );
  await report.part(
    "a member admits its new key, and its readings come to the ledger",
    async () => {
      site.admit(await scene.request(), { replace: true });
      const isThere = (seen: Seen) => committed(seen) > 0;
      const seen = await watch.until("readings with a receipt", isThere, standstillMinutes);
      return `${committed(seen)} readings of the new key are on the ledger`;
    },
  );
}
