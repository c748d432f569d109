import assert from "node:assert/strict";
import {
  blockHistoryKey,
  blockResult,
  CborError,
  compareBytes,
  type Kind,
  type Message,
  merkleRoot,
  resultLeaf,
  UnitError,
  type UtcMs,
  type Verify,
} from "@busbar/protocol";
import { SchemaError } from "@busbar/protocol/schema";
import { accountDelta } from "./accounts.ts";
import { authenticate } from "./authenticate.ts";
import type { RefusedFrame, Result } from "./block.ts";
import { insistOnContracts } from "./contract/state.ts";
import type { LedgerEvent } from "./events.ts";
import { appendHistory } from "./history.ts";
import { openedFrame } from "./opened-frame.ts";
import { parametersTable } from "./parameters.ts";
import { refuse } from "./refuse.ts";
import type { Identity } from "./registry.ts";
import type { BlockContext, Outcome, TxRefusal, TxRule } from "./rule.ts";
import type { Rules } from "./rules/index.ts";
import { sha256 } from "./sha256.ts";
import { type Changes, Overlay } from "./state/overlay.ts";
import type { StateReader } from "./state/state.ts";

/** What a block is made from. */
export type BlockInput = {
  readonly height: number;
  readonly time: UtcMs;
  /** The previous block's hash. */
  readonly previous: Uint8Array;
  readonly frames: readonly Uint8Array[];
};

/** What a machine needs besides the block: the same for each. */
export type Machine = {
  readonly chain: string;
  readonly rules: Rules;
  readonly verify: Verify;
};

/** A transaction that the rules took, with what it brought about. */
export type TakenTx = {
  readonly frame: Uint8Array;
  readonly hash: Uint8Array;
  readonly signer: string;
  readonly result: Result;
  readonly events: readonly LedgerEvent[];
  /** The same as JSON. */
  readonly texts: readonly string[];
};

/** What running a block makes; nothing of it is written anywhere. */
export type Execution = {
  readonly taken: readonly TakenTx[];
  readonly refused: readonly RefusedFrame[];
  /** What the ledger did by itself. */
  readonly ownEvents: readonly LedgerEvent[];
  readonly ownTexts: readonly string[];
  readonly changes: Changes;
};

/**
 * Runs frames and block rules over a state, in order, and leaves the state as it is. A refused frame
 * leaves nothing behind but its refusal.
 * Throws: `Failure` `contract.unknown-version` where a slot has, or would open with, rules that this
 * program does not have.
 */
export function execute(base: StateReader, input: BlockInput, machine: Machine): Execution {
  const state = new Overlay(base);
  const parameters = parametersTable.get(state, "current");
  assert(parameters !== undefined, "genesis wrote the parameters");
  const { height, time, previous: seed } = input;
  const { chain, verify } = machine;
  const about = { height, time, seed, chain, verify, parameters };
  const taken: TakenTx[] = [];
  const refused: RefusedFrame[] = [];
  for (const frame of input.frames) {
    const { hash } = openedFrame(frame);
    const events: LedgerEvent[] = [];
    const own = new Overlay(state);
    const emit = (event: LedgerEvent) => void events.push(event);
    const context = { ...about, state: own, emit };
    const { outcome, signer } = run(context, frame, machine);
    const refusal = refusalOf(outcome, () => changesAnything(own.changes, state));
    if (refusal !== undefined) refused.push({ hash, signer, refusal });
    else if (signer !== undefined) {
      own.applyTo(state);
      taken.push({ frame, hash, signer, result: "ok", events, texts: textsOf(events) });
    }
  }
  const ownEvents: LedgerEvent[] = [];
  const emit = (event: LedgerEvent) => void ownEvents.push(event);
  const touched = touchedBy(taken);
  for (const rule of machine.rules.block) {
    rule.run({ ...about, state, emit }, touched);
  }
  insistOnContracts(state, machine.rules.contracts);
  const changes = realChanges(state.changes, base);
  if (changes.size > 0) changes.set(blockHistoryKey, appendHistory(state, seed));
  const delta = accountDelta(changes, { before: base, after: state });
  assert(
    delta.money === 0n && delta.energyWh === 0n,
    `block ${height} would make ${delta.money} of money and ${delta.energyWh} Wh out of nothing`,
  );
  return { taken, refused, ownEvents, ownTexts: textsOf(ownEvents), changes };
}

/** Root over the transactions' frames (RFC 6962). */
export function txRootOf({ taken }: Execution): Uint8Array {
  return merkleRoot(
    taken.map(({ frame }) => frame),
    sha256,
  );
}

/**
 * Root over the results (RFC 6962): a leaf CBOR `[code, SHA-256 of its events as JSON]` for each
 * transaction, and one `["block", …]` for what the ledger did by itself.
 */
export function resultsRootOf({ taken, ownTexts }: Execution): Uint8Array {
  const own = { code: blockResult, events: eventBytes(ownTexts) };
  const results = taken.map(({ result, texts }) => ({ code: result, events: eventBytes(texts) }));
  const leaves = [...results, own].map((result) => resultLeaf(result, sha256));
  return merkleRoot(leaves, sha256);
}

const utf8 = new TextEncoder();

/** Each event as JSON: as it is hashed, and as it is stored. */
export function textsOf(events: readonly LedgerEvent[]): string[] {
  return events.map((event) => JSON.stringify(event));
}

/** Events as they are hashed: a list of them as JSON. */
export function eventBytes(texts: readonly string[]): Uint8Array {
  return utf8.encode(`[${texts.join()}]`);
}

/**
 * What has nothing to add is refused: a frame stands in one block at most because each one that is
 * taken leaves something in the state that refuses it from then on, and not because members remember
 * old blocks, which they need not have.
 */
function refusalOf(outcome: Outcome, isOfUse: () => boolean): TxRefusal | undefined {
  if (!outcome.ok) return outcome;
  if (!("code" in outcome) && isOfUse()) return undefined;
  const message = "all of it is on the ledger already; nothing needs to be sent again";
  const tipOf = "tipOf" in outcome ? outcome.tipOf : undefined;
  return { ...refuse("tx.exists", message), ...(tipOf === undefined ? {} : { tipOf }) };
}

/** Without the entries that are written as they were. */
function realChanges(changes: Changes, base: StateReader): Map<string, Uint8Array | undefined> {
  const real = new Map<string, Uint8Array | undefined>();
  for (const [key, value] of changes) if (!isSame(value, base.get(key))) real.set(key, value);
  return real;
}

function changesAnything(changes: Changes, base: StateReader): boolean {
  for (const [key, value] of changes) if (!isSame(value, base.get(key))) return true;
  return false;
}

function isSame(value: Uint8Array | undefined, before: Uint8Array | undefined): boolean {
  if (value === undefined || before === undefined) return value === before;
  return compareBytes(value, before) === 0;
}

function touchedBy(taken: readonly TakenTx[]): ReadonlySet<string> {
  const owners = new Set<string>();
  for (const { events } of taken) {
    for (const event of events) {
      switch (event.type) {
        case "readings-accepted":
        case "owner-admitted":
        case "device-admitted":
          owners.add(event.owner);
      }
    }
  }
  return owners;
}

function run(
  context: BlockContext,
  frame: Uint8Array,
  { chain, rules, verify }: Machine,
): { outcome: Outcome; signer: string | undefined } {
  const opened = authenticate(frame, { state: context.state, chain, verify });
  if (!opened.ok) return { outcome: opened.refusal, signer: opened.signer?.id };
  const { kind, message, signer } = opened;
  const rule = rules.tx[kind] as TxRule<Kind> | undefined;
  if (rule === undefined) {
    return { outcome: refuse("tx.kind", `a ${kind} is no transaction`), signer: signer.id };
  }
  return { outcome: decided(rule, context, message, signer), signer: signer.id };
}

/**
 * What a rule comes to. Every rule bounds what it takes; where one forgot to, and a quantity or an entry of the
 * state would leave its range, the frame is refused: one message never stops the members. All of them come
 * to the same, as these errors follow from frame and state alone; any other (a full stack, no memory)
 * is a machine's own, and goes on up.
 */
function decided(
  rule: TxRule<Kind>,
  context: BlockContext,
  message: Message<Kind>,
  signer: Identity,
): Outcome {
  try {
    return rule(context, message, signer);
  } catch (error) {
    const follows =
      error instanceof SchemaError || error instanceof UnitError || error instanceof CborError;
    if (!follows) throw error;
    return refuse("tx.beyond-range", `the ledger cannot hold what would follow: ${error.message}`);
  }
}
