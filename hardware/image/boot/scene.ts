import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Board } from "./board.ts";
import { Card } from "./card.ts";
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
  /** Puts a text onto the card as a file. */
  put(name: string, text: string): Promise<void>;
};

/** A site, a card with the image on it, and a board that it is put into; nothing is switched on yet. */
export async function setScene({
  root,
  scratch,
  image,
  log,
  endMs,
}: {
  readonly root: string;
  readonly scratch: string;
  readonly image: string;
  readonly log: string;
  readonly endMs: number;
}): Promise<Scene> {
  const card = await Card.of(image, join(scratch, "card.img"), { mib: 2048 });
  const at = (name: string) => join(scratch, name);
  for (const name of ["vmlinuz", "initrd", "cmdline.txt"]) await card.take(`a/${name}`, at(name));
  writeFileSync(at("initrd.patient"), patientInitrd(at("initrd")));
  const pagePort = await freePort();
  const site = await Site.start(scratch);
  const board = new Board({
    disk: card.path,
    kernel: at("vmlinuz"),
    initrd: at("initrd.patient"),
    commandLine: patientCommandLine(readFileSync(at("cmdline.txt"), "utf8")),
    meterPort: site.meterPort,
    pagePort,
    socket: at("qmp"),
    log,
  });
  const put = async (name: string, text: string) => {
    writeFileSync(at("put"), text);
    await card.put(at("put"), name);
  };
  const watch = new Watch(board, { pagePort, endMs });
  return { root, scratch, site, card, board, watch, put };
}
