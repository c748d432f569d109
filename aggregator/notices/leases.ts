import type { NoticeLease } from "@busbar/protocol";
import type { LedgerEvent } from "../ledger/events.ts";
import { leaseMsMax } from "../ledger/rules/notices/lease-rule.ts";
import { noticeLeases, noticesHeard } from "../ledger/rules/notices/tables.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { members } from "../ledger/tables.ts";
import { type ChannelName, unleased } from "./channel.ts";
import type { DeliveryTable, Lane } from "./delivery-table.ts";
import type { Permit } from "./sender.ts";

/** A lease's usual length, site ms: a member that is away is missed for as long. */
const leaseMs = 2 * 60_000;
/** And at least so much wall time, on a virtual site that runs fast. */
const leaseWallMs = 30_000;
/** A lease counts for its holder until this share of it is left: clocks differ. */
const guardShare = 0.1;
/** How long (wall ms) an answer to a request is waited for before it is made again. */
const answerMs = 10_000;
/** Members that want a lease at the same time do not ask in the same instant. */
const jitterMs = 2_000;
/** So long (wall ms) after its lease has ended a member under which something failed lets others come first. */
const yieldMs = 5_000;

type LeasedChannel = NoticeLease["channel"];
const leased: readonly LeasedChannel[] = ["email", "push", "webhook", "ntfy"];

/** What a sender says to the ledger. */
export type NoticeWish =
  | { readonly kind: "notice-lease"; readonly message: NoticeLease }
  | {
      readonly kind: "notice-report";
      readonly message: {
        readonly member: string;
        readonly acknowledged: readonly { readonly owner: string; readonly height: number }[];
      };
    };

export type LeaseOptions = {
  readonly member: string;
  readonly state: StateReader;
  readonly table: Pick<DeliveryTable, "progress" | "acknowledged">;
  /** Channels that this member can send by: it takes no lease of another. */
  readonly able: (channel: LeasedChannel) => boolean;
  /** Whether it can read an owner's address: owners choose the members that they are sealed for. */
  readonly reaches: (owner: string) => boolean;
  /** Hands in what this member says; it may be refused, and is then said otherwise later. */
  readonly submit: (wish: NoticeWish) => Promise<void>;
  readonly clock: { now(): number; delay(siteMs: number): number; readonly speed: number };
  /** Wall ms. */
  readonly now: () => number;
  readonly random: () => number;
  /** This member may send now what it might not before, or may ask for it. */
  readonly onChange: () => void;
};

/**
 * Which channels this member sends by. Each has one sender, by a lease on the ledger that its holder
 * renews as long as it sends something; when it does not, another one that has something to send takes
 * it, and goes on from what the last lease says. A holder under which something failed gives its lease
 * back, so that another one tries: the fault may be its own mail server, or an address that is not sealed for it.
 * A member alone needs none.
 */
export class Leases implements Permit {
  readonly #options: LeaseOptions;
  /** Wall ms of the last request for a channel's lease. */
  readonly #asked = new Map<LeasedChannel, number>();
  /** Channels that were used since the ledger was last told how far they have come. */
  readonly #used = new Set<LeasedChannel>();
  /** Channels by which something failed under this member's last lease. */
  readonly #failing = new Set<LeasedChannel>();
  /** Channels whose lease it is giving back: what would be sent now is not in what it says. */
  readonly #giving = new Set<LeasedChannel>();
  readonly #heard = new Set<string>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #alone: { readonly height: number; readonly so: boolean } | undefined;
  #height = 0;
  #stopped = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  may(channel: ChannelName): boolean {
    if (unleased.includes(channel) || this.#isAlone()) return true;
    const name = channel as LeasedChannel;
    if (!this.#isHeld(name) || this.#giving.has(name)) return false;
    this.#used.add(name);
    this.#renewInTime(name);
    return true;
  }

  want({ owner, channel }: Lane): void {
    const { able, reaches, onChange } = this.#options;
    const name = leased.find((one) => one === channel);
    if (name === undefined || this.#stopped || this.#isHeld(name)) return;
    if (!able(name) || !reaches(owner)) return;
    const wait = this.#waitFor(name);
    if (wait > 0) this.#later(name, wait, onChange);
    else this.#ask(name);
  }

  failed(channel: ChannelName): void {
    const name = leased.find((one) => one === channel);
    if (name !== undefined) this.#failing.add(name);
  }

  /** How long (wall ms) another one comes first. */
  #waitFor(channel: LeasedChannel): number {
    const { member, clock, random } = this.#options;
    const lease = this.#lease(channel);
    if (lease === undefined) return 0;
    const left = clock.delay(lease.until - clock.now());
    if (this.#failing.has(channel)) return left + yieldMs;
    return left > 0 && lease.member !== member ? left + random() * jitterMs : 0;
  }

  /** An owner acknowledged a notice at this member's broker. */
  delivered(owner: string, channel: ChannelName): void {
    if (channel !== "mqtt" || this.#stopped || this.#isAlone()) return;
    this.#heard.add(owner);
    const { clock } = this.#options;
    this.#later("report", clock.delay(this.#length() / 2), () => this.#report());
  }

  /** Call it after each block. */
  committed({ header, events }: Committed): void {
    this.#height = header.height;
    const taken = events.filter((event) => event.type === "notice-lease-taken");
    if (taken.length === 0) return;
    // Whoever has it now: what was asked for is answered.
    for (const { channel } of taken) {
      this.#asked.delete(channel);
      this.#giving.delete(channel);
    }
    this.#options.onChange();
  }

  /** Gives back what is held, and says how far all of it has come. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    const given = leased.filter((name) => this.#isHeld(name));
    await Promise.all([...given.map((name) => this.#give(name)), this.#report()]);
  }

  #lease(channel: LeasedChannel): NoticeLease | undefined {
    return noticeLeases.get(this.#options.state, channel);
  }

  #isHeld(channel: LeasedChannel): boolean {
    const lease = this.#lease(channel);
    if (lease?.member !== this.#options.member) return false;
    return this.#options.clock.now() < lease.until - guardShare * this.#length();
  }

  #isAlone(): boolean {
    if (this.#alone?.height !== this.#height) {
      const active = [...members.scan(this.#options.state)].filter(
        ([, member]) => member.state === "active",
      );
      this.#alone = { height: this.#height, so: active.length <= 1 };
    }
    return this.#alone?.so ?? false;
  }

  #length(): number {
    return Math.min(leaseMsMax, Math.max(leaseMs, leaseWallMs * this.#options.clock.speed));
  }

  #ask(channel: LeasedChannel): void {
    const { now } = this.#options;
    const asked = this.#asked.get(channel);
    if (asked !== undefined && now() - asked < answerMs) {
      return this.#later(channel, answerMs, this.#options.onChange);
    }
    this.#asked.set(channel, now());
    this.#failing.delete(channel);
    this.#giving.delete(channel);
    // It has not sent anything since: what a lease says is what stood in the outbox when it was asked for.
    this.#used.delete(channel);
    void this.#give(channel, this.#length());
  }

  /**
   * Half of the lease is over, and it is in use. Where something failed, the lease is not renewed but given
   * back, with what did arrive: others must not send that again.
   */
  #renewInTime(channel: LeasedChannel): void {
    const left = (this.#lease(channel)?.until ?? 0) - this.#options.clock.now();
    const wait = this.#options.clock.delay(Math.max(0, left - this.#length() / 2));
    this.#later(`renew ${channel}`, wait, () => {
      if (!this.#used.has(channel) || !this.#isHeld(channel)) return;
      if (!this.#failing.has(channel)) return this.#ask(channel);
      this.#giving.add(channel);
      void this.#give(channel);
    });
  }

  async #give(channel: LeasedChannel, lengthMs = 0): Promise<void> {
    const { member, table, clock, submit } = this.#options;
    const number = (this.#lease(channel)?.number ?? 0) + 1;
    const until = (clock.now() + lengthMs) as NoticeLease["until"];
    const message = { member, channel, number, until, ...table.progress(channel) };
    await submit({ kind: "notice-lease", message });
  }

  async #report(): Promise<void> {
    const { member, table, state, submit } = this.#options;
    const news = [...this.#heard].flatMap((owner) => {
      const height = table.acknowledged(owner);
      const known = noticesHeard.get(state, owner)?.height ?? 0;
      return height === undefined || height <= known ? [] : [{ owner, height }];
    });
    this.#heard.clear();
    if (news.length === 0) return;
    await submit({ kind: "notice-report", message: { member, acknowledged: news.slice(0, 256) } });
  }

  /** Once, if it is not planned already. */
  #later(name: string, ms: number, act: () => unknown): void {
    if (this.#stopped || this.#timers.has(name)) return;
    const timer = setTimeout(
      () => {
        this.#timers.delete(name);
        act();
      },
      Math.min(ms, 2 ** 31 - 1),
    );
    this.#timers.set(name, timer);
  }
}

type Committed = {
  readonly header: { readonly height: number };
  readonly events: readonly LedgerEvent[];
};
