/**
 * What the portal says over HTTP; the page is written against the same types.
 *
 * Units: names end in them; `time`, `slot` are site ms; prices are 10⁻⁶ currency/kWh, money 10⁻⁶
 * currency. Hashes are hex. null = not known, or for a price "not traded": never a number.
 */
import type { Scale } from "@busbar/protocol";
import type { ConsensusStatus } from "../consensus/status.ts";
import type { MembershipText } from "../ledger/present-membership.ts";
import type { FeederPrice, GatesMessage } from "../publish/prices.ts";

export type NoticeCounts = {
  readonly queued: number;
  readonly delivered: number;
  readonly dead: number;
};

/** `/api/status` */
export type PortalStatus = {
  readonly site: string;
  readonly chain: string;
  readonly member: string;
  readonly engine: string;
  readonly currency: string;
  readonly time: number;
  /** Site ms per wall ms. */
  readonly speed: number;
  readonly slotMinutes: number;
  readonly height: number;
  readonly blockHash: string;
  readonly appHash: string;
  readonly blocks: number;
  readonly transactions: number;
  /** Accepted entries, not batches. */
  readonly readings: number;
  readonly contracts: number;
  readonly settledContracts: number;
  /** Contracts by how long before delivery they were made. */
  readonly contractsByScale: Readonly<Record<Scale, number>>;
  /** Contracted since the chain began, and for slots of the current UTC day. */
  readonly tradedWh: number;
  readonly tradedTodayWh: number;
  /** Over all accounts; 0 on every sound ledger. */
  readonly moneySum: number;
  readonly energySum: number;
  readonly notices: NoticeCounts;
  readonly consensus: ConsensusStatus;
};

export type PortalPrices = {
  readonly cg: number | null;
  readonly cu: number | null;
  readonly gc: number | null;
  readonly gu: number | null;
};

export type SlotStage = "open" | "gate-closed" | "cleared" | "settled";

/** One of `/api/slots`. Energies are null until every meter's reading covers the slot. */
export type PortalSlot = {
  readonly slot: number;
  readonly stage: SlotStage;
  /** Which of its gates the stage is about; the number counts from 0. */
  readonly scale: Scale;
  readonly pass: number;
  readonly prices: PortalPrices;
  /** Over a grid what sellers got on average; `feeders` says what each feeder's price is. */
  readonly clearing: number | null;
  /** Empty where nothing was traded over a grid. */
  readonly feeders: readonly FeederPrice[];
  readonly tradedWh: number;
  readonly contracts: number;
  readonly generationWh: number | null;
  readonly loadWh: number | null;
};

/** One of `/api/trades`. `origin`: from the book, or with the bureau for what nobody else took. */
export type PortalTrade = {
  readonly contract: string;
  /** Counts in the order of signing, which is not that of the slots. */
  readonly seq: number;
  readonly slot: number;
  readonly seller: string;
  readonly buyer: string;
  readonly energyWh: number;
  /** What the seller gets, and what the buyer pays on top for the way over the grid. */
  readonly price: number;
  readonly fee: number;
  readonly origin: "book" | "residual";
  /** How long before delivery it was made. */
  readonly scale: Scale;
  /** `held`: the bureau objects, and the members have not decided. `void`: they have. */
  readonly state: "signed" | "held" | "paid" | "void";
  readonly settled: boolean;
  /** Paid by the buyer to the seller, and to the grid's account; null until settled. */
  readonly amount: number | null;
  readonly gridFee: number | null;
};

/** One of `/api/blocks`. */
export type PortalBlock = {
  readonly height: number;
  readonly time: number;
  readonly hash: string;
  readonly transactions: number;
  readonly proposer: string;
};

/** One of `/api/meters`: the newest reading. Power is positive when drawn from the grid. */
export type PortalMeter = {
  readonly meter: string;
  readonly owner: string;
  readonly ownerName: string;
  readonly party: "company" | "bureau" | "user" | "operator";
  readonly device: string;
  readonly role: "connection" | "generation" | "load" | "storage" | "exchange";
  readonly form: "solar" | "wind" | "thermal" | "nuclear" | "storage" | "any" | null;
  readonly time: number;
  readonly seq: number;
  readonly importWh: number;
  readonly exportWh: number;
  readonly powerW: number | null;
  /** Of the last 7 days, since its first reading; null before. Estimated and missing: see the ledger. */
  readonly slots: {
    readonly measured: number;
    readonly estimated: number;
    readonly missing: number;
  } | null;
};

/** `/api/membership`: what a unit's or a tool's `membership.json` says, as the ledger has it now. */
export type PortalMembership = MembershipText;

/** One of `/api/council-steps`: the proof of who votes from an epoch on (`StateProof`, base64url CBOR). */
export type PortalCouncilStep = { readonly epoch: number; readonly proof: string };

/** `/api/events`: the name of a Server-Sent Event and its data. */
export type PortalEvent =
  | { readonly event: "block"; readonly data: PortalBlock }
  | { readonly event: "price"; readonly data: PortalSlot }
  | { readonly event: "trade"; readonly data: PortalTrade }
  | { readonly event: "reading"; readonly data: PortalMeter }
  | { readonly event: "notice"; readonly data: NoticeCounts };

/** Body of every answer that is not 2xx. */
export type PortalError = { readonly code: string; readonly message: string };

/** Which trades are asked for: those below a `seq`, of an owner, for a slot. */
export type TradesAsked = {
  readonly limit: number;
  readonly before?: number;
  readonly owner?: string;
  readonly slot?: number;
};

/** Which blocks are asked for: those below a height. */
export type BlocksAsked = { readonly limit: number; readonly before?: number };

/** What is there at once, or comes by and by: by where the read model lies. */
type Soon<T> = T | Promise<T>;

/** What the server is asked for; `limit` counts rows, newest first. */
export interface PortalSource {
  status(): Soon<PortalStatus>;
  slots(limit: number): Soon<readonly PortalSlot[]>;
  trades(asked: TradesAsked): Soon<readonly PortalTrade[]>;
  blocks(asked: BlocksAsked): Soon<readonly PortalBlock[]>;
  meters(): Soon<readonly PortalMeter[]>;
  /** Every gate that takes quotes now, as on `market/gates`. */
  gates(): GatesMessage;
  membership(): PortalMembership;
  /** The steps to the epochs after one, in order: the oldest first. */
  councilSteps(after: number, limit: number): readonly PortalCouncilStep[];
  /** Calls `listener` for everything that is committed from now on, until the result is called. */
  subscribe(listener: (event: PortalEvent) => void): () => void;
}
