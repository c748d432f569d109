import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { openKeyFile, signerOf } from "@busbar/protocol/node";
import { openUnitClock } from "../clock/open.ts";
import { loadConfig } from "../config/load.ts";
import { lockFolder, openDatabase } from "../journal/database.ts";
import { heldCount } from "../journal/held.ts";
import { Journal } from "../journal/journal.ts";
import { type FinalDisplay, finalEntry } from "../schedule/exchange.ts";
import { MeterMemory } from "../schedule/memory.ts";
import { floorNote } from "../schedule/undated.ts";
import { print } from "./output.ts";

/** Options of `busbar-edge replace`. */
export type ReplaceOptions = {
  readonly config: string;
  readonly final?: string;
  readonly finalExport?: string;
  readonly json?: boolean;
};

/**
 * Notes that a meter was exchanged: its last reading, as somebody read it off, and that the next one
 * is another meter's first. The unit must not run meanwhile.
 * Throws: `Failure` `replace.*`, `journal.in-use`.
 */
export async function replaceCommand(meter: string, options: ReplaceOptions): Promise<void> {
  const { config: file, final, finalExport, json = false } = options;
  const config = loadConfig(file);
  const ids = config.meters.map(({ id }) => id);
  if (!ids.includes(meter)) {
    const message = `${file} has no meter ${meter}; it has ${ids.join(", ") || "none"}`;
    throw new Failure("replace.meter", message, { retry: "never" });
  }
  using parts = new DisposableStack();
  const lock = lockFolder(config.data);
  parts.defer(() => lock.release());
  const database = openDatabase(join(config.data, "journal.db"));
  parts.defer(() => database.close());
  const signer = signerOf(openKeyFile(config.device.key));
  const journal = new Journal(database, { chain: config.site, signer });
  const display = {
    ...(final === undefined ? {} : { import: final }),
    ...(finalExport === undefined ? {} : { export: finalExport }),
  };
  const entry = await exchange(journal, { meter, display, clock: config.clock });
  const registers = entry === undefined ? {} : Object.fromEntries(entry.registers);
  const bound = config.meters.find(({ id }) => id === meter)?.serial;
  const next =
    bound === undefined
      ? ""
      : `\n${file} binds it to serial number ${bound}, whose readings alone are taken: write the new meter's there.`;
  print(json, { meter, final: entry === undefined ? null : { time: entry.time, registers } }, () =>
    entry === undefined
      ? `${meter}: what it shows next counts as another meter's first reading.${next}`
      : `${meter}: the final reading is noted; what it shows next counts as another meter's first reading.${next}`,
  );
}

async function exchange(
  journal: Journal,
  {
    meter,
    display,
    clock: source,
  }: {
    readonly meter: string;
    readonly display: FinalDisplay;
    readonly clock: Parameters<typeof openUnitClock>[0];
  },
) {
  const memory = new MeterMemory(journal);
  const clock = await openUnitClock(source, () => {});
  await clock.begin(Math.max(Number(journal.note(floorNote) ?? 0), memory.timeOf(meter)));
  if (!clock.known || heldCount(journal.database) > 0) {
    const message =
      "the unit does not know the time yet, or has readings that wait for it: let it run until its status page says otherwise, then stop it and try again";
    throw new Failure("replace.time", message, { retry: "later" });
  }
  const entry = finalEntry(memory, { meter, display, time: clock.now(), clock: clock.byte });
  memory.exchanged(meter, entry?.time ?? memory.timeOf(meter));
  const notes = memory.notes();
  if (entry !== undefined) journal.append([{ meter, entry }], notes);
  else for (const [key, value] of notes) journal.setNote(key, value);
  return entry;
}
