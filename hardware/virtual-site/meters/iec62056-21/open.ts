import type { Duplex } from "node:stream";
import type { Failure } from "@busbar/protocol";
import type { Source } from "../../physics/site.ts";
import type { SiteView } from "../device.ts";
import { listen, type OpenBus } from "../listen.ts";
import { openPty } from "../pty.ts";
import { makeQuantities } from "../quantities.ts";
import { attach, type IecDevice } from "./device.ts";
import { type IecPlate, identification, readoutText, sevenEven } from "./readout.ts";

/** An IEC 62056-21 meter and where it is found. */
export type IecMeterConfig = IecPlate & {
  readonly source: Source;
  readonly parity: boolean;
  readonly reactionMs: number;
  /** Mode D: between two readouts, wall ms. */
  readonly everyMs: number;
  readonly at:
    | { readonly kind: "pty"; readonly link: string }
    | { readonly kind: "tcp"; readonly host: string; readonly port: number };
};

/**
 * Starts a meter; before the site's clock has started it identifies itself and reads nothing out. A
 * terminal has no speed, so that none is kept to. Throws: `Failure` `bus.*`.
 */
export async function openIecMeter(
  config: IecMeterConfig,
  site: SiteView,
  onLost: (failure: Failure) => void,
): Promise<OpenBus> {
  const { at, source, everyMs, parity, mode } = config;
  const quantities = makeQuantities({ seed: site.seed, source, phases: 3 });
  const text = (): string | undefined => {
    const now = site.now();
    return now === undefined
      ? undefined
      : readoutText(config, quantities(site.read(source, now), now));
  };
  const device: IecDevice = { parity, reactionMs: config.reactionMs, plate: config, text };
  const streams = new Set<Duplex>();
  const ends = new Set<() => void>();
  const join = (stream: Duplex): void => {
    streams.add(stream);
    stream.on("close", () => streams.delete(stream));
    if (mode === "D") stream.resume();
    else ends.add(attach(device, stream));
  };
  const open =
    at.kind === "pty"
      ? await openPty({ link: at.link, onLine: join, onLost })
      : await listen({ host: at.host, port: at.port, onConnection: join });
  const push = (): void => {
    const said = text();
    if (said === undefined) return;
    const whole = `${identification(config)}\r\n${said}`;
    const bytes = parity ? sevenEven(whole) : Buffer.from(whole, "latin1");
    for (const stream of streams) if (stream.writableLength === 0) stream.write(bytes);
  };
  const timer = mode === "D" ? setInterval(push, everyMs) : undefined;
  return {
    at: open.at,
    close: async () => {
      clearInterval(timer);
      for (const end of ends) end();
      await open.close();
    },
  };
}
