import { randomBytes } from "node:crypto";
import type { Signer } from "@busbar/protocol";
import { historySlots } from "@busbar/protocol/forecast";
import type { Logger } from "pino";
import type { TimeOfUnit } from "../clock/unit-clock.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { Journal } from "../journal/journal.ts";
import type { Counters } from "../status/counters.ts";
import { Agent } from "./agent.ts";
import { Daring } from "./daring.ts";
import { keptHistory } from "./kept-history.ts";
import type { MandateFile } from "./mandate.ts";
import type { MarketOutbox } from "./market-outbox.ts";
import { netHistory } from "./net-history.ts";

/** The agent that quotes for the owner of a unit's configuration, within the owner's signed limits. */
export function openAgent({
  config,
  mandate,
  slotMs,
  journal,
  outbox,
  signer,
  clock,
  counters,
  log,
  onQuoted,
}: {
  readonly config: LoadedConfig;
  readonly mandate: MandateFile;
  readonly slotMs: number;
  readonly journal: Journal;
  readonly outbox: MarketOutbox;
  readonly signer: Signer;
  readonly clock: TimeOfUnit;
  readonly counters: Counters;
  readonly log: Logger;
  readonly onQuoted: () => void;
}): Agent {
  const now = () => clock.now();
  const readings = netHistory(journal, { meters: connectionMeters(config), slotMs });
  return new Agent({
    chain: config.site,
    owner: config.owner.id,
    party: config.owner.party,
    form: config.agent.form,
    strategy: config.agent.strategy,
    daring: daringOf(config, journal),
    mandate: mandate.mandate,
    slotMs,
    history: keptHistory(readings, { slotMs, now, slots: historySlots(slotMs) }),
    outbox,
    signer,
    now,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    counters,
    log,
    onQuoted,
  });
}

function daringOf({ agent: { strategy } }: LoadedConfig, journal: Journal): Daring {
  const noted = "daring";
  const store = {
    read: () => journal.note(noted),
    write: (text: string) => journal.setNote(noted, text),
  };
  return new Daring(store, strategy.kind === "learned-ramp" ? strategy.learnPermille : 0);
}

/** The billed meters; where none is marked, all of them. */
function connectionMeters({ meters }: LoadedConfig): string[] {
  const billed = meters.filter(({ role }) => role === "connection" || role === "exchange");
  return (billed.length > 0 ? billed : meters).map(({ id }) => id);
}
