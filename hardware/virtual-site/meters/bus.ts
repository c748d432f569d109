import type { Duplex } from "node:stream";
import type { Failure } from "@busbar/protocol";
import type { Bank } from "./bank.ts";
import type { BusConfig } from "./config.ts";
import { makeDevice, type SiteView } from "./device.ts";
import { seededRandom } from "./faults/dice.ts";
import type { Faults } from "./faults/faults.ts";
import { LineFaults } from "./faults/line-faults.ts";
import { TcpFaults } from "./faults/tcp-faults.ts";
import { listen, type OpenBus } from "./listen.ts";
import { serveModbusTcp } from "./modbus-tcp.ts";
import { openPlug, type Plug } from "./plug.ts";
import { loadProfile, type Profile } from "./profile.ts";
import { RtuLine } from "./rtu-line.ts";

/** A bus of simulated meters; one on a pseudo-terminal can be unplugged. */
export type MeterBus = OpenBus & { readonly plug?: Plug };

/** Opens a bus with its devices. `onLost` is called when it breaks later. */
export async function openBus(
  config: BusConfig,
  site: SiteView,
  onLost: (failure: Failure) => void,
): Promise<MeterBus> {
  const devices = new Map<number, Bank>();
  const faults = new Map<number, Faults>();
  let first: Profile | undefined;
  for (const device of config.devices) {
    const profile = await loadProfile(device.profile);
    first ??= profile;
    const own = { ...config.faults, ...device.faults };
    faults.set(device.unit, own);
    devices.set(device.unit, makeDevice({ ...device, faults: own }, profile, site));
  }
  const faultsOf = (unit: number) => faults.get(unit) ?? config.faults;
  const random = seededRandom(site.seed + (config.devices[0]?.unit ?? 0));
  if (config.kind === "tcp") {
    const onConnection = (socket: Parameters<typeof serveModbusTcp>[0]) =>
      serveModbusTcp(socket, devices, new TcpFaults({ faultsOf, random }));
    return listen({ ...config, onConnection });
  }
  let plug: Plug | undefined;
  const line = new RtuLine({
    devices,
    timing: {
      baud: config.baud ?? first?.serial?.baud ?? 9600,
      bitsPerByte:
        9 + (first?.serial?.stopBits ?? 1) + ((first?.serial?.parity ?? "none") === "none" ? 0 : 1),
      turnaroundMs: config.turnaroundMs,
    },
    faults: new LineFaults({ faultsOf, random }),
    onUnplug: (awayMs) => plug?.unplugFor(awayMs),
  });
  const onLine = (stream: Duplex) => line.attach(stream);
  const running = ({ at, close }: OpenBus): OpenBus => ({
    at,
    close: async () => {
      line.close();
      await close();
    },
  });
  if (config.kind !== "rtu") return running(await listen({ ...config, onConnection: onLine }));
  plug = await openPlug({ link: config.link, onLine, onLost });
  return { ...running(plug), plug };
}
