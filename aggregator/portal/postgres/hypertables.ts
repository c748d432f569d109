import type { ClientBase } from "pg";

const dayMs = 86_400_000;

/**
 * Tables that grow with time and whose keys hold the column they are divided by; what lies in one chunk of each.
 * `portal_trade` is none: its contract's name is unique over all chunks.
 */
const divided = [
  { table: "portal_block", column: "height", chunk: 1_000_000 },
  { table: "portal_slot", column: "slot", chunk: 365 * dayMs },
  { table: "portal_party_slot", column: "slot", chunk: 30 * dayMs },
  { table: "portal_pass", column: "slot", chunk: 365 * dayMs },
] as const;

/** Whether the database has TimescaleDB, and whether its server could have it. */
export async function timescaleOf(client: ClientBase): Promise<"used" | "available" | "missing"> {
  const { rows } = await client.query(
    "SELECT installed_version IS NOT NULL AS used FROM pg_available_extensions WHERE name = 'timescaledb'",
  );
  if (rows.length === 0) return "missing";
  return rows[0]?.used === true ? "used" : "available";
}

/** Divides the tables by time where the database has TimescaleDB (2.13 or newer); empty ones, in the caller's transaction. */
export async function makeHypertables(client: ClientBase, schema: string): Promise<void> {
  if ((await timescaleOf(client)) !== "used") return;
  const { rows } = await client.query(
    `SELECT n.nspname AS name FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = 'timescaledb'`,
  );
  // The extension's functions lie where it was made, which need not be on the search path.
  const home = String(rows[0]?.name).replaceAll('"', '""');
  for (const { table, column, chunk } of divided) {
    await client.query(
      `SELECT "${home}".create_hypertable($1::regclass, "${home}".by_range($2::name, $3::bigint))`,
      [`${schema}.${table}`, column, chunk],
    );
  }
}
