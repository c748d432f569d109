import assert from "node:assert/strict";
import type { AggregatorConfig } from "../../config/schema.ts";
import { type Genesis, genesisHash } from "../../ledger/genesis.ts";
import { parsePostgresUrl } from "./address.ts";
import type { PostgresSettings } from "./session.ts";
import type { Owner } from "./tables.ts";

/** Where a configuration has its read model; undefined where that lies in the ledger's own file. */
export function settingsOf({
  readModel,
  member,
}: Pick<AggregatorConfig, "readModel" | "member">): PostgresSettings | undefined {
  if (readModel === undefined) return undefined;
  const {
    postgres,
    passwordFile,
    ca,
    schema = `busbar_${member.replaceAll("-", "_")}`,
  } = readModel;
  const parsed = parsePostgresUrl(postgres);
  assert(parsed.ok, "the configuration was checked");
  return { address: parsed.address, schema, passwordFile, ca };
}

/** Whose it is. */
export function ownerOf(genesis: Genesis, member: string): Owner {
  const hash = Buffer.from(genesisHash(genesis)).toString("hex");
  return { genesis: hash, chain: genesis.chain, member };
}
