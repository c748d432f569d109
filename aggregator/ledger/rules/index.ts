import type { Kind } from "@busbar/protocol";
import type { BlockRule, TxRule } from "../rule.ts";
import { admissionRule } from "./admission.ts";
import { mandateRule } from "./mandate.ts";
import { readingsRule } from "./readings.ts";

/** The rule of each kind that may stand in a block. */
export type TxRules = { readonly [K in Kind]?: TxRule<K> };

/** All that makes this ledger what it is; every member runs the same. */
export type Rules = { readonly tx: TxRules; readonly block: readonly BlockRule[] };

/** The ledger's rules. `login` has none: it is for brokers and never enters a block. */
export const rules: Rules = {
  tx: {
    readings: readingsRule,
    mandate: mandateRule,
    admission: admissionRule,
  },
  block: [],
};
