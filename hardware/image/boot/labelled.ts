import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { openKeyFile } from "@busbar/protocol/node";
import type { Report } from "../../package/proof/report.ts";
import { type BenchOptions, setBench, whenStopped } from "./bench.ts";
import { Card } from "./card.ts";
import type { ImageFile } from "./scene.ts";
import { Site } from "./site.ts";
import { committed, readings } from "./watch.ts";

const secret = "what only the label of this unit opens\n";
/** A code costs some seconds of a board, of an emulated one more. */
const codeMsMax = 600_000;

/**
 * A card with a label, from the office's sheet on: what is secret lies sealed on it, the code is entered on the
 * unit's page, and the ledger takes the unit in without another question. Gives the seconds of the board.
 */
export async function labelled(
  file: ImageFile,
  report: Report,
  options: BenchOptions,
): Promise<number> {
  const scratch = join(options.scratch, "label");
  mkdirSync(scratch);
  const at = (name: string) => join(scratch, name);
  const site = await Site.start(scratch);
  try {
    const codes = site.labels(at("sheet"), ["unit-1=anna", "unit-2=anna"]);
    const [code = "", others = ""] = [codes.get("unit-1"), codes.get("unit-2")];
    openKeyFile(at("owner.key"));
    writeFileSync(at("note.pem"), secret);
    writeFileSync(at("edge.yaml"), site.edgeYaml());
    const text = `${site.siteYaml("edge.yaml")}secrets: [owner.key, note.pem]\n`;
    writeFileSync(at("site.yaml"), text);
    const labels = join(at("sheet"), "labels.json");
    const config = at("site.yaml");
    const card = await Card.flashed(at("card.img"), { ...file, config, labels, mib: 2048 });
    const { board, watch, pagePort } = await setBench(card, site.meterPort, {
      ...options,
      scratch,
    });
    const stop = async () => {
      await board.cut();
      site.end();
    };
    const isOver = whenStopped(stop);
    const enter = (typed: string) =>
      fetch(`http://127.0.0.1:${pagePort}/claim`, {
        method: "POST",
        body: new URLSearchParams({ code: typed }),
        signal: AbortSignal.timeout(codeMsMax),
      });
    try {
      await report.part(
        "label: neither its code nor what is sealed can be read on its card",
        () => {
          const flashed = card.boot();
          for (const hidden of [code, code.replaceAll("-", ""), secret]) {
            assert.equal(flashed.indexOf(hidden), -1);
          }
          assert.ok(flashed.indexOf("BUSBAR-SEALED-1") > 0, "nothing is sealed there");
        },
      );
      await report.part("label: before its code is entered, the unit reads its meter", async () => {
        await board.start();
        const { claim } = await watch.until("a reading", (seen) => readings(seen) > 0);
        assert.equal(claim?.state, "code");
      });
      await report.part(
        "label: another unit's code is refused in words, its own taken",
        async () => {
          const wrong = await enter(others);
          const said = await wrong.text();
          assert.equal(wrong.status, 422, said);
          assert.match(said, /another unit&#39;s label/);
          // The door takes one code in a few seconds.
          await setTimeout(5_000);
          const taken = await enter(`http://unit-1.local:8080/claim#${code}@demo`);
          const answer = await taken.text();
          assert.equal(taken.status, 200, answer);
          const [opened] = /Opened: [^<]*\.pem/.exec(answer) ?? [];
          return opened;
        },
      );
      await report.part("label: the ledger takes it in, and its readings come there", async () => {
        const seen = await watch.until("readings with a receipt", (one) => committed(one) > 0);
        assert.deepEqual(site.labelStates(), { "unit-1": "used", "unit-2": "open" });
        return `${committed(seen)} readings are on the ledger`;
      });
      await report.part("label: what was sealed is in its place, and the rest gone", async () => {
        assert.deepEqual(await card.list("site"), []);
        await board.cut();
        const kept = at("kept");
        mkdirSync(kept);
        await card.takeKept("/var/lib/busbar", { scratch, to: kept });
        const names = readdirSync(join(kept, "busbar"));
        assert.equal(readFileSync(join(kept, "busbar/note.pem"), "utf8"), secret);
        const keys = [join(kept, "busbar/owner.key"), at("owner.key")];
        const [theirs, ours] = keys.map((key) => readFileSync(key, "utf8"));
        assert.equal(theirs, ours);
        const left = names.filter((name) => ["sealed.txt", "claim.json"].includes(name));
        assert.deepEqual(left, []);
      });
    } finally {
      isOver();
      await board.cut();
    }
    return watch.passedMs() / 1000;
  } finally {
    site.end();
  }
}
