import { parseArgs } from "node:util";
import { aloneOf, aloneOptions, misuse, runAlone, siteAlone } from "../alone.ts";
import { type DsmrMeterConfig, openDsmrMeter } from "./open.ts";

const usage =
  "usage: node hardware/virtual-site/meters/dsmr/main.ts (--link PATH | --port N [--host H]) [--kind nl|se|nl-2.2] [--source user.1] [--every MS] [--serial TEXT]";

/** One P1 port on its own. */
await runAlone("dsmr", (onLost) => openDsmrMeter(readOptions(), siteAlone(), onLost));

function readOptions(): DsmrMeterConfig {
  const { values } = parseArgs({
    options: {
      ...aloneOptions,
      kind: { type: "string", default: "nl" },
      every: { type: "string", default: "1000" },
      serial: { type: "string", default: "E0053003812345617" },
    },
  });
  const kind = (["nl", "se", "nl-2.2"] as const).find((name) => name === values.kind);
  const everyMs = Number(values.every);
  const place = aloneOf(values);
  if (kind === undefined || place === undefined || !(everyMs >= 10)) throw misuse(usage);
  return { ...place, kind, everyMs, serialNumber: values.serial };
}
