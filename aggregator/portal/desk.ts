import { feederPurchaseTable, feederSaleTable } from "@busbar/protocol";
import { TokenBuckets } from "../broker/token-bucket.ts";
import { noOthers } from "../feeders/others.ts";
import type { CommittedBlock } from "../ledger/block.ts";
import { preferencesOf } from "../notices/preferences.ts";
import type { Answer, Asking, Reader } from "./model/asking.ts";
import type { Engine } from "./model/statements.ts";
import { accountOf } from "./views/account.ts";
import { Alarms, troublesOf } from "./views/alarms.ts";
import { consortiumOf } from "./views/consortium.ts";
import type { ViewContext } from "./views/context.ts";
import { creditOf } from "./views/credit.ts";
import {
  type DeliveriesAsked,
  deliveriesPage,
  type SendAgain,
  sendAgain,
} from "./views/deliveries.ts";
import { devicesOf } from "./views/devices.ts";
import { blockOf, search } from "./views/explorer.ts";
import { type FeederReader, feederProof, feedersOf } from "./views/feeders.ts";
import { flowsOfSlot } from "./views/flows.ts";
import { greenOf } from "./views/green.ts";
import { linkOf, readersOfResult } from "./views/link.ts";
import { Mailbox } from "./views/mailbox.ts";
import { noticesPage } from "./views/notices.ts";
import { ordersOf } from "./views/orders.ts";
import { passesOf } from "./views/passes.ts";
import { paymentsOf } from "./views/payments.ts";
import { preferencesView } from "./views/preferences.ts";
import { eventProof, ownersOfKey, readingProof, stateProof } from "./views/proofs.ts";
import { quotesOf } from "./views/quotes.ts";
import { statementDetail, statementPage } from "./views/statement.ts";

type FeederProofAsked = {
  readonly trade: string;
  readonly way: "sale" | "purchase";
  readonly epoch: number;
  readonly of: "here" | "other";
};

type Page = { readonly before?: number; readonly limit: number };

/** Wall ms between two looks for alarms while blocks come and nobody asks, or people ask and no block comes. */
const lookMs = 5_000;
/** A look at thousands of units takes its time from the ledger: one in so many parts at most. */
const lookShare = 50;
/** One that takes less is made for each who asks behind a new block. */
const cheapMs = 20;

/** Notices that one owner may have sent again though they were not given up: ten an hour. */
const againAllowance = { burst: 10, perSecond: 10 / 3600 };
const ownersMax = 10_000;

/** What those who signed in are shown. It knows nothing of who asks: the routes do. */
export class Desk<E extends Engine = Engine> {
  readonly #context: ViewContext;
  readonly #model: Reader<E>;
  readonly #alarms: Alarms;
  readonly #again = new TokenBuckets(againAllowance, ownersMax);
  readonly mailbox: Mailbox;
  #looked = 0;
  #lookedAt = -1;
  #lookTookMs = 0;

  /** `model`: the read model, on whichever engine. */
  constructor(context: ViewContext, model: Reader<E>) {
    this.#context = context;
    this.#model = model;
    this.#alarms = new Alarms(() => context.clock.now());
    this.mailbox = new Mailbox(context);
  }

  get state() {
    return this.#context.store.state;
  }

  /** Alarms that come and go while nobody looks are seen too. */
  committed(_block: Pick<CommittedBlock, "header">): Answer<E, void> {
    return this.#model.read(this.#lookInTime());
  }

  *#lookInTime(): Asking<void> {
    const now = this.#context.now();
    const pauseMs = Math.max(lookMs, lookShare * this.#lookTookMs);
    if (now - this.#looked >= pauseMs) yield* this.#look();
  }

  *#look(): Asking<void> {
    const start = this.#context.now();
    this.#lookedAt = this.#context.store.height;
    this.#alarms.see(yield* troublesOf(this.#context));
    this.#looked = this.#context.now();
    this.#lookTookMs = this.#looked - start;
  }

  account(owner: string) {
    return this.#model.read(accountOf(this.#context, owner));
  }

  statement(asked: Page & { readonly owner: string }) {
    return this.#model.read(statementPage(this.#context, asked));
  }

  statementOf(owner: string, slot: number) {
    return this.#model.read(statementDetail(this.#context, { owner, slot }));
  }

  passes(slot: number) {
    return this.#model.read(passesOf(slot));
  }

  notices(asked: Page & { readonly owner: string }) {
    return noticesPage(this.#context.store.db, { ...asked, reader: this.#readerOf(asked.owner) });
  }

  /** `owner`: whose notices lead there; `whole`: whether whoever asks sees the whole site. */
  link(path: string, owner: string | undefined, { whole = owner === undefined } = {}) {
    const reader = this.#readerOf(owner ?? "");
    const own = owner === undefined ? undefined : linkOf(this.#context, { path, owner, reader });
    if (!whole) return own;
    const all = linkOf(this.#context, { path, owner: undefined, reader });
    if (own === undefined || all === undefined) return own ?? all;
    return { ...own, proofs: [...new Set([...all.proofs, ...own.proofs])] };
  }

  #readerOf(owner: string) {
    const { language, timeZone } = preferencesOf(this.state, owner);
    return { language, timeZone };
  }

  preferences(owner: string) {
    return preferencesView(this.state, owner);
  }

  deliveries(asked: DeliveriesAsked) {
    return deliveriesPage(this.#context.store, asked);
  }

  resend(asked: SendAgain) {
    const now = this.#context.now();
    const allows = (owner: string) => this.#again.take(owner, now);
    return sendAgain(this.#context.store.db, asked, { now, allows });
  }

  quotes(owner: string) {
    return quotesOf(this.state, owner);
  }

  devices(owner?: string) {
    return this.#model.read(devicesOf(this.#context, owner));
  }

  alarms(owner?: string) {
    return this.#model.read(this.#alarmsOf(owner));
  }

  *#alarmsOf(owner: string | undefined): Asking<ReturnType<Alarms["list"]>> {
    // All who ask after one block share a look.
    const isCheap = this.#lookTookMs < cheapMs;
    if (isCheap && this.#lookedAt !== this.#context.store.height) yield* this.#look();
    else yield* this.#lookInTime();
    return this.#alarms.list(owner);
  }

  credit(only?: string) {
    return creditOf(this.state, only);
  }

  orders(owner?: string) {
    return ordersOf(this.state, owner);
  }

  green(asked: { readonly owner?: string | undefined; readonly days: number }) {
    return greenOf(this.#context, asked);
  }

  payments(owner: string) {
    return paymentsOf(this.state, owner);
  }

  flows(slot: number) {
    return flowsOfSlot(this.state, slot);
  }

  feeders(asked: { readonly with?: string | undefined; readonly reader: FeederReader }) {
    return feedersOf(this.#context, this.#context.others ?? noOthers, asked);
  }

  /** `of`: what is held here, or what the other chain said last as far as this member has asked. */
  feederProof({ trade, way, epoch, of }: FeederProofAsked) {
    if (of === "other") return (this.#context.others ?? noOthers).proofOf(trade);
    const table = way === "sale" ? feederSaleTable : feederPurchaseTable;
    return feederProof(this.#context, `${table}/${trade}`, epoch);
  }

  consortium() {
    return consortiumOf(this.#context);
  }

  block(height: number) {
    return blockOf(this.#context, height);
  }

  search(text: string) {
    return this.#model.read(search(this.#context, text));
  }

  ownersOfKey(key: string) {
    return ownersOfKey(this.state, key);
  }

  stateProof(key: string) {
    return stateProof(this.#context, key);
  }

  readingProof(reading: { readonly meter: string; readonly sequence: number }) {
    return readingProof(this.#context, reading);
  }

  readersOfResult(place: { readonly height: number; readonly index: number }) {
    return readersOfResult(this.#context.store, place);
  }

  eventProof(place: { readonly height: number; readonly index: number }) {
    return eventProof(this.#context, place);
  }
}
