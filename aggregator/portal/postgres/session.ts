import { readFileSync } from "node:fs";
import { Failure } from "@busbar/protocol";
import pg from "pg";
import type { Asking } from "../model/asking.ts";
import { intOf } from "../model/int.ts";
import { bound, textOf } from "../model/statements.ts";
import { textOf as addressText, type PostgresAddress } from "./address.ts";

/** Where the read model is, and what a connection needs. */
export type PostgresSettings = {
  readonly address: PostgresAddress;
  readonly schema: string;
  readonly passwordFile?: string | undefined;
  /** PEM of the authority of the server's certificate; without it, those of Node. */
  readonly ca?: string | undefined;
};

/** A connection may take so long to come, and a statement to run, ms. */
const connectMs = 5_000;
const statementMs = 20_000;

/** OID of a 64-bit integer. */
const int8 = 20;

/** Integers beyond 2⁵³ come as bigints, all else as the driver gives it. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === int8 && format !== "binary"
      ? (text: string) => intOf(text)
      : (pg.types.getTypeParser(oid, format as never) as never),
};

/**
 * What connections are made with. A read model can be made anew, and its position is written with it: what a
 * crash of the server takes back is fed again, so no commit waits for the server's disk.
 * Throws: `Failure` `read-model.secret` where the password's or the authority's file cannot be read.
 */
export function clientConfig(
  { address, schema, passwordFile, ca }: PostgresSettings,
  { timed = true }: { readonly timed?: boolean } = {},
): pg.ClientConfig {
  const { host, port, database, user, tls } = address;
  const password = passwordFile === undefined ? undefined : secretIn(passwordFile).trimEnd();
  const options = [
    `search_path=${schema}`,
    "synchronous_commit=off",
    "idle_in_transaction_session_timeout=60000",
    `statement_timeout=${timed ? statementMs : 0}`,
  ];
  return {
    host,
    port,
    database,
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ssl:
      tls === "none"
        ? false
        : { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca: secretIn(ca) }) },
    application_name: "busbar-aggregator",
    options: options.map((option) => `-c ${option}`).join(" "),
    connectionTimeoutMillis: connectMs,
    // Of a server that stands still: its own time limit does not run then.
    ...(timed ? { query_timeout: statementMs + 2_000 } : {}),
    keepAlive: true,
    types,
  };
}

function secretIn(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new Failure("read-model.secret", `${path}: cannot be read, for the read model's server`, {
      retry: "never",
      cause,
    });
  }
}

/** How a server's messages are headed. */
export function placeOf({ address, schema }: PostgresSettings): string {
  return `${addressText(address)}, schema ${schema}`;
}

/** Runs what asks on a connection, from `first` on, in the caller's transaction. Changes go off one behind the other. */
export async function runOn<T>(
  client: pg.ClientBase,
  asking: Asking<T>,
  first = asking.next(),
): Promise<T> {
  const sent: Promise<unknown>[] = [];
  try {
    let step = first;
    while (step.done !== true) {
      const { name, values, answers } = step.value;
      const text = textOf(name, "postgres");
      const answer = client.query({ name, text, values: bound(name, values) });
      if (!answers) {
        // Whether it went well is looked at below.
        answer.catch(() => undefined);
        sent.push(answer);
      }
      step = asking.next(answers ? (await answer).rows : []);
    }
    await Promise.all(sent);
    return step.value;
  } catch (error) {
    // What failed first is the reason of what failed after it.
    for (const one of await Promise.allSettled(sent)) {
      if (one.status === "rejected") throw one.reason;
    }
    throw error;
  }
}

/** Runs `body` in a transaction: all of it is there afterwards, or nothing. */
export async function transactionOn<T>(
  client: pg.ClientBase,
  body: () => Promise<T>,
  begin = "BEGIN",
): Promise<T> {
  await client.query(begin);
  try {
    const result = await body();
    await client.query("COMMIT");
    return result;
  } catch (error) {
    // Where the connection is gone the server has ended the transaction itself.
    await client.query("ROLLBACK").catch(() => undefined);
    throw error;
  }
}

/** A connection that writes: its statements go off without waiting for the answers to those before them. */
export function writingClient(
  settings: PostgresSettings,
  limits: { readonly timed?: boolean } = {},
): pg.Client {
  return new pg.Client({ ...clientConfig(settings, limits), pipeline: true });
}

/**
 * A session's lock that one process writes at a time; it ends with the connection.
 * Throws: `Failure` `read-model.held`.
 */
export async function lockFeeding(client: pg.Client, schema: string, where: string): Promise<void> {
  const { rows } = await client.query(
    "SELECT pg_try_advisory_lock(hashtext(current_database() || '.' || $1)) AS locked",
    [schema],
  );
  if (rows[0]?.locked === true) return;
  throw new Failure(
    "read-model.held",
    `${where}: another process writes it; does this member's aggregator, or a rebuild, run already?`,
    { retry: "later" },
  );
}

/** How far the tables have come, and the hash of that block. */
export async function positionOf(
  client: pg.Client,
  how?: "locked",
): Promise<{ readonly height: number; readonly hash: string | undefined }> {
  const { rows } = await client.query(
    `SELECT height, (SELECT hash FROM portal_block b WHERE b.height = t.height) AS hash
     FROM portal_total t${how === "locked" ? " FOR UPDATE" : ""}`,
  );
  const [row] = rows;
  return { height: Number(row?.height ?? 0), hash: (row?.hash as string | null) ?? undefined };
}

/** How long a server may take over our goodbye, ms. */
const endMs = 1_000;

/** A server that stands still is not waited for, and keeps no process from ending. */
export async function farewell(client: pg.Client): Promise<void> {
  const patience = Promise.withResolvers<void>();
  const timer = setTimeout(patience.resolve, endMs);
  await Promise.race([client.end().catch(() => undefined), patience.promise]);
  clearTimeout(timer);
  // The driver's types leave it out.
  (client as pg.Client & { unref(): void }).unref();
}
