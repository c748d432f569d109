import { parseArgs } from "node:util";
import { aloneOf, aloneOptions, measureAlone, misuse, runAlone } from "../alone.ts";
import { type Dlt645BusOptions, openDlt645Bus } from "./open.ts";

const usage =
  "usage: node hardware/virtual-site/meters/dlt645/main.ts (--link PATH | --port N [--host H]) [--address 201000000012[,…]] [--source user.1] [--echo]";

/** A line with DL/T 645 meters on its own. */
await runAlone("dlt645", (onLost) => openDlt645Bus({ ...readOptions(), onLost }));

function readOptions(): Omit<Dlt645BusOptions, "onLost"> {
  const { values } = parseArgs({
    options: {
      ...aloneOptions,
      address: { type: "string", default: "201000000012" },
      echo: { type: "boolean", default: false },
    },
  });
  const place = aloneOf(values);
  const addresses = values.address.split(",");
  if (place === undefined || addresses.some((address) => !/^\d{1,12}$/.test(address)))
    throw misuse(usage);
  const measure = measureAlone(place.source);
  const devices = addresses.map((address) => {
    const whole = address.padStart(12, "0");
    return { address: whole, meterNumber: whole, model: "DTS-SIM", phases: 3, measure } as const;
  });
  return { place: place.at, devices, echo: values.echo };
}
