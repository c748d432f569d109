import type { Logger } from "pino";
import type { Ledger } from "../../commands/ledger.ts";
import { missingText } from "../../commands/missing-blocks.ts";
import type { AggregatorConfig } from "../../config/schema.ts";
import { olderIn } from "../../ledger/archive/older.ts";
import type { Reader } from "../model/asking.ts";
import type { ReadModel, Shown } from "../model/running.ts";
import { fedBlocks } from "./blocks.ts";
import { Feed } from "./feed.ts";
import { PostgresReader } from "./reader.ts";
import type { PostgresSettings } from "./session.ts";
import { ownerOf } from "./settings.ts";

/** The read model in PostgreSQL, behind the ledger by what is on its way. Throws: `Failure` `read-model.secret`. */
export function openPostgresModel(
  config: AggregatorConfig,
  settings: PostgresSettings,
  { ledger, log }: { readonly ledger: Ledger; readonly log: Logger },
): ReadModel {
  const { store, genesis } = ledger;
  const { folder } = config.archive;
  const reader = new PostgresReader(settings);
  let shown: Shown = () => undefined;
  const feed = new Feed({
    settings,
    owner: ownerOf(genesis, config.member),
    blocks: fedBlocks(store, olderIn(folder)),
    log,
    lacks: (lack) =>
      log.warn(
        { event: "blocks-missing", ...lack },
        missingText({ projection: "portal", ...lack }, folder),
      ),
    applied: async (block) => {
      try {
        await shown(block);
      } catch (error) {
        log.warn({ event: "pages-not-told", height: block.header.height, err: error });
      }
    },
  });
  const checked: Reader<"postgres"> = {
    async read(asking) {
      // Tables that no longer follow this ledger are not shown as if they did.
      if (feed.problem?.retry === "never") throw feed.problem;
      return reader.read(asking);
    },
  };
  return {
    reader: checked,
    start(to) {
      shown = to;
      return feed.start();
    },
    committed: () => feed.committed(),
    async stop() {
      await feed.stop();
      await reader.close();
    },
  };
}
