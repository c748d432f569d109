/** Protocols that a capture can be decoded as; `dsmr22` is P1 without a checksum (DSMR 2.2 and 3). */
export const captureProtocols = [
  "modbus-rtu",
  "modbus-tcp",
  "dlt645",
  "mbus",
  "sml",
  "dsmr",
  "dsmr22",
  "iec62056-21",
] as const;

export type CaptureProtocol = (typeof captureProtocols)[number];

export function isCaptureProtocol(name: string): name is CaptureProtocol {
  return (captureProtocols as readonly string[]).includes(name);
}
