import { type DsmrTelegram, dsmrFramer } from "../framing/dsmr/frame.ts";
import { parseDsmr } from "../framing/dsmr/parse.ts";
import { parseReadout } from "../framing/iec62056-21/content.ts";
import { iecFramer } from "../framing/iec62056-21/frame.ts";
import type { Finder } from "../framing/probe-line.ts";
import { parseSmlFile } from "../framing/sml/file.ts";
import { readServerId } from "../framing/sml/server-id.ts";
import { SmlFramer } from "../framing/sml/transport.ts";
import type { MeterIdentity } from "./reading.ts";

/** What a pushed telegram can be of: one profile, or several that it does not tell apart. */
export type Pushed = readonly MeterIdentity[];

/** Finds the telegrams that meters send unasked, whichever comes first whole. */
export function pushedFinder(): Finder<Pushed> {
  const finders = [smlFinder(), p1Finder(), readoutFinder()];
  return (bytes) => {
    const found = finders.flatMap((finder) => finder(bytes) ?? []);
    return found.length === 0 ? undefined : found;
  };
}

function smlFinder(): Finder<Pushed> {
  const framer = new SmlFramer();
  return (bytes) => {
    for (const item of framer.push(bytes)) {
      if (item.kind === "damage") continue;
      const file = parseSmlFile(item.payload);
      const list = file.ok ? file.value[0] : undefined;
      if (list === undefined) continue;
      const { address } = readServerId(list.serverId);
      return [{ profile: "sml", ...(address === undefined ? {} : { serialNumber: address }) }];
    }
    return undefined;
  };
}

/** Telegrams without a checksum count where they say something that only P1 ports say. */
function p1Finder(): Finder<Pushed> {
  const framer = dsmrFramer("optional");
  return (bytes) => {
    for (const item of framer.push(bytes)) {
      if (item.kind === "telegram" && (item.telegram.checked || isP1(item.telegram))) {
        return [p1Identity(item.telegram)];
      }
      if (item.kind === "damage" && item.reason === "encrypted") {
        return [
          { profile: "dsmr", model: "encrypted telegrams: ask the grid operator for the key" },
        ];
      }
    }
    return undefined;
  };
}

const isP1 = ({ text }: DsmrTelegram): boolean => /^0-\d:(24\.[1-4]|96\.1[34])\./m.test(text);

function p1Identity(telegram: DsmrTelegram): MeterIdentity {
  const { model, serialNumber } = parseDsmr(telegram);
  const profile = telegram.checked ? "dsmr" : "dsmr22";
  return { profile, model, ...(serialNumber === undefined ? {} : { serialNumber }) };
}

function readoutFinder(): Finder<Pushed> {
  const framer = iecFramer("pushed");
  return (bytes) => {
    for (const item of framer.push(bytes)) {
      if (item.kind === "damage" || item.telegram.kind !== "push") continue;
      const { text, identification } = item.telegram;
      if (isP1({ header: "", text, checked: false })) continue;
      const { model, serialNumber } = parseReadout(text, identification);
      const known = {
        ...(model === undefined ? {} : { model }),
        ...(serialNumber === undefined ? {} : { serialNumber }),
      };
      return [{ profile: "iec62056-21-push", ...known }];
    }
    return undefined;
  };
}
