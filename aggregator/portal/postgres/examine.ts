import { failureOf } from "./failures.ts";
import { farewell, type PostgresSettings, placeOf, positionOf, writingClient } from "./session.ts";
import { checkServer, tablesOf } from "./tables.ts";

/** Looks at the server and the tables, and changes nothing. Throws: `Failure` `read-model.*`. */
export async function examineServer(settings: PostgresSettings): Promise<string> {
  const where = placeOf(settings);
  const client = writingClient(settings);
  client.on("error", () => undefined);
  try {
    await client.connect();
    const version = await checkServer(client, { where });
    const tables = await tablesOf(client, settings.schema);
    const at =
      tables.length === 0 ? "no tables yet" : `at block ${(await positionOf(client)).height}`;
    return `${where}: PostgreSQL ${version}, ${at}`;
  } catch (error) {
    throw failureOf(error, where);
  } finally {
    await farewell(client);
  }
}
