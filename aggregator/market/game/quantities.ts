import { type Wh, wh } from "@busbar/protocol";
import type { Quantities } from "./channels.ts";

/** One slot before it is traded: what the company generates and needs itself, what the users need. */
export type Situation = {
  readonly generationWh: Wh;
  readonly ownLoadWh: Wh;
  readonly usersLoadWh: Wh;
};

/**
 * Who delivers to whom: the company serves itself first, then the users, then sells to the bureau;
 * the bureau covers what is missing. No meter carries both directions in one slot.
 *
 * Source: Liu & Zhou §II.D ("sold first to ordinary users, the rest to the energy bureau").
 */
export function allocateQuantities({
  generationWh,
  ownLoadWh,
  usersLoadWh,
}: Situation): Quantities {
  const surplus = generationWh - ownLoadWh;
  if (surplus < 0) return { cg: wh(-surplus), cu: usersLoadWh, gc: wh(0), gu: wh(0) };
  const toUsers = Math.min(surplus, usersLoadWh);
  return {
    cg: wh(0),
    cu: wh(usersLoadWh - toUsers),
    gc: wh(surplus - toUsers),
    gu: wh(toUsers),
  };
}
