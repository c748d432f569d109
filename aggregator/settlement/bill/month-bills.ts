import { owners } from "../../ledger/tables.ts";
import { BlockTrees } from "./block-trees.ts";
import { collectBill } from "./collect.ts";
import type { BillFault, BillFile } from "./document.ts";
import type { CarbonEvidence } from "./evidence.ts";
import type { BillSource } from "./evidence-paths.ts";
import { monthIn } from "./month.ts";
import { contractsOfAll } from "./own-contracts.ts";
import { FramePaths } from "./paths.ts";
import { slotsIn } from "./period.ts";
import type { Claims } from "./prove-grounds.ts";

/** Owners whose contracts are looked for together: what is found of a month of quarter hours takes some 30 MB. */
const togetherMax = 64;

/** What became of one owner's bill. */
export type MadeBill = { readonly owner: string; readonly made: BillFile | BillFault };

type Wanted = Omit<Claims, "owner"> & {
  readonly owners: readonly string[];
  readonly carbon?: CarbonEvidence | undefined;
};

/**
 * The bills of many owners for a month, one after the other, from one state. Each block is hashed once for all of
 * them, each contract looked at once for many; one bill at a time is in memory. What becomes of one owner's bill says
 * nothing of another's. Throws: `BillError` `bill.month`, `bill.owner`.
 */
export function* monthBills(
  source: Omit<BillSource, "paths" | "contractsOf">,
  { owners: wanted, ...about }: Wanted,
): Generator<MadeBill> {
  const month = monthIn(source.state, about.month);
  const trees = new BlockTrees({ scratch: true });
  try {
    const paths = new FramePaths(source.blocks, trees);
    for (let first = 0; first < wanted.length; first += togetherMax) {
      const group = wanted.slice(first, first + togetherMax);
      const slots = month === undefined ? [] : slotsIn(month, month.lengthMs);
      const contractsOf = contractsOfAll(source.state, slots, new Set(group));
      for (const owner of group) {
        const made = collectBill({ ...source, paths, contractsOf }, { owner, ...about });
        yield { owner, made };
      }
    }
  } finally {
    trees.close();
  }
}

/** Everybody who may have a bill or a statement, in the order of their ids. */
export function billedOwners({ state }: Pick<BillSource, "state">): readonly string[] {
  return Array.from(owners.scan(state))
    .filter(([, { party }]) => party !== "operator")
    .map(([id]) => id);
}
