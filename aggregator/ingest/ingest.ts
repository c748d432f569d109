import type { Receipt, Refusal, Topic, Verify } from "@busbar/protocol";
import type { Logger } from "pino";
import { BoundedLog } from "../broker/bounded-log.ts";
import type { Counters } from "../broker/counters.ts";
import type { Pool } from "../consensus/pool.ts";
import { openedFrame } from "../ledger/opened-frame.ts";
import type { Identity, Registry } from "../ledger/registry.ts";
import type { Answers } from "./answers.ts";
import { type Claim, claimOf, prove } from "./examine.ts";
import { type IngestLimits, ingestLimits } from "./limits.ts";
import { Quarantine, type Quarantined } from "./quarantine.ts";
import type { SignatureThreads } from "./signature-threads.ts";
import { fullRefusal, WaitingLine } from "./waiting-line.ts";

/** A message for the ledger as the broker took it in. The publisher had the right to the topic. */
export type Arrival = {
  readonly topic: Topic;
  readonly payload: Uint8Array;
  readonly publisher: Identity;
};

/**
 * Takes a message in. Resolves when it may be acknowledged: the message is on disk, was there
 * before, or was refused (a refused one is answered, not returned to its sender, who would send it
 * for ever). Rejects only for the world's faults, as a full disk.
 */
export type Ingest = (arrival: Arrival) => Promise<void>;

/** `now` is wall-clock ms; `receiptOf` finds the receipt of a committed frame by its hash. */
export type IngestOptions = {
  readonly chain: string;
  readonly registry: Registry;
  readonly verify: Verify;
  /** Where signatures are checked beside this thread; undefined: in it. */
  readonly threads?: Pick<SignatureThreads, "check" | "waiting"> | undefined;
  readonly pool: Pool;
  readonly answers: Pick<Answers, "refuse" | "receipt">;
  readonly receiptOf: (hash: Uint8Array) => Receipt | undefined;
  readonly now: () => number;
  readonly delay?: (ms: number) => Promise<unknown>;
  readonly counters: Counters;
  readonly log: Logger;
  readonly limits?: Partial<IngestLimits>;
};

/** Counted besides the refusal codes: what became of good messages. */
const outcomes = {
  stored: "ingest-stored",
  pending: "ingest-pending",
  committed: "ingest-committed",
} as const;

export function createIngest(options: IngestOptions): {
  readonly ingest: Ingest;
  quarantined(): readonly Quarantined[];
} {
  const { answers, counters, now } = options;
  const limits: IngestLimits = { ...ingestLimits, ...options.limits };
  const line = new WaitingLine(options.pool, limits, { now, delay: options.delay });
  const quarantine = new Quarantine(limits.quarantineMax, limits.quarantineBytes);
  const log = new BoundedLog(options.log, now, limits.logLinesPerSecond);

  const refuse = (arrival: Arrival, hash: Uint8Array, refusal: Refusal, signer?: Identity) => {
    const { code, message } = refusal;
    const { topic, payload, publisher } = arrival;
    counters.count(code);
    const where = { topic: nameOf(topic), publisher: publisher.id };
    log.warn("message-refused", { code, message, ...where, bytes: payload.length });
    // A full pool is no fault of the message.
    if (code !== "pool.full") {
      quarantine.add({ at: now(), code, message, ...where, bytes: payload });
    }
    void answers.refuse(whomToTell(arrival, signer), hash, refusal);
  };

  const ingest: Ingest = async (arrival) => {
    const { hash } = openedFrame(arrival.payload);
    const claim = claimOf(arrival.payload, arrival.topic, options.registry);
    if (!claim.ok) return refuse(arrival, hash, claim, claim.signer);
    if (options.threads !== undefined) {
      // Before the check: more than can be looked at must not fill the memory.
      if (options.threads.waiting >= limits.checksMax) {
        return refuse(arrival, hash, fullRefusal(), claim.signer);
      }
      await checkElsewhere(claim, options.chain, options.threads);
    }
    const examined = prove(claim, options);
    if (!examined.ok) return refuse(arrival, hash, examined, examined.signer);
    const { frame, signer } = examined;
    const submitted = await line.submit(frame, hash);
    if (!submitted.ok) return refuse(arrival, hash, submitted, signer);
    counters.count(outcomes[submitted.state]);
    if (submitted.state !== "committed") return;
    const receipt = options.receiptOf(hash);
    if (receipt !== undefined) void answers.receipt(signer.id, receipt);
  };
  return { ingest, quarantined: () => quarantine.list() };
}

/** Has the signature checked in another thread. */
async function checkElsewhere(
  { frame, signer: { key } }: Claim,
  chain: string,
  threads: Pick<SignatureThreads, "check">,
): Promise<void> {
  const signed = frame.toCheck(key, chain);
  if (signed !== undefined) frame.wasChecked(key, chain, await threads.check(signed));
}

/** Who hears of a refusal: the proven signer, else the device whose topic or the one whose
 * connection it was. */
function whomToTell({ topic, publisher }: Arrival, signer?: Identity): string {
  return signer?.id ?? (topic.of === "device" ? topic.id : publisher.id);
}

function nameOf(topic: Topic): string {
  if (topic.of === "market") return `market/${topic.name}`;
  if (topic.of === "enrol") return `enrol/${topic.id}/${topic.name}`;
  return topic.of === "host" ? `host/${topic.id}/${topic.name}` : `${topic.id}/${topic.name}`;
}
