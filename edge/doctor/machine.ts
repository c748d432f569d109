import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { connect } from "node:tls";
import { brokerAddress } from "../config/broker-url.ts";

/** What the machine says of itself; undefined where it says nothing. */

/** Properties of the service `busbar-edge`. */
export function serviceState(): Promise<string | undefined> {
  const names = "LoadState,UnitFileState,ActiveState,Result,WatchdogUSec,NRestarts";
  return new Promise((resolve) => {
    const args = ["show", "busbar-edge", `--property=${names}`];
    execFile("systemctl", args, { timeout: 3_000 }, (error, out) =>
      resolve(error === null ? out : undefined),
    );
  });
}

/** Of an FTDI adapter: how long it keeps bytes back, ms. */
export function latencyOf(device: string): number | undefined {
  const name = device.replace("/dev/", "");
  const text = read(`/sys/bus/usb-serial/devices/${name}/latency_timer`);
  const ms = Number(text ?? Number.NaN);
  return Number.isInteger(ms) ? ms : undefined;
}

/** Whether a program of this name runs (the kernel's name of it, cut at 15 letters). */
export function runs(name: string): boolean {
  const short = name.slice(0, 15);
  return readdirSync("/proc").some(
    (id) => /^\d+$/.test(id) && read(`/proc/${id}/comm`)?.trim() === short,
  );
}

/** Whether the machine has a clock that a battery keeps. */
export const hasBatteryClock = (): boolean => existsSync("/sys/class/rtc/rtc0");

export const mounts = (): string => read("/proc/mounts") ?? "";

/** The end of the certificate that a broker shows, wall ms; whether it is trusted is not asked here. */
export function certificateEnd(url: string): Promise<number | undefined> {
  const { scheme, host, port } = brokerAddress(url);
  if (scheme !== "mqtts" && scheme !== "wss") return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      servername: isIP(host) === 0 ? host : "",
      rejectUnauthorized: false,
    });
    const end = (value?: number) => {
      socket.destroy();
      resolve(value);
    };
    socket.setTimeout(3_000, () => end());
    socket.once("error", () => end());
    socket.once("secureConnect", () => {
      const ends = Date.parse(socket.getPeerCertificate().valid_to);
      end(Number.isNaN(ends) ? undefined : ends);
    });
  });
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Not there, gone meanwhile, or not for this user: nothing is known.
    return undefined;
  }
}

/** When the certificate in a file ends; undefined where it cannot be read, which the sign-in tells. */
export function certificateFileEnd(file: string): number | undefined {
  try {
    const ends = Date.parse(new X509Certificate(readFileSync(file)).validTo);
    return Number.isNaN(ends) ? undefined : ends;
  } catch {
    return undefined;
  }
}
