import assert from "node:assert/strict";
import type { DatabaseSync } from "node:sqlite";
import { openFrame, type Signer, sealFrame } from "@busbar/protocol";
import { type KeyFile, type SiteClock, signerOf } from "@busbar/protocol/node";
import type { Logger } from "pino";
import type { Broker } from "../broker/broker.ts";
import type { AggregatorConfig } from "../config/schema.ts";
import type { Pool } from "../consensus/pool.ts";
import type { CommittedBlock } from "../ledger/block.ts";
import { sha256 } from "../ledger/sha256.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { channelsOf } from "./channels/channels.ts";
import { post } from "./channels/post.ts";
import { DeliveryTable } from "./delivery-table.ts";
import { Leases, type NoticeWish } from "./leases.ts";
import { preferencesOf } from "./preferences.ts";
import { Sender } from "./sender.ts";

/** What tells the owners of one site: a sender over the outbox, and its part of the channels. */
export type TellingOwners = {
  start(): void;
  committed(block: Pick<CommittedBlock, "header" | "events">): void;
  /** An owner has subscribed to its notices at this member's broker. */
  heard(owner: string): void;
  /** Starts nothing new, and tells the other members how far all of it has come. */
  stop(): Promise<void>;
  /** What was under way has ended; a connection that says nothing has to be closed for that. */
  ended(): Promise<void>;
};

export type TellingParts = {
  readonly config: Pick<AggregatorConfig, "site" | "member" | "notices">;
  readonly chain: string;
  readonly db: DatabaseSync;
  readonly state: StateReader;
  readonly keys: KeyFile;
  readonly broker: Pick<Broker, "listens" | "deliver">;
  readonly pool: Pool;
  readonly clock: SiteClock;
  /** Where owners open the portal. */
  readonly portal: string;
  /** Something became of a notice. */
  readonly changed: () => void;
  readonly log: Logger;
};

export function openTelling(parts: TellingParts): TellingOwners {
  const { config, db, state, keys, broker, clock, portal, changed, log } = parts;
  const { site, member, notices } = config;
  const table = new DeliveryTable(db);
  const signer = signerOf(keys);
  const leases = new Leases({
    member,
    state,
    table,
    able: (channel) => channel !== "email" || notices.email !== undefined,
    reaches(owner) {
      const { addresses } = preferencesOf(state, owner);
      return addresses === undefined || addresses.keys.some((key) => key.member === member);
    },
    submit: (wish) => submit(wish, signer, parts),
    clock,
    now: Date.now,
    random: Math.random,
    onChange: () => sender.wake(),
  });
  const sender = new Sender({
    table,
    channelOf: channelsOf({
      site,
      state,
      config: notices,
      member: { id: member, seed: keys.seed },
      broker,
      post,
      now: Date.now,
    }),
    tellingOf(owner) {
      const { language, timeZone } = preferencesOf(state, owner);
      return { reader: { language, timeZone }, portal };
    },
    permit: leases,
    now: Date.now,
    clock,
    random: Math.random,
    onDelivered({ owner }, channel) {
      leases.delivered(owner, channel);
      changed();
    },
    onFailed(notice, channel, { code, message }) {
      log.warn({ event: "notice-failed", notice, channel, code, message });
      changed();
    },
  });
  let lanes: Promise<void> = Promise.resolve();
  return {
    start: () => sender.start(),
    committed(block) {
      leases.committed(block);
      sender.wake();
    },
    heard: (owner) => sender.heard(owner, "mqtt"),
    stop() {
      lanes = sender.stop();
      return leases.stop();
    },
    ended: () => lanes,
  };
}

/** Hands in what this member says about its sending; a full pool, or a disk that is, hears it later. */
async function submit(
  { kind, message }: NoticeWish,
  signer: Signer,
  { chain, pool, log }: TellingParts,
): Promise<void> {
  const bytes = sealFrame(kind, message, { chain, signer });
  const opened = openFrame(bytes);
  assert(opened.ok, "what was sealed here can be opened");
  try {
    const submitted = await pool.submit(opened.frame, sha256(bytes));
    if (!submitted.ok) log.warn({ event: "notice-lease-waits", code: submitted.code });
  } catch (error) {
    log.warn({ event: "notice-lease-waits", err: error });
  }
}
