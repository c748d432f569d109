import assert from "node:assert/strict";
import { blockHistoryKey } from "@busbar/protocol";
import {
  type AccountEntry,
  accountEntriesSince,
  accountEntryHeads,
} from "../../ledger/account-entries.ts";
import type { BlockSource } from "../../ledger/block-table.ts";
import { correctedSlots, meterSlotId } from "../../ledger/corrections.ts";
import { type Demand, demands } from "../../ledger/demand.ts";
import { parametersOf } from "../../ledger/parameters.ts";
import { certificateMoves } from "../../ledger/rules/certificate-move.ts";
import { spansOf } from "../../ledger/rules/demand/span.ts";
import { connections, devices, meters, owners } from "../../ledger/tables.ts";
import { takers } from "../../ledger/takings.ts";
import { greenKeysOf } from "./carbon-figure.ts";
import { accountFrames, batchFrames, type OpenedQuote, quoteFrames } from "./collect-frames.ts";
import { type BillFault, type BillFile, isParty } from "./document.ts";
import { type CarbonEvidence, decodeEvidence, type Evidence, encodeEvidence } from "./evidence.ts";
import { type BillSource, EvidencePaths } from "./evidence-paths.ts";
import { BillError, found } from "./grounds.ts";
import {
  accountKey,
  balanceKey,
  bureauFromPrefix,
  bureauPrefix,
  connectionPrefix,
  contractKey,
  correctedKey,
  creditKey,
  demandKey,
  deviceKey,
  entryHeadKey,
  entryKey,
  meterKey,
  movesKey,
  ownerKey,
  parametersFromPrefix,
  parametersKey,
  settlementKey,
  siteKey,
  takerKey,
  takingKey,
  voidsKey,
} from "./keys.ts";
import { makeBill } from "./make.ts";
import { type Month, monthIn } from "./month.ts";
import { type ContractsOf, contractsIn } from "./own-contracts.ts";
import type { FramePath } from "./paths.ts";
import { slotsIn } from "./period.ts";
import type { Claims } from "./prove-grounds.ts";

/** Batches before the month that are carried besides those that are needed: more, where the meter was not
 * read whole just then. */
const margins = [0, 64, 4096] as const;

/** Quotes are sealed up to so long before their slots. */
const quoteMsMax = 3 * 86_400_000;

/**
 * Makes an owner's bill of a local month with all that it rests on, proving that as anybody will who checks it:
 * what cannot be proved is not handed out. Throws: `BillError` `bill.owner`, `bill.month`.
 */
export function collectBill(
  source: BillSource,
  { owner, month, carbon, ...against }: Claims & { readonly carbon?: CarbonEvidence | undefined },
): BillFile | BillFault {
  const wanted = { owner, month, ...against };
  let last: BillFault | undefined;
  for (const margin of margins) {
    const collected = new Collection(source, { owner, month, margin, carbon });
    const encoded = encodeEvidence(collected.evidence());
    // From what is handed out, as whoever checks it reads it, and from nothing else.
    const read = decodeEvidence(encoded);
    assert(read.ok, "what was encoded as evidence is evidence");
    const bill = found(() => makeBill(read.evidence, encoded, wanted));
    if (bill.ok) return { bill: bill.value, evidence: encoded };
    last = {
      ok: false,
      code: bill.code,
      message: bill.message,
      lines: [JSON.stringify(bill.about)],
    };
    if (bill.code !== "bill.energy") break;
  }
  return last as BillFault;
}

class Collection {
  readonly #source: BillSource;
  readonly #owner: string;
  readonly #period: Month;
  readonly #margin: number;
  readonly #carbon: CarbonEvidence | undefined;
  readonly #party: string;
  /** What moved the owner's account since the month began. */
  readonly #account: readonly (readonly [number, AccountEntry])[];
  readonly #paths: EvidencePaths;
  readonly #contractsOf: ContractsOf;

  constructor(
    source: BillSource,
    {
      owner,
      month,
      margin,
      carbon,
    }: {
      readonly owner: string;
      readonly month: string;
      readonly margin: number;
      readonly carbon: CarbonEvidence | undefined;
    },
  ) {
    this.#source = source;
    this.#contractsOf = source.contractsOf ?? contractsIn(source.state);
    this.#paths = new EvidencePaths(source);
    this.#owner = owner;
    this.#margin = margin;
    const period = monthIn(source.state, month);
    if (period === undefined) {
      throw new BillError("bill.month", `expected a month as 2026-03, got ${month}`, "all");
    }
    const party = owners.get(source.state, owner)?.party;
    if (party === undefined) {
      throw new BillError("bill.owner", `no owner ${owner} is on this ledger`, "all");
    }
    this.#party = party;
    this.#carbon = isParty(party) ? carbon : undefined;
    this.#period = period;
    this.#account = accountEntriesSince(source.state, owner, period.from);
  }

  evidence(): Evidence {
    const { head, steps } = this.#source;
    const { keys, quotes } = this.#keys();
    const entries = keys.map((key) => this.#paths.entry(key));
    const frames = [
      ...this.#batches().map((frame) => this.#frame(frame)),
      ...this.#quotes(quotes).map(({ sealed, opening }) => ({ ...this.#frame(sealed), opening })),
      ...this.#accountFrames().map((frame) => this.#frame(frame)),
    ];
    return {
      head: { header: head.header, certificate: head.certificate },
      steps: steps.filter(({ header }) => header.height < head.header.height),
      entries,
      blocks: this.#paths.blocks,
      frames,
      ...(this.#carbon === undefined ? {} : { carbon: this.#carbon }),
    };
  }

  /** The entries that the month rests on, and the quotes behind its contracts. */
  #keys(): { readonly keys: readonly string[]; readonly quotes: ReadonlySet<string> } {
    const { state, head } = this.#source;
    const owner = this.#owner;
    const scanned = (prefix: string) => Array.from(state.scan(prefix), ([key]) => key);
    const own = this.#meters();
    const keys = [
      ...[
        blockHistoryKey,
        siteKey,
        parametersKey,
        ownerKey(owner),
        creditKey(owner),
        accountKey(owner),
      ],
      ...[parametersFromPrefix, bureauPrefix, bureauFromPrefix, connectionPrefix(owner)].flatMap(
        scanned,
      ),
      ...own.map(meterKey),
      ...this.#devices().map(deviceKey),
      takerKey(owner),
      ...(isParty(this.#party) ? [voidsKey(owner)] : []),
      ...(this.#carbon === undefined ? [] : [movesKey(owner)]),
      ...this.#accountKeys(),
    ];
    const isTaker = takers.get(state, owner) !== undefined;
    const settles = isParty(this.#party);
    const moves = certificateMoves.get(state, owner) !== undefined;
    const quotes = new Set<string>();
    for (const slot of slotsIn(this.#period, this.#period.lengthMs)) {
      if (slot > head.header.time) break;
      if (isTaker) keys.push(takingKey(slot, owner), balanceKey(slot));
      if (this.#carbon !== undefined) keys.push(...greenKeysOf(state, slot, { owner, moves }));
      if (!settles) continue;
      keys.push(settlementKey(slot, owner));
      if (state.get(settlementKey(slot, owner)) === undefined) continue;
      keys.push(balanceKey(slot));
      for (const meter of own) {
        const corrected = correctedSlots.get(state, meterSlotId(slot, meter));
        if (corrected !== undefined) keys.push(correctedKey(slot, meter));
      }
      for (const { id, quote } of this.#contractsOf(slot, owner)) {
        keys.push(contractKey(id));
        if (quote !== undefined) quotes.add(quote);
      }
    }
    return { keys: [...new Set(keys)], quotes };
  }

  /** What the lines of the account rest on: its entries and the one before, the others, orders. */
  #accountKeys(): string[] {
    const { state } = this.#source;
    const owner = this.#owner;
    const head = accountEntryHeads.get(state, owner);
    const before = (this.#account[0]?.[0] ?? head?.next ?? 1) - 1;
    const orders = this.#orders();
    return [
      entryHeadKey(owner),
      ...(head !== undefined && before >= head.first ? [entryKey(owner, before)] : []),
      ...this.#account.map(([number]) => entryKey(owner, number)),
      ...this.#account.map(([, entry]) => ownerKey(entry.with)),
      ...orders.map(([order]) => demandKey(order)),
      ...orders.flatMap(([, demand]) => this.#correctedIn(demand)),
    ];
  }

  /** The orders that the account tells of, as far as the state still has them. */
  #orders(): (readonly [string, Demand])[] {
    return this.#account.flatMap(([, { demand }]) => {
      const order = demand && Buffer.from(demand.order).toString("hex");
      const known = order && demands.get(this.#source.state, order);
      return order && known ? [[order, known] as const] : [];
    });
  }

  /** What the members corrected of the slots in which an order was proven. */
  #correctedIn(demand: Demand): string[] {
    const { state } = this.#source;
    return this.#provenSlots(demand).flatMap((slot) =>
      this.#meters()
        .filter((meter) => correctedSlots.get(state, meterSlotId(slot, meter)) !== undefined)
        .map((meter) => correctedKey(slot, meter)),
    );
  }

  /** The slots of an order that the owner's own meters proved. */
  #provenSlots(demand: Demand): number[] {
    if (demand.owner !== this.#owner) return [];
    const parameters = parametersOf(this.#source.state, demand.slot);
    return spansOf({ parameters }, demand).flat();
  }

  #meters(): string[] {
    const { state } = this.#source;
    const own = Array.from(connections.scan(state, `${this.#owner}/`), ([, { meter }]) => meter);
    return [...new Set(own)].filter((meter) => meters.get(state, meter) !== undefined);
  }

  #devices(): string[] {
    const all = [...devices.scan(this.#source.state)];
    return all.filter(([, { owner }]) => owner === this.#owner).map(([id]) => id);
  }

  #batches(): FramePath[] {
    const { height } = this.#source.head.header;
    const { from, to } = this.#period;
    const proven = this.#orders().flatMap(([, demand]) => this.#provenSlots(demand));
    const period = { from: Math.min(from, ...proven), to };
    const common = { period, height, margin: this.#margin };
    return this.#meters().flatMap((meter) => batchFrames(this.#source, { meter, ...common }));
  }

  #quotes(ids: ReadonlySet<string>): OpenedQuote[] {
    if (ids.size === 0) return [];
    const { head, blocks } = this.#source;
    const most = head.header.height;
    // A quote is sealed before its slot begins.
    const [from, to] = [this.#period.from - quoteMsMax, this.#period.to].map((time) =>
      firstHeightAt(blocks, time, most),
    ) as [number, number];
    const signers = [this.#owner, ...this.#devices()];
    return quoteFrames(this.#source, { ids, signers, range: { from, to } });
  }

  /** The acknowledgements and orders that the account's lines come from. */
  #accountFrames(): FramePath[] {
    const { from, to } = this.#period;
    const inMonth = this.#account.filter(([, { time }]) => time >= from && time < to);
    const known = new Map(this.#orders());
    return accountFrames(this.#source, {
      entries: inMonth.map(([, entry]) => entry),
      hashOf: (order) => known.get(Buffer.from(order).toString("hex"))?.hash,
    });
  }

  #frame({ header, ...proved }: FramePath): Evidence["frames"][number] {
    return { block: this.#paths.block(header.height), ...proved };
  }
}

/** The first height, up to `most`, whose block is not older than an instant; of those that are here. */
export function firstHeightAt(blocks: BlockSource, time: number, most: number): number {
  let [low, high] = [1, most];
  while (low < high) {
    const middle = (low + high) >> 1;
    // What is not here is older than what is.
    if ((blocks.header(middle)?.header.time ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
