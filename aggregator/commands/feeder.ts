import { randomBytes } from "node:crypto";
import {
  type Council,
  decodeProof,
  encodeStateProof,
  Failure,
  type FeederTerms,
  feederSaleTable,
  microPerKwh,
  type PinnedMembership,
  utcMs,
  wh,
} from "@busbar/protocol";
import { parametersTable } from "../ledger/parameters.ts";
import { feederPurchases, feederSales, feeders } from "../ledger/rules/feeders/tables.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { readMembership } from "./membership-file.ts";
import { handIn, type Told } from "./transaction.ts";

type Common = { readonly config: string; readonly dryRun: boolean; readonly reason?: string };

/** `busbar-aggregator feeder trust`: lays before the members that another consortium's chain is trusted. */
export async function trustFeeder(
  membership: string,
  options: Common & { readonly via: string },
): Promise<Told> {
  const pinned = readMembership(membership);
  const { chain } = pinned;
  const { via, reason } = options;
  const council = councilIn(pinned);
  const handed = await handIn(options, (_, { member }) => ({
    kind: "feeder-motion",
    message: {
      ...{ nonce: new Uint8Array(randomBytes(16)), member, action: "trust", chain, council, via },
      ...(reason === undefined ? {} : { reason }),
    },
  }));
  const words = `proposed to trust ${chain} through ${via}, and voted for it`;
  return { handed, words, about: { chain, via, voters: council.voters.map(({ id }) => id) } };
}

/** `busbar-aggregator feeder revoke`: lays before the members that nothing new is traded with a chain. */
export async function revokeFeeder(chain: string, options: Common): Promise<Told> {
  const { reason } = options;
  const handed = await handIn(options, (_, { member }) => ({
    kind: "feeder-motion",
    message: {
      ...{ nonce: new Uint8Array(randomBytes(16)), member, action: "revoke", chain },
      ...(reason === undefined ? {} : { reason }),
    },
  }));
  const words = `proposed to trade with ${chain} no longer, and voted for it`;
  return { handed, words, about: { chain } };
}

/** Who votes, as a membership's file says. */
export function councilIn({ members, epoch = 0, since = 1 }: PinnedMembership): Council {
  const voters = members
    .filter(({ voting }) => voting)
    .map(({ id, key }) => ({ id, key }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  return { epoch, since, voters };
}

const hourMs = 3_600_000;

/** What a seller offers; deadlines that are left out leave a day for each step. */
export function offerOf(
  options: {
    readonly owner: string;
    readonly to: string;
    readonly buyer?: string;
    readonly slot: number;
    readonly kwh: number;
    readonly price: number;
    readonly bond: number;
    readonly confirmBy?: number;
    readonly deliverBy?: number;
    readonly payBy?: number;
    readonly closeBy?: number;
  },
  state: StateReader,
  chain: string,
): FeederTerms {
  const { slotMinutes = 60 } = parametersTable.get(state, "current") ?? {};
  const { slot, confirmBy = slot, buyer } = options;
  const { deliverBy = slot + slotMinutes * 60_000 + 24 * hourMs } = options;
  const { payBy = deliverBy + 24 * hourMs } = options;
  const { closeBy = payBy + 24 * hourMs } = options;
  return {
    nonce: new Uint8Array(randomBytes(16)),
    ...{ sellerChain: chain, seller: options.owner, buyerChain: options.to, slotMinutes },
    ...(buyer === undefined ? {} : { buyer }),
    slot: utcMs(slot),
    energy: wh(options.kwh),
    price: microPerKwh(options.price),
    bond: microPerKwh(options.bond),
    confirmBy: utcMs(confirmBy),
    deliverBy: utcMs(deliverBy),
    payBy: utcMs(payBy),
    closeBy: utcMs(closeBy),
  };
}

/** Fetches the proof of an offer from a portal of the seller's feeder. Throws: `Failure` `feeder.portal`. */
export async function offeredAt(portal: string, trade: string): Promise<Uint8Array> {
  const stop = (why: string, cause?: unknown) => {
    const message = `${portal}: expected the proof of offer ${trade}, ${why}`;
    return new Failure("feeder.portal", message, { retry: "later", cause });
  };
  const query = new URLSearchParams({ trade, way: "sale" });
  const url = `${portal.replace(/\/+$/, "")}/api/feeders/proof?${query}`;
  let bytes: Uint8Array;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(10_000), redirect: "error" });
    if (!response.ok) throw stop(`got status ${response.status}`);
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw stop("nobody answers", cause);
  }
  const decoded = decodeProof(bytes);
  if (!decoded.ok) throw stop(`got ${decoded.message}`);
  const { proof } = decoded;
  if (proof.kind === "state" && proof.state.key === `${feederSaleTable}/${trade}`) {
    return encodeStateProof(proof.state);
  }
  throw stop("got another proof");
}

/** Another feeder's chain as people see it. */
export type FeederAbout = {
  readonly chain: string;
  readonly via: string;
  readonly state: string;
  readonly epoch: number;
  readonly voters: readonly string[];
  readonly height: number | null;
};

/** A trade with another feeder as people see it: money 10⁻⁶, energy Wh. */
export type TradeAbout = {
  readonly trade: string;
  readonly way: "sale" | "purchase";
  readonly chain: string;
  readonly stage: string;
  readonly since: string;
  readonly seller: string;
  readonly buyer: string | null;
  readonly slot: string;
  readonly energyWh: number;
  readonly price: number;
  readonly bond: number;
  readonly confirmBy: string;
  readonly deliverBy: string;
  readonly payBy: string;
  readonly closeBy: string;
  readonly contract: string | null;
  readonly crossedWh: number | null;
  readonly paidWh: number | null;
  readonly amount: number | null;
  readonly compensation: number | null;
};

export function feedersAbout(state: StateReader): readonly FeederAbout[] {
  return Array.from(feeders.scan(state), ([chain, { via, state: standing, council, height }]) => ({
    ...{ chain, via, state: standing, epoch: council.epoch, height: height ?? null },
    voters: council.voters.map(({ id }) => id),
  }));
}

/** All trades that the ledger still holds, those that changed last first. */
export function tradesAbout(state: StateReader): readonly TradeAbout[] {
  const iso = (time: number) => new Date(time).toISOString();
  const rows = [
    ...Array.from(feederSales.scan(state), ([trade, sale]) => ({ trade, way: "sale", ...sale })),
    ...Array.from(feederPurchases.scan(state), ([trade, purchase]) => {
      return { trade, way: "purchase", ...purchase };
    }),
  ] as const;
  return rows
    .toSorted((a, b) => b.height - a.height || (a.trade < b.trade ? -1 : 1))
    .map(({ trade, way, terms, stage, time, contract, buyer, crossedWh, paidWh, ...money }) => ({
      trade,
      way: way === "sale" ? "sale" : "purchase",
      chain: way === "sale" ? terms.buyerChain : terms.sellerChain,
      ...{ stage, since: iso(time), seller: terms.seller, slot: iso(terms.slot) },
      buyer: buyer ?? terms.buyer ?? null,
      ...{ energyWh: terms.energy, price: terms.price, bond: terms.bond },
      ...{ confirmBy: iso(terms.confirmBy), deliverBy: iso(terms.deliverBy) },
      ...{ payBy: iso(terms.payBy), closeBy: iso(terms.closeBy) },
      contract: contract ?? null,
      crossedWh: crossedWh ?? null,
      paidWh: paidWh ?? null,
      amount: money.amount ?? null,
      compensation: money.compensation ?? null,
    }));
}

export function feederLines(
  about: readonly FeederAbout[],
  trades: readonly TradeAbout[],
): readonly string[] {
  if (about.length === 0) return ["The members trust no other feeder's chain."];
  const chains = about.map(({ chain, via, state, epoch, voters, height }) => {
    const seen = height === null ? "nothing shown yet" : `block ${height} shown`;
    return `${chain} through ${via}: ${state}, ${voters.length} voters of epoch ${epoch}, ${seen}`;
  });
  const rows = trades.map(({ trade, way, chain, stage, seller, buyer, slot, energyWh }) => {
    const sides = way === "sale" ? `${seller} → ${chain}` : `${chain} → ${buyer}`;
    return `${trade.slice(0, 12)}  ${stage}  ${sides}  ${slot}  ${energyWh / 1000} kWh`;
  });
  return [...chains, ...rows];
}

/** The trade that somebody means by its first eight or more digits. Throws: `Failure` `feeder.which`. */
export function findTrade(state: StateReader, which: string): TradeAbout {
  const found = tradesAbout(state).filter(
    ({ trade }) => which.length >= 8 && trade.startsWith(which),
  );
  const [one, ...more] = found;
  if (one !== undefined && more.length === 0) return one;
  const message = `expected the first eight or more digits of one trade, got ${which}; busbar-aggregator feeder list shows them`;
  throw new Failure("feeder.which", message, { retry: "never" });
}
