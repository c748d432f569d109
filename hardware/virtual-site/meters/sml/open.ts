import type { Duplex } from "node:stream";
import type { Failure } from "@busbar/protocol";
import type { Source } from "../../physics/site.ts";
import type { SiteView } from "../device.ts";
import { listen, type OpenBus } from "../listen.ts";
import { openPty } from "../pty.ts";
import { makeQuantities } from "../quantities.ts";
import { type SmlPlate, telegram } from "./telegram.ts";

/** An SML meter and where it is heard. */
export type SmlMeterConfig = SmlPlate & {
  readonly source: Source;
  /** Between two telegrams, wall ms. */
  readonly everyMs: number;
  readonly at:
    | { readonly kind: "pty"; readonly link: string }
    | { readonly kind: "tcp"; readonly host: string; readonly port: number };
};

/**
 * Starts a meter that pushes a telegram every `everyMs`; before the site's clock has started it is
 * silent. `onLost` is called when its terminal goes away. Throws: `Failure` `bus.*`.
 */
export async function openSmlMeter(
  config: SmlMeterConfig,
  site: SiteView,
  onLost: (failure: Failure) => void,
): Promise<OpenBus> {
  const { at, source, everyMs } = config;
  const quantities = makeQuantities({ seed: site.seed, source, phases: 3 });
  const listeners = new Set<Duplex>();
  const join = (stream: Duplex): void => {
    listeners.add(stream);
    stream.on("close", () => listeners.delete(stream));
    // Whatever is said to the meter is not heard, but has to be taken off the line.
    stream.resume();
  };
  const open =
    at.kind === "pty"
      ? await openPty({ link: at.link, onLine: join, onLost })
      : await listen({ host: at.host, port: at.port, onConnection: join });
  let number = 1;
  const push = (): void => {
    const now = site.now();
    if (now === undefined) return;
    const told = quantities(site.read(source, now), now);
    const bytes = telegram(config, told, { number, seconds: number });
    number += 1;
    // A line that nobody empties loses telegrams, as light on a wall does.
    for (const stream of listeners) if (stream.writableLength === 0) stream.write(bytes);
  };
  const timer = setInterval(push, everyMs);
  return {
    at: open.at,
    close: async () => {
      clearInterval(timer);
      await open.close();
    },
  };
}
