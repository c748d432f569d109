import { idPattern } from "@busbar/protocol";
import { bytes, field, record, text } from "@busbar/protocol/schema";
import { table } from "./state/table.ts";

const id = text(32, idPattern);

/** What the chain is, once and for all: `site/genesis`. `hash` is the genesis' own. */
export const siteTable = table(
  "site",
  record("site", {
    chain: field(1, id),
    site: field(2, id),
    currency: field(3, text(8)),
    hash: field(4, bytes(32)),
  }),
);
