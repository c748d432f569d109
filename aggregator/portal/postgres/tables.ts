import { Failure } from "@busbar/protocol";
import type { ClientBase } from "pg";
import { schemaNumber, schemaOf } from "../model/schema.ts";
import { makeHypertables } from "./hypertables.ts";
import { transactionOn } from "./session.ts";

/** Whose read model it is. */
export type Owner = {
  /** Hash of the genesis, hex: the chain's own name. */
  readonly genesis: string;
  readonly chain: string;
  readonly member: string;
};

export type Made = "made" | "brought along" | "made anew" | "as it was";

/** The oldest server that this is made for. */
export const serverMin = 130_000;

type Asked = {
  readonly schema: string;
  readonly owner: Owner;
  readonly where: string;
  /** As `server_version_num`. */
  readonly versionMin?: number;
};

/**
 * Makes the tables where there are none, and brings those of an older version along: by the steps in between, or
 * empty, to be filled anew from the blocks.
 * Throws: `Failure` `read-model.too-old`, `read-model.encoding`, `read-model.read-only`, `read-model.foreign`,
 * `read-model.newer`.
 */
export async function openTables(client: ClientBase, asked: Asked): Promise<Made> {
  await checkServer(client, asked);
  const { schema } = asked;
  return transactionOn(client, async () => {
    // Two that open it at once: one after the other.
    await client.query("SELECT pg_advisory_xact_lock(hashtext($1))", [`${schema} tables`]);
    const known = await originOf(client, asked);
    const text = schemaOf("postgres");
    if (known === undefined) {
      await makeTables(client, asked);
      return "made";
    }
    if (known.text === text) return "as it was";
    if (text.startsWith(known.text)) {
      await client.query(text.slice(known.text.length));
      await note(client);
      return "brought along";
    }
    await dropTables(client, schema);
    await client.query(text);
    await makeHypertables(client, schema);
    await note(client);
    return "made anew";
  });
}

/** Empties the read model, in the caller's transaction. */
export async function clearTables(client: ClientBase, schema: string): Promise<void> {
  await dropTables(client, schema);
  await client.query(schemaOf("postgres"));
  await makeHypertables(client, schema);
  await note(client);
}

/** That a server is one that this is made for. Returns its version. */
export async function checkServer(
  client: ClientBase,
  { where, versionMin = serverMin }: Pick<Asked, "where" | "versionMin">,
): Promise<string> {
  const { rows } = await client.query(
    `SELECT current_setting('server_version_num') AS version, current_setting('server_version') AS named,
       current_setting('server_encoding') AS encoding, current_setting('transaction_read_only') AS reads`,
  );
  const [{ version, named, encoding, reads }] = rows as [Record<string, string>];
  const refuse = (code: string, text: string, retry: "never" | "later" = "never") => {
    throw new Failure(code, `${where}: ${text}`, { retry });
  };
  if (Number(version) < versionMin) {
    const least = Math.floor(versionMin / 10_000);
    refuse(
      "read-model.too-old",
      `PostgreSQL ${named}; expected ${least} or newer: upgrade the server`,
    );
  }
  if (encoding !== "UTF8") {
    refuse(
      "read-model.encoding",
      `the database's encoding is ${encoding}; expected UTF8: createdb -E UTF8 -T template0 NAME`,
    );
  }
  if (reads === "on") {
    refuse("read-model.read-only", "the server takes no writes: is it a standby?", "later");
  }
  return String(named);
}

/** What is noted beside the tables; undefined where there are none yet. */
async function originOf(
  client: ClientBase,
  { schema, owner, where }: Asked,
): Promise<{ readonly text: string } | undefined> {
  const refuse = (code: string, text: string): never => {
    throw new Failure(code, `${where}: ${text}`, { retry: "never" });
  };
  const found = await client.query(
    "SELECT to_regclass($1) IS NOT NULL AS noted, (SELECT count(*)::int FROM pg_tables WHERE schemaname = $2) AS tables",
    [`${schema}.read_model`, schema],
  );
  const [{ noted, tables }] = found.rows as [{ noted: boolean; tables: number }];
  if (!noted) {
    if (tables > 0) {
      refuse(
        "read-model.foreign",
        "the schema holds other tables; name an empty one: readModel.schema",
      );
    }
    return undefined;
  }
  const { rows } = await client.query(
    "SELECT genesis, chain, member, number, text FROM read_model",
  );
  const [row] = rows as [
    Record<"genesis" | "chain" | "member" | "text", string> & { number: number },
  ];
  if (row.genesis !== owner.genesis || row.member !== owner.member) {
    refuse(
      "read-model.foreign",
      `it is member ${row.member}'s of chain ${row.chain}, and this is ${owner.member} of ${owner.chain} (genesis ${owner.genesis.slice(0, 8)}); name another schema: readModel.schema`,
    );
  }
  if (row.number > schemaNumber) {
    refuse(
      "read-model.newer",
      `written by a newer program (schema ${row.number}, this one reads ${schemaNumber}); upgrade`,
    );
  }
  return { text: row.text };
}

async function makeTables(client: ClientBase, { schema, owner }: Asked): Promise<void> {
  const { rows } = await client.query("SELECT to_regnamespace($1) IS NULL AS missing", [schema]);
  if (rows[0]?.missing === true) await client.query(`CREATE SCHEMA "${schema}"`);
  await client.query(
    `CREATE TABLE read_model (id INTEGER PRIMARY KEY CHECK (id = 1), genesis TEXT NOT NULL, chain TEXT NOT NULL,
       member TEXT NOT NULL, number INTEGER NOT NULL, text TEXT NOT NULL)`,
  );
  const { genesis, chain, member } = owner;
  await client.query("INSERT INTO read_model VALUES (1, $1, $2, $3, 0, '')", [
    genesis,
    chain,
    member,
  ]);
  await client.query(schemaOf("postgres"));
  await makeHypertables(client, schema);
  await note(client);
}

async function note(client: ClientBase): Promise<void> {
  const values = [schemaNumber, schemaOf("postgres")];
  await client.query("UPDATE read_model SET number = $1, text = $2", values);
}

async function dropTables(client: ClientBase, schema: string): Promise<void> {
  for (const table of await tablesOf(client, schema)) await client.query(`DROP TABLE "${table}"`);
}

/** The read model's tables, by name. */
export async function tablesOf(client: ClientBase, schema: string): Promise<readonly string[]> {
  const { rows } = await client.query(
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = $1 AND tablename LIKE 'portal\\_%' ORDER BY 1",
    [schema],
  );
  return rows.map(({ name }) => String(name));
}
