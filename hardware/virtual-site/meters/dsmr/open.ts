import type { Duplex } from "node:stream";
import type { Failure } from "@busbar/protocol";
import type { Source } from "../../physics/site.ts";
import type { SiteView } from "../device.ts";
import { listen, type OpenBus } from "../listen.ts";
import { openPty } from "../pty.ts";
import { makeQuantities } from "../quantities.ts";
import { type DsmrPlate, telegram } from "./telegram.ts";

/** A P1 meter and where its port is. */
export type DsmrMeterConfig = DsmrPlate & {
  readonly source: Source;
  /** Between two telegrams, wall ms: 1000 for DSMR 5, 10 000 before. */
  readonly everyMs: number;
  readonly at:
    | { readonly kind: "pty"; readonly link: string }
    | { readonly kind: "tcp"; readonly host: string; readonly port: number };
};

/**
 * Starts a meter that sends a telegram every `everyMs`; before the site's clock has started it is
 * silent. `onLost` is called when its terminal goes away. Throws: `Failure` `bus.*`.
 */
export async function openDsmrMeter(
  config: DsmrMeterConfig,
  site: SiteView,
  onLost: (failure: Failure) => void,
): Promise<OpenBus> {
  const { at, source, everyMs } = config;
  const quantities = makeQuantities({ seed: site.seed, source, phases: 3 });
  const listeners = new Set<Duplex>();
  const join = (stream: Duplex): void => {
    listeners.add(stream);
    stream.on("close", () => listeners.delete(stream));
    // The port is one-way; what is written to it goes nowhere.
    stream.resume();
  };
  const open =
    at.kind === "pty"
      ? await openPty({ link: at.link, onLine: join, onLost })
      : await listen({ host: at.host, port: at.port, onConnection: join });
  const timer = setInterval(() => {
    const now = site.now();
    if (now === undefined) return;
    const bytes = telegram(config, quantities(site.read(source, now), now), now);
    // Nobody empties the line: what a real port would have sent is gone.
    for (const stream of listeners) if (stream.writableLength === 0) stream.write(bytes);
  }, everyMs);
  return {
    at: open.at,
    close: async () => {
      clearInterval(timer);
      await open.close();
    },
  };
}
