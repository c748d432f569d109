import type { TimeOfUnit } from "../clock/unit-clock.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { Journal } from "../journal/journal.ts";
import { version } from "../version.ts";
import { announcementsOf } from "./home-assistant.ts";
import type { MeterBoard } from "./meter-board.ts";

/** What a unit tells Home Assistant, and where it notes which topics it ever told it on. */
export function announcing({
  config,
  clock,
  board,
  journal,
}: {
  readonly config: LoadedConfig;
  readonly clock: TimeOfUnit;
  readonly board: MeterBoard;
  readonly journal: Journal;
}) {
  const { enabled, prefix } = config.homeAssistant;
  const everyMs = clock.delay(config.sampling.everySeconds * 1000);
  const { site, device } = config;
  const noted = "announced";
  return {
    wanted: () =>
      enabled
        ? announcementsOf({
            site,
            device: device.id,
            version,
            prefix,
            expireSeconds: Math.max(15, Math.ceil((3 * everyMs) / 1000)),
            meters: board.meters(),
          })
        : [],
    announced: {
      read: () => JSON.parse(journal.note(noted) ?? "[]") as string[],
      write: (topics: readonly string[]) => journal.setNote(noted, JSON.stringify(topics)),
    },
  };
}
