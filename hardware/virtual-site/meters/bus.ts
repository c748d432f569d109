import type { Failure } from "@busbar/protocol";
import type { Bank } from "./bank.ts";
import type { BusConfig } from "./config.ts";
import { makeDevice, type SiteView } from "./device.ts";
import { listen, type OpenBus } from "./listen.ts";
import { serveModbusTcp } from "./modbus-tcp.ts";
import { loadProfile, type Profile } from "./profile.ts";
import { openPty } from "./pty.ts";
import { RtuLine } from "./rtu-line.ts";

/** Opens a bus with its devices. `onLost` is called when it breaks later. */
export async function openBus(
  config: BusConfig,
  site: SiteView,
  onLost: (failure: Failure) => void,
): Promise<OpenBus> {
  const devices = new Map<number, Bank>();
  let first: Profile | undefined;
  for (const device of config.devices) {
    const profile = await loadProfile(device.profile);
    first ??= profile;
    devices.set(device.unit, makeDevice(device, profile, site));
  }
  if (config.kind === "tcp") {
    return listen({ ...config, onConnection: (socket) => serveModbusTcp(socket, devices) });
  }
  const line = new RtuLine(devices, {
    baud: config.baud ?? first?.serial?.baud ?? 9600,
    bitsPerByte:
      9 + (first?.serial?.stopBits ?? 1) + ((first?.serial?.parity ?? "none") === "none" ? 0 : 1),
    turnaroundMs: config.turnaroundMs,
  });
  const open =
    config.kind === "rtu"
      ? await openPty({ link: config.link, onLine: (stream) => line.attach(stream), onLost })
      : await listen({ ...config, onConnection: (socket) => line.attach(socket) });
  return {
    at: open.at,
    close: async () => {
      line.close();
      await open.close();
    },
  };
}
