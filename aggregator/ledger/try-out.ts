import assert from "node:assert/strict";
import type { Kind, Message, Verify } from "@busbar/protocol";
import type { Application } from "./application.ts";
import { parametersTable } from "./parameters.ts";
import type { Identity } from "./registry.ts";
import type { Outcome, TxRule } from "./rule.ts";
import type { Rules } from "./rules/index.ts";
import { Overlay } from "./state/overlay.ts";
import type { StateReader } from "./state/state.ts";

/** The ledger as it is, and what its rules need besides. */
export type TryOutOn = {
  readonly application: Pick<Application, "info">;
  readonly state: StateReader;
  readonly chain: string;
  readonly rules: Rules;
  readonly verify: Verify;
};

/** What the rule of a message says of it as things are now; nothing of it is written. */
export function tryOut<K extends Kind>(
  { application, state, chain, rules, verify }: TryOutOn,
  kind: K,
  message: Message<K>,
  signer: Identity,
): Outcome {
  const { height, time, hash } = application.info();
  const parameters = parametersTable.get(state, "current");
  assert(parameters !== undefined, "a ledger that begun has parameters");
  const rule = rules.tx[kind] as TxRule<K> | undefined;
  assert(rule !== undefined, `a ${kind} is a transaction`);
  const block = { height: height + 1, time, seed: hash, chain, verify };
  const own = new Overlay(state);
  return rule({ ...block, state: own, parameters, emit: () => {} }, message, signer);
}
