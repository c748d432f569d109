import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Board, type Loaded } from "./board.ts";
import { Card } from "./card.ts";
import { bootFilesOf } from "./firmware.ts";
import { Pace, waitsOf } from "./pace.ts";
import { patientCommandLine, patientInitrd } from "./patience.ts";
import { freePort, Site } from "./site.ts";
import { Watch } from "./watch.ts";

/** What the parts of a run act on. */
export type Scene = {
  readonly root: string;
  readonly scratch: string;
  readonly site: Site;
  readonly card: Card;
  readonly board: Board;
  readonly watch: Watch;
  readonly pagePort: number;
  /** Puts a text onto the card as a file. */
  put(name: string, text: string): Promise<void>;
  /** The text by which a member admits the unit, from the card. */
  request(): Promise<string>;
};

/** A site, a card with the image on it, and a board that it is put into; nothing is switched on yet. */
export async function setScene({
  root,
  scratch,
  image,
  sha256,
  log,
  endMs,
  progress,
}: {
  readonly root: string;
  readonly scratch: string;
  readonly image: string;
  readonly sha256: string;
  readonly log: string;
  /** Of the board's time. */
  readonly endMs: number;
  readonly progress: (text: string) => void;
}): Promise<Scene> {
  const at = (name: string) => join(scratch, name);
  const site = await Site.start(scratch);
  const config = at("site.yaml");
  writeFileSync(at("edge.yaml"), site.edgeYaml());
  writeFileSync(config, site.siteYaml("edge.yaml"));
  const about = { root, image, sha256, config, mib: 2048 };
  const card = await Card.flashed(at("card.img"), about).catch((error: unknown) => {
    site.end();
    throw error;
  });
  const load = async (): Promise<Loaded> => {
    const files = bootFilesOf(await card.read("config.txt"));
    await card.take(files.kernel, at("kernel"));
    await card.take(files.initrd, at("initrd"));
    writeFileSync(at("initrd.patient"), patientInitrd(at("initrd")));
    const commandLine = patientCommandLine(await card.read(files.commandLine));
    return { kernel: at("kernel"), initrd: at("initrd.patient"), commandLine };
  };
  const pagePort = await freePort();
  const { path: disk } = card;
  const { meterPort } = site;
  const board = new Board({ disk, load, meterPort, pagePort, socket: at("qmp"), log });
  const put = async (name: string, text: string) => {
    writeFileSync(at("put"), text);
    await card.put(at("put"), name);
  };
  const request = async () => {
    const [found] = /BUSBAR-REQUEST:[A-Z2-7]+/.exec(await card.read("request.txt")) ?? [];
    if (found === undefined) throw new Error("request.txt on the card holds no request");
    return found;
  };
  const pace = new Pace({ now: () => performance.now(), waits: () => waitsOf(board.pid) });
  const watch = new Watch(board, { pagePort, pace, endMs, progress });
  return { root, scratch, site, card, board, watch, pagePort, put, request };
}
