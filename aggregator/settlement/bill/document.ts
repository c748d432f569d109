import type { TakingSort } from "../takings.ts";

/** Names the form of bills; another one says something else, or rests on something else. */
export const billFormat = "busbar-bill/4";

/**
 * A bill as it is handed out: plain data, the same in JSON and behind every page. Units: energy Wh,
 * money and prices 10⁻⁶ currency (per kWh), times ms since 1970 UTC. Money is the owner's: above 0 it
 * gets, below 0 it pays.
 */
export type Bill = {
  readonly format: typeof billFormat;
  readonly chain: string;
  readonly site: string;
  readonly currency: string;
  readonly owner: { readonly id: string; readonly name: string; readonly party: string };
  readonly month: string;
  readonly timeZone: string;
  readonly slotMinutes: number;
  readonly from: number;
  readonly to: number;
  /** The block whose state it shows, and that certifies it. */
  readonly asOf: { readonly height: number; readonly time: number; readonly appHash: string };
  readonly totals: BillTotals;
  readonly charges: readonly {
    readonly id: string;
    readonly sort: string;
    readonly money: number;
  }[];
  /**
   * The owner's accounts since the chain began; `paid`: payments that were acknowledged. What others owe it,
   * below 0 what it owes, is `balance` = sales + purchase + paid; `collateral` lies with a bureau.
   */
  readonly accounts: {
    readonly sales: number;
    readonly purchase: number;
    readonly paid: number;
    readonly collateral: number;
    readonly balance: number;
  };
  readonly credit: {
    readonly score: number;
    readonly violations: readonly { readonly kind: string; readonly times: number }[];
  };
  readonly days: readonly BillDay[];
  readonly slots: readonly BillSlot[];
  /** What moved the account's money in the month besides the slots, in its order. */
  readonly account: readonly AccountLine[];
  /** What its use of energy caused; null where the maker's configuration has no factors, or it uses none. */
  readonly carbon: BillCarbon | null;
  /** What it rests on; `sha256` is that of the evidence as it stands beside the bill. */
  readonly proofs: {
    readonly blocks: number;
    readonly frames: number;
    readonly entries: number;
    readonly sha256: string;
  };
};

/**
 * Certified energy and the rest of what was taken, each at its factor (g CO₂ equivalent per kWh). Energies are
 * proved; the factors are the maker's word, and `source` says whose they are.
 */
export type BillCarbon = {
  readonly source: string;
  readonly gramsPerKwh: { readonly solar: number; readonly wind: number; readonly rest: number };
  readonly takenWh: number;
  readonly greenTakenWh: number;
  readonly retiredWh: { readonly solar: number; readonly wind: number };
  readonly grams: number;
};

/**
 * received − paid − fees − taxes + subsidies + orders + takings = total. `orders`: for demand response.
 * `takings`: for what others did, as a bureau, a line's operator or who fees are for. `due` is the total in whole hundredths of the
 * currency, and `rounding` what that leaves: due = total + rounding.
 */
export type BillTotals = {
  readonly importWh: number;
  readonly exportWh: number;
  readonly received: number;
  readonly paid: number;
  readonly fees: number;
  readonly taxes: number;
  readonly subsidies: number;
  readonly orders: number;
  readonly takings: number;
  readonly total: number;
  readonly rounding: number;
  readonly due: number;
  /** Of the total, contracts that are held or wait for the other side's meter. */
  readonly pending: number;
  readonly slots: {
    readonly final: number;
    readonly provisional: number;
    /** Of whoever has takings alone, as they stand: others' readings may still change them. */
    readonly standing: number;
    /** Of the month, without a settlement yet. */
    readonly open: number;
  };
};

export type BillDay = {
  readonly date: string;
  /** 23 and 25 where clocks are turned. */
  readonly hours: number;
  readonly importWh: number;
  readonly exportWh: number;
  readonly money: number;
  readonly slots: number;
};

export type BillSlot = {
  readonly slot: number;
  readonly state: "final" | "provisional" | "held" | "standing";
  /** Why it was settled last. */
  readonly why: string;
  readonly importWh: number;
  readonly exportWh: number;
  /** How the energy was put where no reading shows it; null where it was measured or corrected. */
  readonly method: string | null;
  readonly meters: readonly BillMeter[];
  /** What the slot came to for all parties: paid − received − fees − taxes + subsidies = rounding. */
  readonly site: {
    readonly paid: number;
    readonly received: number;
    readonly fees: number;
    readonly taxes: number;
    readonly subsidies: number;
    readonly rounding: number;
  };
  readonly money: number;
  readonly lines: readonly BillLine[];
};

/** `frames`: the first and the last of the evidence's frames that the energy follows from; null where the
 * members corrected it. */
export type BillMeter = {
  readonly meter: string;
  readonly importWh: number;
  readonly exportWh: number;
  readonly how: string;
  readonly frames: readonly [number, number] | null;
};

export type LineKind =
  | "sale"
  | "purchase"
  | "grid-fee"
  | "grid-loss"
  | "subsidy"
  | "surplus"
  | "shortage"
  | "fee"
  | "tax"
  | "levy"
  | TakingSort;

export type BillLine = {
  /** Counts through the bill from 1. */
  readonly line: number;
  readonly kind: LineKind;
  /** `due`: not paid yet; `void`: the members took the contract back. */
  readonly state: "paid" | "due" | "void";
  readonly money: number;
  readonly energyWh: number;
  /** Of a sale or purchase; null where a line has none. */
  readonly price: number | null;
  /** With whom, or to whom it goes; `~all`: with all whom it concerns. */
  readonly with: string;
  /** The trade that it comes from; null for what comes from the meters. */
  readonly contract: string | null;
  /** The fee, tax or levy. */
  readonly charge: string | null;
  /** Which version of the slot's settlement posted it: from the second on it is a difference. */
  readonly version: number | null;
  /** The owner's own quote behind the trade, with the evidence's frame that sealed it and beside
   * which stands what opens it. */
  readonly order: BillOrder | null;
};

/** What moved an account's money besides a slot: it leads to what was signed, in a frame of the evidence. */
export type AccountLine = {
  /** Counts on from the slots' lines. */
  readonly line: number;
  readonly kind: "payment" | "collateral" | "seized" | "demand" | "unread" | "escrow" | "bond";
  /** Its number on the owner's account. */
  readonly entry: number;
  readonly time: number;
  /** As it changes the account: money that is received makes what the others owe smaller. */
  readonly money: number;
  readonly with: string;
  /** Who acknowledged it, and where that stands. */
  readonly payment: {
    readonly by: string;
    readonly version: number;
    readonly frame: number;
  } | null;
  readonly demand: BillDemand | null;
  /** Energy that a meter drew in a silence, beyond the estimates of slots that are forgotten: as the members found it. */
  readonly unread: {
    readonly meter: string;
    readonly from: number;
    readonly to: number;
    readonly energyWh: number;
  } | null;
};

/** `checked`: made anew from the owner's own signed readings; else as the members found it. */
export type BillDemand = {
  readonly order: string;
  readonly slot: number;
  readonly slots: number;
  readonly orderedWh: number;
  readonly deliveredWh: number;
  readonly price: number;
  readonly word: "kept" | "unkept" | "unproven";
  readonly checked: boolean;
  readonly frame: number;
};

export type BillOrder = {
  readonly id: string;
  readonly side: "ask" | "bid";
  readonly form: string;
  readonly quantityWh: number;
  readonly limit: number;
  readonly sealed: number;
};

/** A bill with what it rests on: base64url of CBOR. */
export type BillFile = { readonly bill: Bill; readonly evidence: string };

/** What is wrong with a bill: which lines it concerns, as people find them in it. */
export type BillFault = {
  readonly ok: false;
  readonly code: string;
  readonly message: string;
  readonly lines: readonly string[];
};

/** Whether somebody's meters are settled; the others have what others did to them alone. */
export function isParty(party: string): boolean {
  return party === "company" || party === "user";
}

/** How many lines a bill has. */
export function linesIn({ slots, account }: Pick<Bill, "slots" | "account">): number {
  return slots.reduce((sum, { lines }) => sum + lines.length, account.length);
}
