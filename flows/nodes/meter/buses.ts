import { BusPool, type MeterPlace, openPlace, profileOf } from "@busbar/edge";
import { utcMs } from "@busbar/protocol";

/**
 * The buses of this Node-RED: nodes that name one port share it, and their questions wait in one
 * queue. A node that wants it at another speed is refused.
 */
export const buses = new BusPool();

/** The meter at a place. Throws: `Failure` `meter.*`. */
export async function openMeterAt(place: MeterPlace) {
  const clock = () => utcMs(Date.now());
  const { meter } = await openPlace(place, { clock, bus: buses, profileOf });
  return meter;
}
