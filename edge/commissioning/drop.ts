import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { decodeMessage, openFrame } from "@busbar/protocol";
import type { MarketFrame } from "../agent/market-outbox.ts";

/** Where `busbar-edge commission sheet` leaves what the unit is to bring to the ledger. */
export const dropName = "commissioning.frame";

const frameBytesMax = 4096;
/** A sheet that no aggregator takes for so long is made anew. */
const keptMs = 30 * 86_400_000;

/**
 * Takes a signed sheet's message that lies beside the unit's files, and puts it where the link finds it.
 * Returns whether one was taken. What is no such message of this unit is left where it is.
 */
export function takeDropped(
  home: string,
  { device, add }: { readonly device: string; readonly add: (frame: MarketFrame) => void },
): boolean {
  const path = join(home, dropName);
  if (!existsSync(path) || statSync(path).size > frameBytesMax) return false;
  const frame = new Uint8Array(readFileSync(path));
  const opened = openFrame(frame);
  if (!opened.ok || opened.frame.kind !== "commissioning") return false;
  const decoded = decodeMessage("commissioning", opened.frame.envelope.payload);
  if (!decoded.ok || decoded.message.device !== device) return false;
  const { at } = decoded.message;
  add({ kind: "commissioning", slot: at, gate: -2, opens: 0, closes: at + keptMs, frame });
  // Once it is on the disk there; a cut in between brings it twice, which the ledger knows.
  rmSync(path);
  return true;
}
