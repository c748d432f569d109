import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Board, type Loaded } from "./board.ts";
import type { Card } from "./card.ts";
import { bootFilesOf } from "./firmware.ts";
import { Pace, waitsOf } from "./pace.ts";
import { patientCommandLine, patientInitrd } from "./patience.ts";
import { freePort } from "./site.ts";
import { Watch } from "./watch.ts";

/** A board with a card in it, and what looks at both. */
export type Bench = {
  readonly scratch: string;
  readonly card: Card;
  readonly board: Board;
  readonly watch: Watch;
  readonly pagePort: number;
  /** Puts a text onto the card as a file. */
  put(name: string, text: string): Promise<void>;
};

/** What a run on a bench is given. */
export type BenchOptions = {
  readonly scratch: string;
  /** What the consoles say is added to it. */
  readonly log: string;
  /** Of the board's time. */
  readonly endMs: number;
  readonly progress: (text: string) => void;
};

/** A board that this card is put into; it is not switched on yet. @param meterPort of its adapter's serial line */
export async function setBench(
  card: Card,
  meterPort: number,
  { scratch, log, endMs, progress }: BenchOptions,
): Promise<Bench> {
  const at = (name: string) => join(scratch, name);
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
  const board = new Board({ disk, load, meterPort, pagePort, socket: at("qmp"), log });
  const put = async (name: string, text: string) => {
    writeFileSync(at("put"), text);
    await card.put(at("put"), name);
  };
  const pace = new Pace({ now: () => performance.now(), waits: () => waitsOf(board.pid) });
  const watch = new Watch(board, { pagePort, pace, endMs, progress });
  return { scratch, card, board, watch, pagePort, put };
}

/** Does this before the process ends by a signal, until what it gives is called. */
export function whenStopped(end: () => Promise<void>): () => void {
  const signals = ["SIGINT", "SIGTERM"] as const;
  const stop = () => void end().finally(() => process.exit(130));
  for (const signal of signals) process.once(signal, stop);
  return () => {
    for (const signal of signals) process.off(signal, stop);
  };
}
