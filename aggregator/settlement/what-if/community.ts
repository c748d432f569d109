import type { Charge, MicroPerKwh, UtcMs, Wh } from "@busbar/protocol";
import type { Band } from "../../market/game/channels.ts";
import { netOf } from "../allocation.ts";

/**
 * A member of a community. `weight` is its part in static and hybrid keys; `bid` is what it pays for
 * energy at most, the way with it, `ask` what it wants for it at least (absent: what the bureau asks and pays).
 * `gameWeight` and `band` are its own in the game of prices, `feedIn` and `retail` what the bureau pays and
 * asks it; absent: the community's. `fee` is what the way of a kWh from another member costs it.
 */
export type CommunityMember = {
  readonly id: string;
  readonly party: "company" | "user";
  readonly weight: number;
  readonly bid?: MicroPerKwh;
  readonly ask?: MicroPerKwh;
  readonly gameWeight?: number;
  readonly band?: Band;
  readonly feedIn?: MicroPerKwh;
  readonly retail?: MicroPerKwh;
  readonly fee?: MicroPerKwh;
};

/** A member's slot by its connection meters and, where that is known, what it generated behind them. */
export type MemberEnergy = {
  readonly importWh: Wh;
  readonly exportWh: Wh;
  readonly generationWh?: Wh;
};

/** One slot; `energy` is in the order of the members, undefined where a member's is not known. */
export type CommunitySlot = {
  readonly start: UtcMs;
  readonly energy: readonly (MemberEnergy | undefined)[];
};

/** A community's meters over some time, slots in their order. */
export type Community = {
  readonly slotMs: number;
  readonly members: readonly CommunityMember[];
  readonly slots: readonly CommunitySlot[];
};

/** The prices that all schemes are compared at. */
export type CommunityTerms = {
  /** What the bureau pays and asks for what nobody of the community takes or gives. */
  readonly feedIn: MicroPerKwh;
  readonly retail: MicroPerKwh;
  /** κ of eq. 3 and 8 of Liu & Zhou, in thousandths: who buys from the bureau gets κ Q p². */
  readonly subsidyPermille: number;
  /** What shared energy costs under the keys. */
  readonly sharePrice: MicroPerKwh;
  /** Of the game of prices (eq. 13 and 10–12). */
  readonly bands: { readonly company: Band; readonly bureau: Band };
  readonly weights: { readonly company: number; readonly bureau: number; readonly user: number };
  /** Fees, taxes and levies that a slot costs besides, on net energy or on what it cost; absent: none. */
  readonly charges?: readonly Charge[];
};

/** A member whose slot is known, with what it has left over or lacks in it. */
export type PresentMember = CommunityMember & {
  readonly at: number;
  readonly surplusWh: Wh;
  readonly needWh: Wh;
};

/** The members whose energy a slot knows: the others take no part in it, whatever the scheme. */
export function presentIn({ members }: Community, { energy }: CommunitySlot): PresentMember[] {
  return members.flatMap((member, at) => {
    const own = energy[at];
    return own === undefined ? [] : [{ ...member, at, ...netOf(own) }];
  });
}
