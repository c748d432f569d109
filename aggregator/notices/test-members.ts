import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import {
  type NoticeChannel,
  type NoticePreferences,
  type NoticeWay,
  utcMs,
} from "@busbar/protocol";
import type { CommittedBlock } from "../ledger/block.ts";
import type { LedgerEvent } from "../ledger/events.ts";
import { openProjections } from "../ledger/projection.ts";
import { noticeLeases } from "../ledger/rules/notices/tables.ts";
import { emptyState, Overlay } from "../ledger/state/overlay.ts";
import { members } from "../ledger/tables.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { DeliveryTable } from "./delivery-table.ts";
import { Leases, type NoticeWish } from "./leases.ts";
import { outbox } from "./outbox.ts";
import type { Preferences } from "./preferences.ts";
import { Sender } from "./sender.ts";
import type { Told } from "./told.ts";

/** Members that tell owners, on clocks and by channels that a test owns. */

const zero = new Uint8Array(32);
/** An hour in ms. */
export const hour = 3_600_000;
/** Site ms at which a site begins. */
export const startTime = Date.UTC(2026, 5, 21, 10);
export const owners = ["company", "user-1"] as const;

/** A way by which everything goes at once. */
export const once = (channel: NoticeChannel): NoticeWay => ({
  channel,
  when: "at-once",
  quiet: false,
});

/** A member's outbox over blocks that a consortium made, its sender, and its part of the leases. */
export class Member {
  readonly db = new DatabaseSync(":memory:");
  readonly table: DeliveryTable;
  readonly sender: Sender;
  readonly leases: Leases;
  readonly sent: Told[] = [];
  readonly by: string[] = [];
  readonly failed: string[] = [];
  /** What a channel does; throws what it throws. */
  deliver: (told: Told, channel: ChannelName) => Promise<void> = async () => {};
  wanted = true;
  random = 1;
  /** Owners whose addresses are not sealed for it. */
  readonly unreached = new Set<string>();
  #woken = Promise.withResolvers<void>();

  readonly id: string;
  readonly site: Site;

  constructor(id: string, site: Site) {
    this.id = id;
    this.site = site;
    this.db.exec("CREATE TABLE projection (name TEXT PRIMARY KEY, schema TEXT, height INTEGER)");
    this.follow();
    this.table = new DeliveryTable(this.db);
    const clock = { now: () => site.time, delay: (ms: number) => ms, speed: 1 };
    this.leases = new Leases({
      ...{ member: id, state: site.state, table: this.table, able: () => true, clock },
      reaches: (owner) => !this.unreached.has(owner),
      submit: async (wish) => void site.wishes.push(wish),
      now: () => site.time,
      random: () => 0,
      onChange: () => this.sender.wake(),
    });
    this.sender = new Sender({
      ...{ table: this.table, clock, now: () => site.time },
      random: () => this.random,
      permit: this.leases,
      channelOf: (_, name): Channel | undefined =>
        this.wanted ? { name, deliver: (told) => this.deliver(told, name) } : undefined,
      tellingOf: () => ({ reader: { language: "en", timeZone: "UTC0" }, portal: "http://p" }),
      onDelivered: (told, channel) => {
        this.leases.delivered(told.owner, channel);
        this.sent.push(told);
        this.by.push(channel);
        this.#woken.resolve();
      },
      onFailed: (_, __, { code }) => {
        this.failed.push(code);
        this.#woken.resolve();
      },
    });
  }

  /** Takes the site's blocks up into the outbox. */
  follow(): void {
    const { preferences, webhooks, keepMs, blocks } = this.site;
    const projection = outbox({
      ...{ currency: "EUR", member: this.id, send: true, webhooks, keepMs },
      preferences: (_, owner) => (owners.some((one) => one === owner) ? preferences : undefined),
    });
    const block = (height: number) => blocks[height - 1] as CommittedBlock;
    openProjections(this.db, [projection], { height: blocks.length, block });
  }

  async until(so: () => boolean): Promise<void> {
    while (!so()) {
      await this.#woken.promise;
      this.#woken = Promise.withResolvers();
    }
  }

  /** `delivered`, `queued`, … of each delivery, in the order in which they were made out. */
  get states(): string[] {
    return this.db
      .prepare("SELECT state FROM delivery ORDER BY rowid")
      .all()
      .map(({ state }) => String(state));
  }

  statesOf(owner: string): string[] {
    return this.db
      .prepare("SELECT state FROM delivery WHERE owner = ? ORDER BY rowid")
      .all(owner)
      .map(({ state }) => String(state));
  }

  async stop(): Promise<void> {
    await this.sender.stop();
    await this.leases.stop();
  }
}

/** A consortium's blocks, made by hand. */
export class Site {
  readonly state = new Overlay(emptyState);
  readonly blocks: CommittedBlock[] = [];
  readonly wishes: NoticeWish[] = [];
  readonly members: Member[] = [];
  time = startTime;
  webhooks: ReadonlySet<string> = new Set();
  keepMs = 3_650 * 24 * hour;
  preferences: Preferences = {
    ...{ version: 1, language: "en", timeZone: "UTC0", digestAt: 18 * 60, muted: [] },
    threshold: 0 as NoticePreferences["threshold"],
    ways: [once("email")],
  };

  constructor(names: readonly string[], preferences: Partial<Preferences> = {}) {
    this.preferences = { ...this.preferences, ...preferences };
    for (const id of names) {
      members.set(this.state, id, {
        id,
        key: zero,
        voting: true,
        role: "user",
        state: "active",
        since: 1,
      });
    }
    this.members.push(...names.map((id) => new Member(id, this)));
  }

  /** A block in which company sells to user-1, or with other events. */
  block(...events: readonly object[]): void {
    const height = this.blocks.length + 1;
    const usual = [sold(height)];
    const header = { chain: "elm", height, time: utcMs(this.time) } as CommittedBlock["header"];
    const all = (events.length === 0 ? usual : events) as LedgerEvent[];
    this.blocks.push({
      ...{ header, hash: zero, certificate: [], frames: [], hashes: [], signers: [] },
      ...{ eventCounts: [], results: [], events: all },
    });
    for (const member of this.members) {
      member.follow();
      member.leases.committed({ header, events: all });
      member.sender.wake();
    }
  }

  /** Puts what members asked for into a block, as the ledger's rules would take it. */
  grant(): string[] {
    const events = this.wishes.splice(0).flatMap(({ kind, message }): LedgerEvent[] => {
      if (kind === "notice-report") return [{ type: "notice-report-taken", ...message }];
      const last = noticeLeases.get(this.state, message.channel);
      const free = last === undefined || last.member === message.member || last.until <= this.time;
      if (!free || message.number !== (last?.number ?? 0) + 1) return [];
      noticeLeases.set(this.state, message.channel, message);
      return [{ type: "notice-lease-taken", ...message }];
    });
    if (events.length > 0) this.block(...events);
    return events.map((event) =>
      event.type === "notice-lease-taken" ? `${event.member} ${event.channel}` : event.type,
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
  }
}

function sold(height: number): object {
  return {
    ...{ type: "contract-signed", contract: `k-${height}`, slot: startTime, seller: "company" },
    ...{ buyer: "user-1", quantityWh: 1_000, price: 500_000, origin: "book", scale: "intraday" },
  };
}

/** A site of one member. */
export function one(preferences: Partial<Preferences> = {}): { site: Site; member: Member } {
  const site = new Site(["m1"], preferences);
  const [member] = site.members;
  assert.ok(member);
  return { site, member };
}
