import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "../../../package/proof/report.ts";
import { inCountry, joined } from "../radio.ts";
import type { Scene } from "../scene.ts";
import { committed, hasReceipt, readings, type Seen } from "../watch.ts";
import { type Amount, secondsSince } from "./amount.ts";

export async function refusal(
  { card, board, watch, put, scratch }: Scene,
  report: Report,
): Promise<void> {
  await report.part("a configuration that is none is refused in words on the card", async () => {
    await put("site/edge.yaml", "site: demo\nmeters: 3\n");
    await board.start();
    await watch.untilSaid("the refusal", /in site\/ is refused/);
    await board.cut();
    const file = join(scratch, "refused.txt");
    await card.take("site/refused.txt", file);
    const said = readFileSync(file, "utf8");
    // By the name that the installer knows it by, and by no other.
    assert.match(said, /site\/edge\.yaml:\d/);
    assert.doesNotMatch(said, /edge\.yaml\.new/);
    assert.ok((await card.list("site")).some((name) => name.endsWith("edge.yaml")));
    return said.split("\n").find((line) => line.includes("edge.yaml"));
  });
}

const hasNumber = ({ meters: [meter] }: Seen): boolean => meter?.serial !== undefined;

export async function first(scene: Scene, report: Report, { random }: Amount): Promise<void> {
  const { site, card, board, watch, put } = scene;
  // In the place of one that was refused.
  await put("site/edge.yaml", site.edgeYaml());
  await report.part("power is cut at a random instant of the first start", async () => {
    const waitMs = 5_000 + random() * 55_000;
    await board.start();
    await watch.pass(waitMs);
    await board.cut();
    return `after ${(waitMs / 1000).toFixed(0)} s`;
  });
  await report.part("the next start brings the unit up, and it reads its meter", async () => {
    const began = performance.now();
    await board.start();
    await watch.until("the unit's page");
    const up = secondsSince(began);
    await watch.until("a reading", (seen) => readings(seen) > 0);
    // A meter's number is asked for apart from its values.
    const { meters } = await watch.until("the meter's number", hasNumber);
    assert.equal(meters[0]?.serial, "10000001");
    assert.ok((card.partitions()[3]?.count ?? 0) > 1000 * 2048, "the data partition did not grow");
    return `page after ${up}, first reading after ${secondsSince(began)}`;
  });
  await report.part("a member admits it, and the first receipt comes from the ledger", async () => {
    site.admit(await scene.request());
    const isThere = (seen: Seen) => hasReceipt(seen) && committed(seen) > 0;
    const seen = await watch.until("readings with a receipt", isThere);
    return `${committed(seen)} readings are on the ledger`;
  });
  await report.part("nothing is left on the card that the unit took over", async () => {
    assert.deepEqual(await card.list("site"), []);
  });
}

export async function wifi({ watch }: Scene, report: Report): Promise<void> {
  await report.part("its radio joins the network of the site, by its country's rules", async () => {
    const said = await watch.untilSaid("the country", inCountry);
    await watch.untilSaid("the network", joined);
    return said;
  });
}
