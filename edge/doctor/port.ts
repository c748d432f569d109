import { type Finding, warning } from "./finding.ts";

/** What is known of a serial port that works. */
export type PortFacts = {
  /** As it stands in edge.yaml. */
  readonly path: string;
  /** By-id where there is one. */
  readonly stablePath: string;
  readonly warnings: readonly string[];
  /** Of FTDI adapters: how long bytes lie in the adapter, ms. */
  readonly latencyMs: number | undefined;
  readonly device: string;
  /** ModemManager runs, which talks to new ports. */
  readonly modemManager: boolean;
};

/** A read of three requests waits this long for nothing with more. */
const latencyMsMax = 4;

/** What may go wrong at a port that can be opened now. */
export function portFindings(check: string, facts: PortFacts): Finding[] {
  const { path, stablePath, latencyMs, device, modemManager } = facts;
  const findings = facts.warnings.map((text) => {
    const at = text.indexOf(": ");
    return warning(check, `${path}: ${text.slice(0, at)}`, text.slice(at + 2));
  });
  if (stablePath !== path && /^\/dev\/tty(USB|ACM)\d+$/.test(path)) {
    const message = `${path} is named by the order in which adapters were found`;
    findings.push(warning(check, message, `write path: ${stablePath}, which stays`));
  }
  if (latencyMs !== undefined && latencyMs > latencyMsMax) {
    const name = device.replace("/dev/", "");
    const message = `the adapter keeps answers for up to ${latencyMs} ms`;
    const remedy = `echo 1 | sudo tee /sys/bus/usb-serial/devices/${name}/latency_timer; for good by a udev rule with ATTR{latency_timer}="1"`;
    findings.push(warning(check, message, remedy));
  }
  if (modemManager && /tty(USB|ACM)/.test(device)) {
    const message =
      "ModemManager runs: it talks to adapters that are plugged in, and so to the bus";
    findings.push(warning(check, message, "sudo systemctl disable --now ModemManager"));
  }
  return findings;
}
