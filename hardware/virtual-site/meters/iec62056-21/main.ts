import { parseArgs } from "node:util";
import { aloneOf, aloneOptions, misuse, runAlone, siteAlone } from "../alone.ts";
import { type IecMeterConfig, openIecMeter } from "./open.ts";

const usage =
  "usage: node hardware/virtual-site/meters/iec62056-21/main.ts (--link PATH | --port N [--host H]) [--mode A|B|C|D] [--no-parity] [--source user.1] [--every MS] [--reaction MS] [--serial N]";

/** One meter with an optical head on its own. */
await runAlone("iec62056-21", (onLost) => openIecMeter(readOptions(), siteAlone(), onLost));

function readOptions(): IecMeterConfig {
  const { values } = parseArgs({
    options: {
      ...aloneOptions,
      mode: { type: "string", default: "C" },
      "no-parity": { type: "boolean", default: false },
      every: { type: "string", default: "2000" },
      reaction: { type: "string", default: "200" },
      serial: { type: "string", default: "10067967" },
    },
  });
  const mode = (["A", "B", "C", "D"] as const).find((name) => name === values.mode);
  const place = aloneOf(values);
  const [everyMs, reactionMs] = [Number(values.every), Number(values.reaction)];
  if (mode === undefined || place === undefined || !(everyMs >= 10) || !(reactionMs >= 0))
    throw misuse(usage);
  const { serial: serialNumber, "no-parity": none } = values;
  return { ...place, mode, everyMs, reactionMs, serialNumber, parity: !none };
}
