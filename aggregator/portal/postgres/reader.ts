import { Failure } from "@busbar/protocol";
import pg from "pg";
import type { Asking, Reader } from "../model/asking.ts";
import { failureOf } from "./failures.ts";
import { clientConfig, type PostgresSettings, placeOf, runOn, transactionOn } from "./session.ts";

/** Connections that the portal reads with at once; who comes then waits for one. */
const connectionsMax = 4;

/** What one work reads is of one moment, as in SQLite, where nothing can come in between. */
const beginReading = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/** Reads the read model in PostgreSQL. Connections are made when they are needed, and anew when they broke. */
export class PostgresReader implements Reader<"postgres"> {
  readonly #where: string;
  readonly #pool: pg.Pool;

  /** Throws: `Failure` `read-model.secret`. */
  constructor(settings: PostgresSettings) {
    this.#where = placeOf(settings);
    this.#pool = new pg.Pool({
      ...clientConfig(settings),
      max: connectionsMax,
      idleTimeoutMillis: 60_000,
      allowExitOnIdle: true,
    });
    // One that breaks while nobody uses it: the pool forgets it.
    this.#pool.on("error", () => undefined);
  }

  /** Throws: `Failure` `read-model.*`; what the work itself throws. */
  async read<T>(asking: Asking<T>): Promise<T> {
    const first = asking.next();
    if (first.done === true) return first.value;
    let client: pg.PoolClient | undefined;
    let broken = true;
    try {
      client = await this.#pool.connect();
      const on = client;
      const result = await transactionOn(on, () => runOn(on, asking, first), beginReading);
      broken = false;
      return result;
    } catch (error) {
      const failure = failureOf(error, this.#where);
      // A statement that failed leaves a connection that is as good as before.
      broken = failure instanceof Failure && failure.code === "read-model.unreachable";
      throw failure;
    } finally {
      client?.release(broken);
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}
