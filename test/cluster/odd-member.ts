/**
 * `busbar-aggregator` on a machine that begins to compute otherwise: from SIGUSR2 on, each block finds a
 * Wh more traded in the slots that are at the market. Only the cluster's test starts it.
 */
import { wh } from "@busbar/protocol";
import type { BlockRule } from "../../aggregator/ledger/rule.ts";
import { rules } from "../../aggregator/ledger/rules/index.ts";
import { stagesRule } from "../../aggregator/ledger/rules/market/stages.ts";
import { slots } from "../../aggregator/ledger/rules/market/tables.ts";

let isOdd = false;
process.on("SIGUSR2", () => {
  isOdd = true;
});

const oddStages: BlockRule = {
  ...stagesRule,
  run(context, ...rest) {
    stagesRule.run(context, ...rest);
    if (!isOdd) return;
    for (const [id, slot] of [...slots.scan(context.state)]) {
      slots.set(context.state, id, { ...slot, tradedWh: wh(slot.tradedWh + 1) });
    }
  },
};

const block = rules.block.map((rule) => (rule === stagesRule ? oddStages : rule));
// What runs the ledger takes its rules from this object when it starts.
Object.assign(rules, { block });
await import("../../aggregator/cli.ts");
