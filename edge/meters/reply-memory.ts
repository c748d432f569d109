import type { GuardedPort } from "../framing/modbus/guarded-port.ts";
import type { ReadReply, ReadRequest } from "../framing/modbus/requests.ts";

/** What a meter needs of a bus. */
export type RegisterPort = Pick<
  GuardedPort,
  "name" | "baud" | "read" | "turnaroundMs" | "expectTurnaround" | "isSilent"
>;

/** A meter's share in a bus. */
export type MeterLease = { readonly port: RegisterPort; release(): Promise<void> };

/** Illegal function, address, value: the same question is refused the same way again. */
const permanent = new Set([1, 2, 3]);

/**
 * A bus that does not ask the same twice: a scan tries many profiles on one unit, and most of them
 * begin with the same registers. Only for as long as values may be as old as the scan of a unit.
 */
export function remembering(port: RegisterPort): RegisterPort {
  const known = new Map<string, ReadReply>();
  return {
    name: port.name,
    baud: port.baud,
    turnaroundMs: (unit) => port.turnaroundMs(unit),
    expectTurnaround: (unit, ms) => port.expectTurnaround(unit, ms),
    isSilent: (unit) => port.isSilent(unit),
    read: async (request: ReadRequest) => {
      const { unit, function: code, address, count } = request;
      const key = `${unit} ${code} ${address} ${count}`;
      const before = known.get(key);
      if (before !== undefined) return before;
      const reply = await port.read(request);
      if (reply.ok || (permanent.has(reply.exception) && !reply.suspect)) known.set(key, reply);
      return reply;
    },
  };
}
