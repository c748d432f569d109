import { utcMs } from "@busbar/protocol";
import { BusPool } from "../../edge/framing/bus-pool.ts";
import { seededRandom, VirtualTimers } from "../../edge/framing/test-support/virtual-timers.ts";
import { loadProfile, type ModbusProfile, profileFolder } from "../../edge/meters/profile.ts";
import { type Device, FaultLine } from "./fault-line.ts";

/** The registers of a Modbus address space; what is not in the map does not exist. */
export type Registers = Map<number, number>;

/** A project profile with fixed addresses. */
export function modbusProfile(id: string): ModbusProfile {
  const profile = loadProfile(new URL(`${id}.yaml`, profileFolder));
  if (profile.protocol !== "modbus") throw new Error(`${id} is no Modbus profile`);
  return profile;
}

/** Writes a float32 over two registers, the most significant first. */
export function setFloat(registers: Registers, address: number, value: number): void {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  registers.set(address, view.getUint16(0)).set(address + 1, view.getUint16(2));
}

/** A number that the quantity can have on a healthy grid. */
function ordinary(quantity: string): number {
  if (quantity.startsWith("voltage")) return 230.1;
  if (quantity.startsWith("frequency")) return 49.98;
  if (quantity.startsWith("pf")) return 0.9;
  return 12.5;
}

/** Every register of a float32 profile, at ordinary values, with the holes up to 40 as zeros. */
export function floatRegisters(profile: ModbusProfile): Registers {
  const registers: Registers = new Map();
  for (const { address } of profile.registers) {
    for (let hole = address; hole < address + 40; hole += 1) registers.set(hole, 0);
  }
  for (const [i, { address, quantity }] of profile.registers.entries()) {
    setFloat(registers, address, ordinary(quantity) + i / 1000);
  }
  return registers;
}

/** A unit with input registers (function 4) and holding registers (function 3). */
export function device(
  input: Registers,
  holding: Registers = new Map(),
  registersMax = 125,
): Device {
  return (code, address, count) => {
    if (count > registersMax) return 3;
    const space = code === 4 ? input : holding;
    const words = Array.from({ length: count }, (_, i) => space.get(address + i));
    const there = words.filter((word) => word !== undefined);
    return there.length === count ? there : 2;
  };
}

/** A bus of simulated units on a clock of its own; `connection` leads to it. */
export function simulatedBus() {
  const timers = new VirtualTimers();
  const line = new FaultLine(timers, seededRandom(1));
  const bus = new BusPool({ timers, random: seededRandom(2), openLine: () => line, replyMs: 200 });
  const connection = { kind: "rtu", path: "/dev/simulated", baud: 9600 } as const;
  const clock = () => utcMs(1_700_000_000_000 + Math.floor(timers.now()));
  return { timers, line, bus, connection, clock };
}
