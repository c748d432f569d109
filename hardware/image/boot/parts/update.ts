import assert from "node:assert/strict";
import { Bundles } from "../../../package/proof/bundles.ts";
import type { Report } from "../../../package/proof/report.ts";
import type { Scene } from "../scene.ts";
import { hasReceipt, readings, type Seen } from "../watch.ts";

/** A program whose event loop hangs as soon as it looks whether it proved itself. */
const hang = {
  path: "edge/update/watch.ts",
  change: (text: string) => text.replace("look(): void {", "look(): void {\n    for (;;);"),
};

export async function update(scene: Scene, report: Report): Promise<void> {
  const { root, scratch, card, board, watch, put } = scene;
  const bundles = new Bundles(root, { arch: "arm64", scratch });
  const key = bundles.publicKey();
  const insert = async (bundle: string) => {
    await board.cut();
    await put("site/update-keys", `${key}\n`);
    await card.put(bundle, "site/update.bundle");
    await board.start();
  };
  const onTrial = async () => {
    const said = await watch.untilSaid("the trial", /the bundle on the card is (on trial|refused)/);
    if (said.endsWith("refused")) assert.fail(await card.read("site/refused.txt"));
  };
  const isOver =
    (version: RegExp) =>
    ({ update }: Seen): boolean =>
      version.test(update?.last?.version ?? "");
  let installed = "";
  await report.part("A → B: a bundle on the card is tried, and kept", async () => {
    installed = (await watch.until("an answer")).version;
    await insert(await bundles.make(5));
    await onTrial();
    const { update, version } = await watch.until("the trial's end", isOver(/-5$/));
    assert.equal(update?.last?.outcome, "committed", update?.last?.reason);
    assert.match(version, /-5$/);
    return `${installed} → ${version}: ${update?.last?.reason}`;
  });
  await report.part("B → C → B: one whose event loop hangs is undone by the watchdog", async () => {
    await insert(await bundles.make(6, hang));
    await onTrial();
    await watch.untilSaid("the watchdog", /Watchdog timeout/i);
    const { update, version } = await watch.until("the trial's end", isOver(/-6$/));
    assert.equal(update?.last?.outcome, "rolled-back", update?.last?.reason);
    assert.match(version, /-5$/);
    await watch.until("a reading after it", (seen) => readings(seen) > 0);
    await watch.until("a receipt after it", hasReceipt);
    return `${version} runs again, since ${update?.last?.version}: ${update?.last?.reason}`;
  });
  await report.part("B → A: a file on the card takes it one step back", async () => {
    await board.cut();
    await put("site/update-rollback", "\n");
    await board.start();
    const isBack = ({ version }: Seen) => version === installed;
    const { update } = await watch.until("the version before", isBack);
    assert.equal(update?.last?.outcome, "rolled-back");
    await watch.until("a reading after it", (seen) => readings(seen) > 0);
    return `${installed} runs: ${update?.last?.reason}`;
  });
  await report.part("the card holds neither bundle nor refusal any more", async () => {
    assert.deepEqual(await card.list("site"), []);
  });
}
