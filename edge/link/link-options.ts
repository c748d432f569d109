import type { MeterTip, PinnedMembership, Signer } from "@busbar/protocol";
import type { Logger } from "pino";
import type { BrokerConfig } from "../config/schema.ts";
import type { Outbox } from "../journal/outbox.ts";
import type { Adopted } from "../schedule/adoption.ts";
import type { Counters } from "../status/counters.ts";
import type { AnnouncerOptions } from "./announcer.ts";
import type { BackOffBounds } from "./back-off.ts";
import type { StepNotes } from "./councils.ts";
import type { Hearers } from "./hearing.ts";
import type { MemberBrokers } from "./member-brokers.ts";
import type { LinkProblem } from "./problem.ts";
import type { ReceiptTimesView } from "./receipt-times.ts";
import type { Blocked } from "./sender.ts";

/** What the link is told at its start. */
export type LinkOptions = {
  readonly chain: string;
  readonly device: string;
  readonly signer: Signer;
  readonly membership: PinnedMembership;
  /** Where it notes who else came to vote; without it a start begins at `membership` again. */
  readonly stepNotes?: StepNotes;
  /** Nearest first; it may grow. */
  readonly brokers: readonly BrokerConfig[];
  /** Brokers of members that the ledger proves; `brokers` is its list where it is used. */
  readonly memberBrokers?: Pick<MemberBrokers, "members" | "take">;
  readonly outboxes: readonly Outbox[];
  /** The next session number, and the birth message of a session: retained JSON. */
  readonly nextSession: () => number;
  readonly birth: (session: number) => object;
  /** The owner's signed limits. They are said again on each connection, before any quote: a mandate
   * is the owner's message, so the ledger's answer to it does not come to the device. */
  readonly mandate?: Uint8Array | undefined;
  /** What Home Assistant is told, and which topics it was ever told on. */
  readonly announcements?: Pick<AnnouncerOptions, "wanted" | "announced">;
  /** What the market says to whoever quotes for an owner: which gates are open, and how it stands.
   * After a connection ended, what was said on it may be old. */
  readonly market?: {
    readonly owner: string;
    readonly onGates: (payload: Uint8Array) => void;
    readonly onPositions: (payload: Uint8Array) => void;
    readonly onDown: () => void;
  };
  /** Told of questions of a support session; nothing of them is checked yet. */
  readonly onSupport?: (payload: Uint8Array) => void;
  readonly onCommitted?: () => void;
  /** Runs what changes the outboxes as one commit: receipts come in bursts. */
  readonly atOnce?: <T>(work: () => T) => T;
  /** Told where the ledger's chain of a meter stands, proven, after it refused what we hold to be
   * the next readings of it. */
  readonly onTip?: (tip: MeterTip) => Adopted;
  readonly counters: Counters;
  readonly log: Logger;
  readonly backOff?: BackOffBounds;
  /** Between attempts while another unit signs in with the same id. */
  readonly rivalBackOff?: BackOffBounds;
  /** Between looks for a nearer broker than the one in use. */
  readonly returnBackOff?: BackOffBounds;
  readonly keepaliveSeconds?: number;
  readonly answerMsMax?: number;
  /** Without a ready host for so long another broker is tried, where there is one. */
  readonly hostMsMax?: number;
  /** Frames that nobody answers for so long lead to another broker too. */
  readonly silentMsMax?: number;
  /** A disk that could not be written is tried again after so long. */
  readonly diskMs?: number;
} & Hearers;

/** What the status page and `doctor` show of the link. */
export type LinkStatus = {
  readonly connected: boolean;
  readonly broker: string | undefined;
  readonly reason: string | undefined;
  /** What keeps readings from the ledger, or another unit of the same id; with its remedy. */
  readonly problem: LinkProblem | undefined;
  readonly hostReady: boolean;
  readonly inFlight: number;
  readonly lastReceiptAt: number | undefined;
  readonly receiptTimes: ReceiptTimesView;
  readonly blocked: readonly Blocked[];
};
