import type { LedgerEvent } from "../../ledger/events.ts";
import type { Telling } from "../notice.ts";
import { isWord, type NoticeKey } from "../words/catalogue.ts";

type Event<T extends LedgerEvent["type"]> = Extract<LedgerEvent, { type: T }>;

/** A contract that was delivered and paid: each side reads what itself got or paid. */
export function tellSettled(event: Event<"contract-settled">): readonly Telling[] {
  const { contract, slot, seller, buyer, deliveredWh, amount, subsidy, gridFee = 0 } = event;
  const about = {
    energy: { wh: deliveredWh },
    slot: { at: slot },
    contract: { name: contract },
  } as const;
  const paid = amount + gridFee;
  const prove = ["payment", contract];
  return [
    {
      owner: seller,
      topic: "delivery",
      key: "received",
      facts: { ...about, money: { micro: amount }, other: { name: buyer } },
      money: Math.abs(amount),
      prove,
    },
    {
      owner: buyer,
      topic: "delivery",
      key: "paid",
      facts: {
        ...about,
        money: { micro: paid },
        ...(gridFee === 0 ? {} : { fee: { micro: gridFee } }),
        ...(subsidy === 0 ? {} : { subsidy: { micro: subsidy } }),
        other: { name: seller },
      },
      money: Math.abs(paid),
      prove,
    },
  ];
}

/** What a meter showed besides the contracts, what it cost, and how much of that is a penalty. */
export function tellImbalance(event: Event<"imbalance-settled">): readonly Telling[] {
  const { owner, slot, side, imbalanceWh, amount, soldWh, penalty, method } = event;
  const surplus = side === "ask";
  const contracted = soldWh === 0 ? "none" : soldWh > 0 ? "sold" : "bought";
  const key: NoticeKey = `${contracted}-${surplus ? "more-given" : "more-drawn"}`;
  const facts = {
    difference: { wh: imbalanceWh },
    ...(soldWh === 0 ? {} : { contracted: { wh: Math.abs(soldWh) } }),
    slot: { at: slot },
    // What a surplus brought, or a shortage cost; below 0 where prices were.
    money: { micro: surplus ? amount : 0 - amount },
    penalty: { micro: penalty },
    ...(method === undefined ? {} : { estimate: { word: "estimated" as const } }),
  };
  const prove = ["payment", owner, String(slot)];
  return [{ owner, topic: "imbalance", key, facts, money: Math.abs(amount), prove }];
}

/** Fees, taxes and levies of a slot, together. */
export function tellCharges({
  owner,
  slot,
  charges,
}: Event<"charges-settled">): readonly Telling[] {
  const sum = (sort: string) =>
    charges.reduce((all, charge) => all + (charge.sort === sort ? charge.money : 0), 0);
  const money = sum("fee") + sum("tax") + sum("levy");
  const facts = {
    slot: { at: slot },
    money: { micro: money },
    fees: { micro: sum("fee") },
    taxes: { micro: sum("tax") },
    levies: { micro: sum("levy") },
  };
  return [{ owner, topic: "bill", key: "charges", facts, money: Math.abs(money) }];
}

/** A slot that was settled anew: only the difference was posted. */
export function tellResettled(event: Event<"settlement-corrected">): readonly Telling[] {
  const { owner, slot, version, why, imbalanceDifferenceWh, moneyDifference, method } = event;
  const { chargeDifference = 0 } = event;
  const facts = {
    slot: { at: slot },
    why: { word: `because-${why}` },
    difference: { wh: imbalanceDifferenceWh },
    money: { micro: moneyDifference },
    ...(chargeDifference === 0 ? {} : { charges: { micro: chargeDifference } }),
    ...(method === undefined ? {} : { estimate: { word: "estimated" as const } }),
    version: { count: version },
  } as const;
  const prove = ["payment", owner, String(slot)];
  const money = Math.abs(moneyDifference) + Math.abs(chargeDifference);
  return [{ owner, topic: "correction", key: "resettled", facts, money, prove }];
}

/** What a meter's slot held was put right. */
export function tellSlotCorrected(event: Event<"slot-corrected">): readonly Telling[] {
  const { owner, meter, slot, version, reason, before, importWh, exportWh } = event;
  const facts = {
    meter: { name: meter },
    slot: { at: slot },
    why: { word: `wrong-${reason}` },
    import: { wh: importWh },
    export: { wh: exportWh },
    ...(before === null
      ? {}
      : { importBefore: { wh: before.importWh }, exportBefore: { wh: before.exportWh } }),
    version: { count: version },
  } as const;
  return [{ owner, topic: "correction", key: "slot-corrected", facts }];
}

/** A payment that no account could hold. */
export function tellHeld({ seller, buyer, slot }: Event<"settlement-held">): readonly Telling[] {
  const facts = { slot: { at: slot } };
  return [seller, buyer].map((owner) => ({
    owner,
    topic: "delivery",
    key: "payment-held",
    facts,
    urgent: true,
  }));
}

/** An entry on the credit report of an owner; one of a member is the members' matter. */
export function tellCredit({ id, kind, points }: Event<"violation">): readonly Telling[] {
  const word = `credit-${kind}`;
  const why = { word: isWord(word) ? word : "credit-other" } as const;
  return [{ owner: id, topic: "credit", key: "credit", facts: { why, points: { count: points } } }];
}
