import type { Logger } from "pino";
import type { Ledger } from "../../commands/ledger.ts";
import type { AggregatorConfig } from "../../config/schema.ts";
import type { Projection } from "../../ledger/projection.ts";
import { settingsOf } from "../postgres/settings.ts";
import { portalReadModel } from "../read-model.ts";
import type { ReadModel, Shown } from "./running.ts";
import { sqliteReader } from "./sqlite.ts";

/** What the ledger's file is to hold for the portal: nothing where the read model lies elsewhere. */
export function portalProjections(config: AggregatorConfig): readonly Projection[] {
  return settingsOf(config) === undefined ? [portalReadModel] : [];
}

/** Opens it; the driver of another engine is loaded where one is configured only. Throws: `Failure` `read-model.*`. */
export async function openReadModel(
  config: AggregatorConfig,
  parts: { readonly ledger: Ledger; readonly log: Logger },
): Promise<ReadModel> {
  const settings = settingsOf(config);
  if (settings === undefined) return inLedgersFile(parts.ledger);
  const { openPostgresModel } = await import("../postgres/open.ts");
  return openPostgresModel(config, settings, parts);
}

/** The tables are written in the block's own transaction. */
function inLedgersFile({ store }: Ledger): ReadModel {
  let shown: Shown = () => undefined;
  return {
    reader: sqliteReader(store.db),
    start: async (to) => {
      shown = to;
    },
    committed: (block) => {
      shown(block);
    },
    stop: async () => undefined,
  };
}
