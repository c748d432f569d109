import { parseArgs } from "node:util";
import { aloneOf, aloneOptions, measureAlone, misuse, runAlone } from "../alone.ts";
import { type MbusBusOptions, openMbus } from "./open.ts";

const usage =
  "usage: node hardware/virtual-site/meters/mbus/main.ts (--link PATH | --port N [--host H]) [--meters 1:12345678[,…]] [--source user.1]";

/** An M-Bus with meters, each by its primary address and the eight digits of its plate. */
await runAlone("mbus", (onLost) => openMbus({ ...readOptions(), onLost }));

function readOptions(): Omit<MbusBusOptions, "onLost"> {
  const { values } = parseArgs({
    options: { ...aloneOptions, meters: { type: "string", default: "1:12345678" } },
  });
  const place = aloneOf(values);
  const meters = values.meters.split(",").map((text) => /^(\d{1,3}):(\d{8})$/.exec(text));
  if (place === undefined || meters.some((meter) => meter === null || Number(meter[1]) > 250))
    throw misuse(usage);
  const measure = measureAlone(place.source);
  const devices = meters.map((meter) => {
    const [address, id = ""] = [Number(meter?.[1]), meter?.[2]];
    return { address, id, manufacturer: "BUS", version: 3, measure };
  });
  return { place: place.at, devices };
}
