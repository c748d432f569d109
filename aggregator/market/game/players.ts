/** One gate's parties (eq. 9 of Liu & Zhou) and the game of prices among them. */
import type { Band, Channel, PriceRules, Role } from "./channels.ts";
import { channelEnds } from "./channels.ts";
import { checkRules, type Game, type Trade } from "./game.ts";

/**
 * One of G_1 … G_N, C_1 … C_M, U_1 … U_K in one slot.
 *
 * `kwh`: what it has to sell (above 0) or needs (below 0); for a bureau its capacity, in proportion to
 * which bureaus deliver and take. A user that generates more than it needs sells as a company does.
 * `weight`, `band`: its own, instead of its role's. A weight speaks for a role's whole energy: a party
 * has it in proportion to its part of that energy, so that splitting or joining parties changes no price.
 */
export type Player = {
  readonly id: string;
  readonly role: Role;
  readonly kwh: number;
  readonly weight?: number;
  readonly band?: Band;
};

/** A trade and the channel whose price it has a part in. */
export type ChannelTrade = Trade & { readonly channel: Channel };

/** The game of a gate; party i of the game is player i. */
export type GateGame = Omit<Game, "trades"> & { readonly trades: readonly ChannelTrade[] };

/** Most parties of one gate (per feeder): what a member can recompute within a second. */
export const playersMax = 50;

/**
 * The game of prices of a gate: companies with a surplus sell to users first and the rest to bureaus;
 * bureaus deliver what is missing. Where several stand on a side, each trades with each in proportion to
 * what both have. A trade's price stays in its seller's band (eq. 13), narrowed to the buyer's own band
 * where it has one and the two overlap.
 *
 * Shape: unique ids. Where somebody needs or sells what nobody but a bureau has, there is a bureau.
 * Throws: `RangeError` for players or rules that make no sense.
 */
export function gateGame(players: readonly Player[], rules: PriceRules): GateGame {
  checkRules(rules);
  checkPlayers(players);
  const sides = sidesOf(players);
  const { sellers, users, short, bureaus } = sides;
  const [supply, need] = [sum(sellers), sum(users)];
  const sold = Math.min(supply, need);
  const trades = [
    ...between("cg", { from: bureaus, to: short, kwh: sum(short) }, rules),
    ...between("cu", { from: bureaus, to: users, kwh: need - sold }, rules),
    ...between("gc", { from: sellers, to: bureaus, kwh: supply - sold }, rules),
    ...between("gu", { from: sellers, to: users, kwh: sold }, rules),
  ];
  return { weights: weightsOf(players, rules), trades };
}

/**
 * Players that no price can tell apart (role, direction, own weight and band) as one each: by what
 * `Player` says of weights, the prices stay the same, and a gate of a thousand homes is as small as one.
 */
export function merged(players: readonly Player[]): Player[] {
  const kinds = new Map<string, Player>();
  for (const player of players) {
    const { weight, band, kwh } = player;
    const kind = [acting(player), Math.sign(kwh), weight ?? "", band?.join(" ") ?? ""].join("/");
    const before = kinds.get(kind);
    kinds.set(kind, before === undefined ? player : { ...before, kwh: before.kwh + kwh });
  }
  return [...kinds.values()];
}

/** A player's place in its game: its index, and its energy above 0. */
type Side = readonly { readonly at: number; readonly kwh: number; readonly player: Player }[];

function sidesOf(players: readonly Player[]) {
  const side = (fits: (player: Player) => boolean): Side =>
    players.flatMap((player, at) =>
      fits(player) ? [{ at, kwh: Math.abs(player.kwh), player }] : [],
    );
  return {
    sellers: side((player) => acting(player) === "company" && player.kwh > 0),
    short: side((player) => acting(player) === "company" && player.kwh < 0),
    users: side((player) => acting(player) === "user" && player.kwh < 0),
    bureaus: side(({ role, kwh }) => role === "bureau" && kwh > 0),
  };
}

/** Whoever sells acts as a company does. */
function acting({ role, kwh }: Player): Role {
  return role === "user" && kwh > 0 ? "company" : role;
}

const sum = (side: Side) => side.reduce((all, { kwh }) => all + kwh, 0);

function between(
  channel: Channel,
  { from, to, kwh }: { readonly from: Side; readonly to: Side; readonly kwh: number },
  rules: PriceRules,
): ChannelTrade[] {
  const [supply, need] = [sum(from), sum(to)];
  if (!(kwh > 0)) return [];
  if (supply === 0 || need === 0) {
    const who = supply === 0 ? "sells" : "buys";
    throw new RangeError(`channel ${channel}: expected a party that ${who} ${kwh} kWh, got none`);
  }
  const subsidy = channelEnds[channel].subsidised ? rules.subsidyPermille / 1000 : 0;
  return from.flatMap((seller) =>
    to.flatMap((buyer): ChannelTrade[] => {
      const part = kwh * (seller.kwh / supply) * (buyer.kwh / need);
      const band = bandBetween(channel, seller.player, buyer.player, rules);
      return part > 0
        ? [{ channel, seller: seller.at, buyer: buyer.at, kwh: part, ...band, subsidy }]
        : [];
    }),
  );
}

function bandBetween(channel: Channel, seller: Player, buyer: Player, { bands }: PriceRules) {
  const roleBand = channelEnds[channel].seller === "company" ? bands.company : bands.bureau;
  const [low, high] = seller.band ?? roleBand;
  const [least, most] = buyer.band ?? [low, high];
  const [from, to] = [Math.max(low, least), Math.min(high, most)];
  const [a, b] = from < to ? [from, to] : [low, high];
  return { low: a / 1_000_000, high: b / 1_000_000 };
}

function weightsOf(players: readonly Player[], { weights }: PriceRules): number[] {
  const energy = { company: 0, bureau: 0, user: 0 };
  for (const player of players) energy[acting(player)] += Math.abs(player.kwh);
  return players.map((player) => {
    const role = acting(player);
    // Who has no energy has no trade, and its weight counts nowhere.
    const part = player.kwh === 0 ? 1 : Math.abs(player.kwh) / energy[role];
    return (player.weight ?? weights[role]) * part;
  });
}

function checkPlayers(players: readonly Player[]): void {
  if (players.length > playersMax) {
    throw new RangeError(
      `players: expected at most ${playersMax} at a gate, got ${players.length}`,
    );
  }
  const seen = new Set<string>();
  for (const { id, role, kwh, weight, band } of players) {
    if (seen.has(id)) throw new RangeError(`player ${id}: expected unique ids, got it twice`);
    seen.add(id);
    if (!Number.isFinite(kwh) || (role === "bureau" && kwh < 0)) {
      throw new RangeError(`player ${id}: expected energy in kWh, got ${kwh} of a ${role}`);
    }
    if (weight !== undefined && !(Number.isInteger(weight) && weight >= 1 && weight <= 100)) {
      throw new RangeError(`weight of ${id}: expected an integer in 1 … 100, got ${weight}`);
    }
    if (band !== undefined && !(band[0] < band[1])) {
      throw new RangeError(`band of ${id}: expected low < high, got [${band.join(", ")}]`);
    }
  }
}
