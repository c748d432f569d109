import {
  Failure,
  type Kind,
  type Message,
  type Retry,
  sealFrame,
  verifyReceipt,
} from "@busbar/protocol";
import { readKeyFile, signerOf, verify } from "@busbar/protocol/node";
import { loadConfig } from "../config/load.ts";
import type { AggregatorConfig } from "../config/schema.ts";
import type { Outcome } from "../ledger/rule.ts";
import { rules } from "../ledger/rules/index.ts";
import { tryOut } from "../ledger/try-out.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import { checkMember } from "./member.ts";
import { remedyOf } from "./remedies.ts";
import { submit } from "./submit.ts";

/** 0: it stands on the ledger. 1: it does not, and trying again will not help. 3: it may help. */
const exitCodes: Readonly<Record<Retry, number>> = { never: 1, now: 3, later: 3 };

/** Beyond a block's own pace: time for the frames that wait before this one. */
const patienceMs = 10_000;

/** What became of a member's transaction. */
export type Handed =
  | { readonly ok: true; readonly result: "taken"; readonly height: number }
  | { readonly ok: true; readonly result: "exists" | "dry-run" }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly retry: Retry };

/** What a command wants to hand in, made from the ledger as it is now. */
export type Wish = {
  readonly [K in Kind]: { readonly kind: K; readonly message: Message<K> };
}[Kind];

type Common = { readonly config: string; readonly dryRun: boolean };

/**
 * Hands in one transaction of a configuration's member: makes it from the ledger on disk, tries it
 * there, sends it to the aggregator that runs, and checks the receipt. World's faults become results.
 */
export async function handIn(
  { config: file, dryRun }: Common,
  wish: (ledger: Ledger, config: AggregatorConfig) => Wish,
): Promise<Handed> {
  try {
    const config = loadConfig(file);
    const signer = signerOf(readKeyFile(config.key));
    const { made, outcome, chain } = withLedger(config, (ledger) => {
      checkMember(config, ledger, signer);
      const made = wish(ledger, config);
      return { made, outcome: tryAs(ledger, config.member, made), chain: ledger.genesis.chain };
    });
    if (outcome.ok && "code" in outcome) return { ok: true, result: "exists" };
    if (dryRun) return outcome.ok ? { ok: true, result: "dry-run" } : refusedBy(outcome);
    const frame = sealFrame(made.kind, made.message as never, { chain, signer });
    const answerMs = patienceMs + 2 * (config.blockIntervalMs ?? 0);
    const answer = await submit(frame, { config, signer, answerMs });
    if (answer.kind === "refused") return refusedBy(answer.refused);
    const { height } = answer.receipt.header;
    // Its block is on disk before the receipt is sent, and with it who votes on it.
    const membership = withLedger(config, ({ application }) => application.membershipAt(height));
    const checked = verifyReceipt(answer.receipt, membership, verify);
    if (checked.ok) return { ok: true, result: "taken", height };
    const message = `the aggregator's receipt proves nothing: ${checked.message}; is it the one of this configuration?`;
    return { ok: false, code: checked.code, message, retry: "never" };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { code, message, retry } = error;
    return { ok: false, code, message, retry };
  }
}

/** Looks at the ledger on disk, also while the aggregator runs. */
export function withLedger<T>(config: AggregatorConfig, look: (ledger: Ledger) => T): T {
  const ledger = openLedger(config, { snapshot: true });
  try {
    return look(ledger);
  } finally {
    ledger.store.close();
  }
}

/** What became of it, in words, and what it was about. */
export type Told = { readonly handed: Handed; readonly words: string; readonly about: object };

/** Says what became of it: a line or JSON, and the exit code. */
export function tell({ handed, words, about }: Told, { json }: { readonly json: boolean }): void {
  if (!handed.ok) process.exitCode = exitCodes[handed.retry];
  if (json) return console.log(JSON.stringify({ ...handed, ...about }));
  if (!handed.ok) return console.error(`${handed.message}\n(${handed.code})`);
  switch (handed.result) {
    case "taken":
      return console.log(`${words} (block ${handed.height})`);
    case "exists":
      return console.log(`nothing to do, the ledger has exactly this (exists): ${words}`);
    case "dry-run":
      return console.log(`would be taken: ${words}`);
    default:
      return handed satisfies never;
  }
}

/** What the ledger's rule says now; nothing is written. */
function tryAs(
  { store, application, genesis }: Ledger,
  member: string,
  { kind, message }: Wish,
): Outcome {
  const signer = application.registry.byId(member);
  if (signer === undefined) {
    const text = `${member} is not active; busbar-aggregator members shows what became of it`;
    return { ok: false, code: "motion.rights", message: text };
  }
  const on = { application, state: store.state, chain: genesis.chain, rules, verify };
  return tryOut(on, kind, message as Message<Kind>, signer);
}

function refusedBy({ code, message }: { readonly code: string; readonly message: string }): Handed {
  const retry: Retry = code === "pool.full" ? "later" : "never";
  return { ok: false, code, message: `refused: ${message}; ${remedyOf(code)}`, retry };
}
