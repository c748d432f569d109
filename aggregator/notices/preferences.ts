import type { NoticePreferences } from "@busbar/protocol";
import { parametersTable } from "../ledger/parameters.ts";
import { noticePreferencesTable } from "../ledger/rules/notices/tables.ts";
import type { StateReader } from "../ledger/state/state.ts";

/** How an owner is told: as it signed, or as is usual. */
export type Preferences = Omit<NoticePreferences, "owner" | "version"> & {
  /** 0: its owner never said anything. */
  readonly version: number;
};

/** Everything by MQTT at once, in English, by the site's clock: it needs no address and tells nobody. */
const usual: Omit<Preferences, "timeZone"> = {
  version: 0,
  language: "en",
  ways: [{ channel: "mqtt", when: "at-once", quiet: false }],
  digestAt: 18 * 60,
  threshold: 0 as NoticePreferences["threshold"],
  muted: [],
};

export function preferencesOf(state: StateReader, owner: string): Preferences {
  const signed = noticePreferencesTable.get(state, owner);
  if (signed !== undefined) return signed;
  return { ...usual, timeZone: parametersTable.get(state, "current")?.timeZone ?? "UTC0" };
}
