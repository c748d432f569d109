import type { LedgerEvent } from "../../ledger/events.ts";
import type { Telling } from "../notice.ts";

type Event<T extends LedgerEvent["type"]> = Extract<LedgerEvent, { type: T }>;

/** A price that is further from what was expected than this is worth a notice of its own, in thousandths. */
const notablePermille = 100;

/** What became of a quote, and why of one that was not filled. */
export function tellQuote(event: Event<"quote-cleared">): readonly Telling[] {
  const { owner, slot, scale, side, quantityWh, filledWh, nettedWh, limit, price, expected } =
    event;
  const { why, rest } = event;
  const key = why === null ? "quote-filled" : filledWh > 0 ? "quote-partly" : "quote-not-filled";
  const against = againstExpected(event);
  const facts = {
    side: { word: side },
    slot: { at: slot },
    gate: { word: scale },
    quantity: { wh: quantityWh },
    filled: { wh: filledWh },
    limit: { perKwh: limit },
    ...(nettedWh > 0 ? { netted: { wh: nettedWh } } : {}),
    ...(price === null ? {} : { price: { perKwh: price } }),
    ...(expected === null ? {} : { expected: { perKwh: expected } }),
    ...(against === undefined ? {} : { against: { permille: against } }),
    ...(why === null ? {} : { why: { word: `why-${why}` as const } }),
    ...(rest === null ? {} : { rest: { word: `rest-${rest}` as const } }),
  } as const;
  const worth = worthOf(quantityWh, price ?? limit);
  return [{ owner, topic: "quote", key, facts, money: worth }];
}

/** A quote that counted for nothing. */
export function tellVoid({ owner, slot, reason }: Event<"quote-void">): readonly Telling[] {
  const opened = /not opened/.test(reason);
  const why = opened ? ("void-unopened" as const) : ("void-no-line" as const);
  const facts = { slot: { at: slot }, why: { word: why } };
  return [{ owner, topic: "quote", key: "quote-void", facts }];
}

/** A price that nobody had expected so: told once to each who had quoted. */
export function tellPrice(event: Event<"quote-cleared">): readonly Telling[] {
  const { owner, slot, scale, price, expected } = event;
  const against = againstExpected(event);
  if (against === undefined || price === null || expected === null) return [];
  if (Math.abs(against) < notablePermille) return [];
  const facts = {
    slot: { at: slot },
    gate: { word: scale },
    price: { perKwh: price },
    expected: { perKwh: expected },
    against: { permille: against },
  };
  return [{ owner, topic: "price", key: against > 0 ? "price-above" : "price-below", facts }];
}

function againstExpected({ price, expected }: Event<"quote-cleared">): number | undefined {
  if (price === null || expected === null || expected === 0) return undefined;
  return Math.round(((price - expected) * 1000) / expected);
}

/** Both sides of a contract; the way over the grid is the buyer's alone. */
export function tellContract(event: Event<"contract-signed">): readonly Telling[] {
  const { contract, slot, seller, buyer, quantityWh, price, fee = 0, origin, scale } = event;
  const about = {
    energy: { wh: quantityWh },
    slot: { at: slot },
    gate: { word: scale },
    origin: { word: origin },
    contract: { name: contract },
  } as const;
  const paid = price + fee;
  return [
    {
      owner: seller,
      topic: "contract",
      key: "sold",
      facts: { ...about, price: { perKwh: price }, other: { name: buyer } },
      money: worthOf(quantityWh, price),
    },
    {
      owner: buyer,
      topic: "contract",
      key: "bought",
      facts: {
        ...about,
        price: { perKwh: paid },
        ...(fee === 0 ? {} : { fee: { perKwh: fee } }),
        other: { name: seller },
      },
      money: worthOf(quantityWh, paid),
    },
  ];
}

/** A contract that somebody objects to, and what came of that. */
export function tellCase(
  event: Event<"contract-held"> | Event<"contract-stands"> | Event<"contract-void">,
): readonly Telling[] {
  const { contract, slot, seller, buyer, type } = event;
  const said = type === "contract-held" ? heldBy(event) : {};
  const about = { slot: { at: slot }, contract: { name: contract }, ...said };
  const one = (owner: string, other: string): Telling => ({
    owner,
    topic: "contract",
    key: type,
    facts: { ...about, other: { name: other } },
  });
  return [one(seller, buyer), one(buyer, seller)];
}

/** A contract of which less stands: a line carries no more, since another one is void. */
export function tellCut(event: Event<"contract-cut">): readonly Telling[] {
  const { contract, slot, seller, buyer, byWh, quantityWh, feeder } = event;
  const facts = {
    energy: { wh: quantityWh },
    cut: { wh: byWh },
    slot: { at: slot },
    feeder: { name: feeder },
    contract: { name: contract },
  };
  const one = (owner: string, other: string): Telling => ({
    owner,
    topic: "contract",
    key: "contract-cut",
    facts: { ...facts, other: { name: other } },
  });
  return [one(seller, buyer), one(buyer, seller)];
}

function heldBy({ by, reason }: Event<"contract-held">) {
  return { by: { name: by }, why: { word: reason } } as const;
}

/** Wh · 10⁻⁶ currency/kWh, rounded: for comparison with a threshold, never posted. */
function worthOf(energyWh: number, perKwh: number): number {
  return Math.round((energyWh * perKwh) / 1000);
}
