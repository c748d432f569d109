import { openSiteClock } from "@busbar/protocol/node";
import type { LoadedConfig } from "../config/load.ts";
import { thisMachine } from "./machine.ts";
import { type ClockChange, simulatedTime, type TimeOfUnit, UnitClock } from "./unit-clock.ts";

/** The clock that the configuration names. Waits for a virtual site's file. Throws as `openSiteClock`. */
export async function openUnitClock(
  clock: LoadedConfig["clock"],
  onChange: (change: ClockChange) => void,
): Promise<TimeOfUnit> {
  if (clock.kind === "file") return simulatedTime(await openSiteClock(clock));
  const { trust, boundSeconds } = clock;
  return new UnitClock({ machine: thisMachine(), trust, boundMs: boundSeconds * 1000, onChange });
}
