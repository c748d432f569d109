import { parseArgs } from "node:util";
import { aloneOf, aloneOptions, misuse, runAlone, siteAlone } from "../alone.ts";
import { openSmlMeter, type SmlMeterConfig } from "./open.ts";

const usage =
  "usage: node hardware/virtual-site/meters/sml/main.ts (--link PATH | --port N [--host H]) [--source user.1] [--every MS] [--serial N] [--maker ISK] [--checksum x25|kermit]";

/** One SML meter on its own. */
await runAlone("sml", (onLost) => openSmlMeter(readOptions(), siteAlone(), onLost));

function readOptions(): SmlMeterConfig {
  const { values } = parseArgs({
    options: {
      ...aloneOptions,
      every: { type: "string", default: "1000" },
      serial: { type: "string", default: "12345678" },
      maker: { type: "string", default: "ISK" },
      checksum: { type: "string", default: "x25" },
    },
  });
  const { maker, checksum } = values;
  const place = aloneOf(values);
  const serialNumber = Number(values.serial);
  const everyMs = Number(values.every);
  const fits = /^[A-Z]{3}$/.test(maker) && /^\d{1,8}$/.test(values.serial) && everyMs >= 10;
  if (place === undefined || !fits || (checksum !== "x25" && checksum !== "kermit"))
    throw misuse(usage);
  return { ...place, everyMs, serialNumber, manufacturer: maker, checksum };
}
