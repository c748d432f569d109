import { Failure } from "@busbar/protocol";
import type { Client } from "pg";
import type { Logger } from "pino";
import type { CommittedBlock } from "../../ledger/block.ts";
import type { Heights } from "../../ledger/projection.ts";
import { blockChanges } from "../read-model.ts";
import type { FedBlocks } from "./blocks.ts";
import { failureOf } from "./failures.ts";
import { timescaleOf } from "./hypertables.ts";
import {
  farewell,
  lockFeeding,
  type PostgresSettings,
  placeOf,
  positionOf,
  runOn,
  transactionOn,
  writingClient,
} from "./session.ts";
import { type Made, type Owner, openTables } from "./tables.ts";

/** Wall ms before a server that failed is tried again: the shortest, then twice as long each time. */
const pauseMsMin = 250;
const pauseMsMax = 10_000;

export type FeedOptions = {
  readonly settings: PostgresSettings;
  readonly owner: Owner;
  readonly blocks: FedBlocks;
  readonly log: Pick<Logger, "info" | "warn" | "error">;
  /** Of blocks that are in neither the ledger's file nor its archive; the tables tell nothing of up to `until`. */
  readonly lacks: (lack: { readonly until: number; readonly missing: readonly Heights[] }) => void;
  /** Called for each block once the tables have it; the next one waits for the result. */
  readonly applied: (block: CommittedBlock) => Promise<void>;
};

/**
 * Feeds the read model in PostgreSQL from the ledger's blocks. How far it has come stands in the tables and is
 * written with what a block brings, so whatever dies when: each block is there once. It waits for a server that is
 * away and holds up no block; one that is not what it should be ends it.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #where: string;
  #height = 0;
  #problem: Failure | undefined;
  #stopped = false;
  #wake = Promise.withResolvers<void>();
  #waited = Promise.withResolvers<void>();
  #ended: Promise<void> = Promise.resolve();

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#where = placeOf(options.settings);
  }

  /** Height of the last block that the tables have, as far as is known here. */
  get height(): number {
    return this.#height;
  }

  /** Why nothing is fed now; undefined while all is well. */
  get problem(): Failure | undefined {
    return this.#problem;
  }

  /**
   * Connects, sees to the tables and begins. One that cannot be reached now is tried again while all else goes on.
   * Throws: `Failure` `read-model.*` where trying again is of no use.
   */
  async start(): Promise<void> {
    const first = Promise.withResolvers<void>();
    this.#ended = this.#run(() => first.resolve());
    await first.promise;
    const problem = this.#problem;
    if (problem?.retry !== "never") return;
    await this.#ended;
    throw problem;
  }

  /** There may be another block. */
  committed(): void {
    this.#wake.resolve();
  }

  /** Ends after the block at work. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake.resolve();
    this.#waited.resolve();
    await this.#ended;
  }

  /** `tried`: the first attempt has come to something. */
  async #run(tried: () => void): Promise<void> {
    let pauseMs = pauseMsMin;
    while (!this.#stopped) {
      try {
        await this.#session(() => {
          pauseMs = pauseMsMin;
          tried();
        });
      } catch (error) {
        this.#failed(error);
        tried();
        if (this.#problem?.retry === "never") return;
      }
      if (!this.#stopped) await this.#pause(pauseMs);
      pauseMs = Math.min(pauseMsMax, 2 * pauseMs);
    }
  }

  #failed(error: unknown): void {
    const found = failureOf(error, this.#where);
    const failure =
      found instanceof Failure
        ? found
        : new Failure("read-model.failed", `${this.#where}: ${String(found)}`, {
            retry: "later",
            cause: found,
          });
    // Once for each trouble, not for each attempt.
    if (failure.code !== this.#problem?.code) {
      const { log } = this.#options;
      const about = { event: "read-model-away", code: failure.code, height: this.#height };
      const isKnown = found instanceof Failure && failure.retry !== "never";
      if (isKnown) log.warn(about, failure.message);
      else log.error({ ...about, err: failure }, failure.message);
    }
    this.#problem = failure;
  }

  /** One connection's life. Throws what ends it. */
  async #session(opened: () => void): Promise<void> {
    const client = writingClient(this.#options.settings);
    let gone: Error | undefined;
    const ends = (error: Error) => {
      gone ??= error;
      this.#wake.resolve();
    };
    client.on("error", ends);
    client.on("end", () => ends(new Error("connection terminated")));
    try {
      await client.connect();
      await this.#open(client);
      opened();
      while (!this.#stopped) {
        if (gone !== undefined) throw gone;
        this.#wake = Promise.withResolvers();
        if (this.#height < this.#options.blocks.height()) await this.#feed(client);
        else await this.#wake.promise;
      }
    } finally {
      await farewell(client);
    }
  }

  async #open(client: Client): Promise<void> {
    const { settings, owner, log } = this.#options;
    const { schema } = settings;
    await lockFeeding(client, schema, this.#where);
    const made = await openTables(client, { schema, owner, where: this.#where });
    const { height } = await positionOf(client);
    await this.#checkBlock(client, height);
    this.#height = height;
    this.#tell(log, made, await timescaleOf(client));
    this.#problem = undefined;
  }

  #tell(log: FeedOptions["log"], made: Made, timescale: "used" | "available" | "missing"): void {
    const about = { event: "read-model", where: this.#where, tables: made, height: this.#height };
    const words = {
      used: "tables that grow are TimescaleDB's hypertables if they were made since it is there",
      available: "TimescaleDB is there and not used: CREATE EXTENSION timescaledb, then rebuild",
      missing: "TimescaleDB is not there: ordinary tables",
    };
    log.info({ ...about, timescale }, words[timescale]);
  }

  /** That the tables are of this ledger's blocks, at the last height that both have. */
  async #checkBlock(client: Client, height: number): Promise<void> {
    const { blocks } = this.#options;
    const both = Math.min(height, blocks.height());
    const { rows } = await client.query("SELECT hash FROM portal_block WHERE height = $1", [both]);
    const [there, here] = [rows[0]?.hash as string | undefined, blocks.hashOf(both)];
    if (there !== undefined && here !== undefined && there !== here) throw this.#parted(both);
  }

  #parted(height: number): Failure {
    return new Failure(
      "read-model.parted",
      `${this.#where}: its block ${height} is another than the ledger's, which was brought back from a copy or began anew; run busbar-aggregator rebuild`,
      { retry: "never" },
    );
  }

  /** The next blocks, in one transaction with the position behind them. */
  async #feed(client: Client): Promise<void> {
    const { blocks: source, applied, lacks } = this.#options;
    const from = this.#height;
    const { after, missing, blocks } = source.behind(from);
    const height = await transactionOn(client, async () => {
      const at = await positionOf(client, "locked");
      if (at.height !== from) return at.height;
      const [next] = blocks;
      if (after > from) await client.query("UPDATE portal_total SET height = $1", [after]);
      else if (
        at.hash !== undefined &&
        next !== undefined &&
        at.hash !== hex(next.header.previous)
      ) {
        throw this.#parted(from);
      }
      for (const block of blocks) await runOn(client, blockChanges(block, block.events));
      return blocks.at(-1)?.header.height ?? after;
    });
    this.#height = height;
    if (height !== from && after > from) lacks({ until: after, missing });
    for (const block of blocks) if (block.header.height <= height) await applied(block);
  }

  /** Only a stop ends it early: blocks come all the time. */
  async #pause(ms: number): Promise<void> {
    const timer = setTimeout(this.#waited.resolve, ms);
    await this.#waited.promise;
    clearTimeout(timer);
    if (!this.#stopped) this.#waited = Promise.withResolvers();
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
