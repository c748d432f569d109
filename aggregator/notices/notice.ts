import type { LedgerEvent } from "../ledger/events.ts";

/** What an owner is told. Plain words first, then the numbers, then where the proof is. */
export type Notice = {
  /** Same for every attempt and every channel: the receiver's idempotency key. */
  readonly id: string;
  readonly owner: string;
  readonly type: LedgerEvent["type"];
  /** Site ms. */
  readonly time: number;
  readonly title: string;
  readonly text: string;
  /** The event itself, as it stands on the ledger. */
  readonly event: LedgerEvent;
  readonly proof: { readonly chain: string; readonly height: number; readonly event: number };
};

/** The block that an event belongs to. */
export type NoticeContext = {
  readonly chain: string;
  readonly currency: string;
  readonly height: number;
  readonly time: number;
};

/**
 * The notices that one event gives rise to, at most one for each owner it concerns. An owner reads
 * the other side's id and nothing else about it.
 */
export function noticesOf(
  event: LedgerEvent,
  index: number,
  context: NoticeContext,
): readonly Notice[] {
  return messagesOf(event, context).map(({ owner, title, text }) => ({
    id: `${context.chain}-${context.height}-${index}-${owner}`,
    owner,
    type: event.type,
    time: context.time,
    title,
    text,
    event,
    proof: { chain: context.chain, height: context.height, event: index },
  }));
}

type Message = { readonly owner: string; readonly title: string; readonly text: string };

function messagesOf(event: LedgerEvent, { currency }: NoticeContext): readonly Message[] {
  switch (event.type) {
    case "contract-signed":
      return signedMessages(event, currency);
    case "contract-settled":
      return settledMessages(event, currency);
    case "imbalance-settled": {
      const amount = kwh(event.imbalanceWh);
      const sum = money(Math.abs(event.amount), currency);
      const silent =
        event.method === undefined ? "" : " Your meter was silent, so this is an estimate.";
      const given = event.side === "ask";
      const what = given
        ? `Your meter gave ${amount} more in ${hour(event.slot)} than you had sold`
        : `Your meter drew ${amount} more in ${hour(event.slot)} than you had bought`;
      // Below 0 energy is a burden: who gives it pays, who takes it is paid.
      const usual = given ? event.amount >= 0 : event.amount <= 0;
      const paid = given ? `you paid ${sum} for that` : `you were paid ${sum} for that`;
      const did = given ? "the bureau took it" : "the bureau supplied it";
      const text = usual ? `${what}; ${did} for ${sum}.` : `${what}; ${did}, and ${paid}.`;
      return [{ owner: event.owner, title: `Difference of ${amount}`, text: text + silent }];
    }
    case "settlement-corrected":
      return [
        {
          owner: event.owner,
          title: `${hour(event.slot)} was settled anew`,
          text: `${correctedBecause[event.why]}: your difference in ${hour(event.slot)} changed by ${kwh(event.imbalanceDifferenceWh)}, your accounts by ${money(event.moneyDifference, currency)}.`,
        },
      ];
    case "contract-held":
      return both(event, (other) => ({
        title: "A contract is held",
        text: `${event.by} objects to contract ${event.contract} with ${other} (${event.reason}). It is paid, or void, when the members have decided.`,
      }));
    case "contract-stands":
      return both(event, (other) => ({
        title: "A contract stands",
        text: `The objection to contract ${event.contract} with ${other} was not upheld; it is settled as signed.`,
      }));
    case "contract-void":
      return both(event, (other) => ({
        title: "A contract is void",
        text: `The members voided contract ${event.contract} with ${other}: what flowed in ${hour(event.slot)} is a difference, which the bureau takes or supplies.`,
      }));
    case "contract-cut":
      return both(event, (other) => ({
        title: "A contract was cut",
        text: `The line of ${event.feeder} carries less in ${hour(event.slot)} since another contract is void: contract ${event.contract} with ${other} is cut by ${kwh(event.byWh)} to ${kwh(event.quantityWh)}. What is missing can be traded at the gates that are left, or is a difference.`,
      }));
    case "device-suspended":
      return [
        {
          owner: event.owner,
          title: `${event.device} is suspended`,
          text: `${event.by} suspended your unit ${event.device} (${event.reason}). It keeps what it reads until it is resumed.`,
        },
      ];
    case "device-resumed":
      return [
        {
          owner: event.owner,
          title: `${event.device} goes on`,
          text: `${event.by} resumed your unit ${event.device}; what it read meanwhile is taken now.`,
        },
      ];
    case "quote-void":
      return [
        {
          owner: event.owner,
          title: "A quote was void",
          text: `Your quote for ${hour(event.slot)} did not count: ${event.reason}. It stands in your credit report.`,
        },
      ];
    default:
      // Everything else concerns the site as a whole, or the installer, and is in the portal.
      return [];
  }
}

type EventOf<Type extends LedgerEvent["type"]> = Extract<LedgerEvent, { type: Type }>;

function signedMessages(event: EventOf<"contract-signed">, currency: string): Message[] {
  const { seller, buyer, contract, fee = 0 } = event;
  const amount = kwh(event.quantityWh);
  const when = `for ${hour(event.slot)}`;
  const each = (micro: number) => price(Math.abs(micro), currency);
  const paid = event.price + fee;
  const way = fee === 0 ? "" : `, ${each(fee)} of it for the way over the grid`;
  // Below 0 whoever takes the energy is paid for it, less what the way costs.
  const less = fee === 0 ? "" : `, ${each(fee)} for the way over the grid taken off`;
  const sold =
    event.price < 0
      ? `You sold ${amount} ${when} to ${buyer} and pay ${each(event.price)} for being rid of it`
      : `You sold ${amount} at ${each(event.price)} ${when} to ${buyer}`;
  const bought =
    paid < 0
      ? `You bought ${amount} ${when} from ${seller} and are paid ${each(paid)} for taking it${less}`
      : `You bought ${amount} at ${each(paid)} ${when} from ${seller}${event.price < 0 ? "" : way}`;
  return [
    { owner: seller, title: `Sold ${amount}`, text: `${sold}. Contract ${contract}.` },
    { owner: buyer, title: `Bought ${amount}`, text: `${bought}. Contract ${contract}.` },
  ];
}

function settledMessages(event: EventOf<"contract-settled">, currency: string): Message[] {
  const { seller, buyer, contract, amount, gridFee = 0 } = event;
  const done = `Contract ${contract} is settled: ${kwh(event.deliveredWh)}`;
  const paid = amount + gridFee;
  const [got, cost] = [money(Math.abs(amount), currency), money(Math.abs(paid), currency)];
  const grid = money(gridFee, currency);
  const way =
    gridFee === 0 ? "" : paid < 0 ? `, after ${grid} to the grid` : `, ${grid} of it to the grid`;
  const [into, outOf] = ["to your", "from your"];
  return [
    {
      owner: seller,
      title: `${got} ${amount < 0 ? "paid" : "received"}`,
      text: `${done} to ${buyer} in ${hour(event.slot)}, ${got} ${amount < 0 ? outOf : into} sales account.`,
    },
    {
      owner: buyer,
      title: `${cost} ${paid < 0 ? "received" : "paid"}`,
      text: `${done} from ${seller} in ${hour(event.slot)}, ${cost} ${paid < 0 ? into : outOf} purchase account${amount < 0 && paid >= 0 ? "" : way}.`,
    },
  ];
}

const correctedBecause = {
  delivered: "Your meter's readings came",
  provisional: "It was estimated anew",
  "late-readings": "Readings came late",
  correction: "The members corrected a meter's energy",
  "contract-void": "The members voided a contract",
} as const;

function both(
  { seller, buyer }: { readonly seller: string; readonly buyer: string },
  say: (other: string) => Omit<Message, "owner">,
): Message[] {
  return [
    { owner: seller, ...say(buyer) },
    { owner: buyer, ...say(seller) },
  ];
}

function kwh(wh: number): string {
  return `${(wh / 1000).toFixed(3)} kWh`;
}

function price(microPerKwh: number, currency: string): string {
  return `${(microPerKwh / 1e6).toFixed(4)} ${currency}/kWh`;
}

function money(micro: number, currency: string): string {
  return `${(micro / 1e6).toFixed(2)} ${currency}`;
}

function hour(slot: number): string {
  return `${new Date(slot).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
