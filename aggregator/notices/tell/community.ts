import type { LedgerEvent } from "../../ledger/events.ts";
import type { Telling } from "../notice.ts";
import { isWord } from "../words/catalogue.ts";

type Event<T extends LedgerEvent["type"]> = Extract<LedgerEvent, { type: T }>;

/** An order of demand response: whose unit is to carry it out has to know at once. */
export function tellOrder(event: Event<"demand-ordered">): readonly Telling[] {
  const { by, owner, device, action, slot, slots, energyWh, price, status } = event;
  const facts = {
    by: { name: by },
    unit: { name: device },
    action: { word: `order-${action}` },
    slot: { at: slot },
    slots: { count: slots },
    energy: { wh: energyWh },
    price: { perKwh: price },
  } as const;
  const money = Math.round((energyWh * slots * price) / 1000);
  return [{ owner, topic: "order", key: `order-${status}`, facts, money, urgent: true }];
}

/** What the other side, or its unit, said to an order. */
export function tellAnswer(event: Event<"demand-answered">): readonly Telling[] {
  const { by, owner, device, status, reason } = event;
  const word = `order-${reason}`;
  const facts = {
    unit: { name: device },
    status: { word: `order-is-${status}` },
    ...(reason !== null && isWord(word) ? { why: { word } } : {}),
  } as const;
  const one = (who: string): Telling => ({
    owner: who,
    topic: "order",
    key: "order-answered",
    facts,
  });
  return by === owner ? [one(owner)] : [one(owner), one(by)];
}

/** What the meters prove of an order, for the one who carried it out and the one who asked for it. */
export function tellOrderSettled(event: Event<"demand-settled">): readonly Telling[] {
  const { by, owner, device, slot, orderedWh, deliveredWh, amount, kept, difference } = event;
  const word = kept === null ? "unproven" : kept ? "kept" : "unkept";
  const facts = {
    unit: { name: device },
    slot: { at: slot },
    ordered: { wh: orderedWh },
    delivered: { wh: deliveredWh },
    money: { micro: amount },
    status: { word: `order-${word}` },
  } as const;
  if (difference !== undefined) {
    const anew = (who: string, posted: number): Telling => ({
      ...{ owner: who, topic: "order", key: "order-corrected", money: Math.abs(difference) },
      facts: { ...facts, posted: { micro: posted } },
    });
    return by === owner ? [anew(owner, 0)] : [anew(owner, difference), anew(by, 0 - difference)];
  }
  const about = { topic: "order", facts, money: Math.abs(amount) } as const;
  const asked = { ...about, owner: by, key: "order-paid" } as const;
  const did = { ...about, owner, key: "order-earned" } as const;
  return by === owner ? [did] : [did, asked];
}

/** Money outside of the ledger, for both of its sides. */
export function tellPayment(event: Event<"payment-acknowledged">): readonly Telling[] {
  const { by, from, amount, purpose } = event;
  const about = { money: { micro: amount }, purpose: { word: `purpose-${purpose}` } } as const;
  return [
    {
      ...{ owner: from, topic: "bill", key: "payment-acknowledged", money: amount },
      facts: { ...about, other: { name: by } },
    },
    {
      ...{ owner: by, topic: "bill", key: "payment-noted", money: amount },
      facts: { ...about, other: { name: from } },
    },
  ];
}

/** An account that owes more than is covered, what is taken for it later, and one that does no more. */
export function tellDefault(
  event: Event<"default-began"> | Event<"collateral-seized"> | Event<"default-ended">,
): readonly Telling[] {
  const { owner, type } = event;
  if (type === "default-ended") return [{ owner, topic: "credit", key: type, facts: {} }];
  if (type === "collateral-seized") {
    const { money } = event;
    return [{ owner, topic: "credit", key: type, facts: { seized: { micro: money } }, money }];
  }
  const { owed, seized } = event;
  const facts = { owed: { micro: owed }, ...(seized === 0 ? {} : { seized: { micro: seized } }) };
  return [{ owner, topic: "credit", key: type, facts, money: Math.abs(owed), urgent: true }];
}

/** An account that the members suspended, or let trade again. */
export function tellAccount(event: Event<"account-changed">): readonly Telling[] {
  const { owner, action } = event;
  const key = action === "suspend" ? "account-suspended" : "account-reinstated";
  return [{ owner, topic: "credit", key, facts: {}, urgent: action === "suspend" }];
}

/** An entry that the members took off a credit report. */
export function tellStruck({ id, kind, points }: Event<"violation-struck">): readonly Telling[] {
  const word = `credit-${kind}`;
  const why = { word: isWord(word) ? word : "credit-other" } as const;
  return [
    { owner: id, topic: "credit", key: "credit-struck", facts: { why, points: { count: points } } },
  ];
}

/** Points that came back with time. */
export function tellFaded({ id, points, left }: Event<"credit-faded">): readonly Telling[] {
  const facts = { points: { count: points }, ...(left === 0 ? {} : { left: { count: left } }) };
  return [{ owner: id, topic: "credit", key: "credit-faded", facts }];
}

/** An owner's own green certificates of a slot; those of others stay theirs. */
export function tellCertificates(event: Event<"slot-certified">): readonly Telling[] {
  const { slot, certificates } = event;
  return certificates.map(({ owner, form, issuedWh, boughtWh, soldWh, retiredWh }): Telling => {
    const facts = {
      form: { word: form },
      slot: { at: slot },
      issued: { wh: issuedWh },
      boughtGreen: { wh: boughtWh },
      soldGreen: { wh: soldWh },
      retired: { wh: retiredWh },
    };
    return { owner, topic: "certificate", key: "certificates", facts };
  });
}

/** Certificates that were handed on: for who gave and who got them; or retired. */
export function tellMoved(event: Event<"certificates-moved">): readonly Telling[] {
  const { owner, to, form, energyWh } = event;
  const facts = { form: { word: form }, energy: { wh: energyWh } } as const;
  if (to === null) return [{ owner, topic: "certificate", key: "certificates-retired", facts }];
  return [
    {
      owner,
      topic: "certificate",
      key: "certificates-given",
      facts: { ...facts, other: { name: to } },
    },
    {
      ...{ owner: to, topic: "certificate", key: "certificates-received" },
      facts: { ...facts, other: { name: owner } },
    },
  ];
}
