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
    case "contract-signed": {
      const at = (micro: number) =>
        `${kwh(event.quantityWh)} at ${price(micro, currency)} for ${hour(event.slot)}`;
      const { fee = 0 } = event;
      const way = fee === 0 ? "" : `, ${price(fee, currency)} of it for the way over the grid`;
      return [
        {
          owner: event.seller,
          title: `Sold ${kwh(event.quantityWh)}`,
          text: `You sold ${at(event.price)} to ${event.buyer}. Contract ${event.contract}.`,
        },
        {
          owner: event.buyer,
          title: `Bought ${kwh(event.quantityWh)}`,
          text: `You bought ${at(event.price + fee)} from ${event.seller}${way}. Contract ${event.contract}.`,
        },
      ];
    }
    case "contract-settled": {
      const sum = money(event.amount, currency);
      const { gridFee = 0 } = event;
      const paid = money(event.amount + gridFee, currency);
      const way = gridFee === 0 ? "" : `, ${money(gridFee, currency)} of it to the grid`;
      return [
        {
          owner: event.seller,
          title: `${sum} received`,
          text: `Contract ${event.contract} is settled: ${kwh(event.deliveredWh)} to ${event.buyer} in ${hour(event.slot)}, ${sum} to your sales account.`,
        },
        {
          owner: event.buyer,
          title: `${paid} paid`,
          text: `Contract ${event.contract} is settled: ${kwh(event.deliveredWh)} from ${event.seller} in ${hour(event.slot)}, ${paid} from your purchase account${way}.`,
        },
      ];
    }
    case "imbalance-settled": {
      const amount = kwh(event.imbalanceWh);
      const sum = money(Math.abs(event.amount), currency);
      const silent =
        event.method === undefined ? "" : " Your meter was silent, so this is an estimate.";
      const text =
        event.side === "ask"
          ? `Your meter gave ${amount} more in ${hour(event.slot)} than you had sold; the bureau took it for ${sum}.`
          : `Your meter drew ${amount} more in ${hour(event.slot)} than you had bought; the bureau supplied it for ${sum}.`;
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
