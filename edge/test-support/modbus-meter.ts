import { once } from "node:events";
import { ServerTCP } from "modbus-serial";
import { freePort } from "./free-port.ts";

/** An SDM630 on a real Modbus TCP server: float32 input registers by address. */
export type TestMeter = {
  readonly port: number;
  readonly values: Map<number, number>;
  reads: number;
  close(): Promise<void>;
};

/** Addresses of an Eastron SDM630. */
export const sdm630 = {
  voltage: 0x0000,
  power: 0x0034,
  importKwh: 0x0048,
  exportKwh: 0x004a,
} as const;

/** Starts a meter; registers without a value read 0. */
export async function startMeter(): Promise<TestMeter> {
  const port = await freePort();
  const values = new Map<number, number>([
    [sdm630.voltage, 230.5],
    [sdm630.power, -1250],
    [sdm630.importKwh, 12.5],
    [sdm630.exportKwh, 40],
  ]);
  const word = (address: number): number => {
    const view = new DataView(new ArrayBuffer(4));
    view.setFloat32(0, values.get(address - (address % 2)) ?? 0);
    return view.getUint16(2 * (address % 2));
  };
  const vector = {
    getInputRegister: word,
    getHoldingRegister: word,
    getMultipleInputRegisters: (start: number, length: number) => {
      meter.reads += 1;
      return Array.from({ length }, (_, i) => word(start + i));
    },
  };
  const server = new ServerTCP(vector, { host: "127.0.0.1", port, unitID: 1 });
  const meter: TestMeter = {
    port,
    values,
    reads: 0,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  await once(server, "initialized");
  return meter;
}
