import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Bench, type BenchOptions, setBench } from "./bench.ts";
import { Card } from "./card.ts";
import { Site } from "./site.ts";

/** What the parts of a unit's life act on. */
export type Scene = Bench & {
  readonly root: string;
  readonly site: Site;
  /** The text by which a member admits the unit, from the card. */
  request(): Promise<string>;
};

/** An image, and the checkout whose programs make a card of it. */
export type ImageFile = {
  readonly root: string;
  readonly image: string;
  readonly sha256: string;
};

/** A site, and a card that was flashed for it in a board; nothing is switched on yet. */
export async function setScene(file: ImageFile, options: BenchOptions): Promise<Scene> {
  const at = (name: string) => join(options.scratch, name);
  const site = await Site.start(options.scratch);
  try {
    const config = at("site.yaml");
    writeFileSync(at("edge.yaml"), site.edgeYaml());
    writeFileSync(config, site.siteYaml("edge.yaml"));
    const card = await Card.flashed(at("card.img"), { ...file, config, mib: 2048 });
    const bench = await setBench(card, site.meterPort, options);
    const request = async () => {
      const [found] = /BUSBAR-REQUEST:[A-Z2-7]+/.exec(await card.read("request.txt")) ?? [];
      if (found === undefined) throw new Error("request.txt on the card holds no request");
      return found;
    };
    return { ...bench, root: file.root, site, request };
  } catch (error) {
    site.end();
    throw error;
  }
}
