import type { Kind, Message, Refusal, UtcMs, Verify } from "@busbar/protocol";
import type { LedgerEvent } from "./events.ts";
import type { Parameters } from "./parameters.ts";
import type { Identity } from "./registry.ts";
import type { State, StateReader } from "./state/state.ts";

/** What a rule may use: everything in it is the same on every machine. */
export type BlockContext = {
  readonly height: number;
  /** Site time of the block; never before the previous block's. */
  readonly time: UtcMs;
  /** The previous block's hash, 32 bytes: the only randomness there is. */
  readonly seed: Uint8Array;
  readonly chain: string;
  /** For signatures inside of a message; its own was checked before. */
  readonly verify: Verify;
  readonly state: State;
  readonly parameters: Parameters;
  emit(event: LedgerEvent): void;
};

/**
 * What a rule made of a transaction. A refused one changes nothing and enters no block. One that is
 * taken must leave in the state what refuses it, or answers `exists`, for ever after.
 */
export type Outcome =
  | { readonly ok: true }
  /**
   * All of it was on the ledger already, with the same content: it enters no block, the sender is
   * told `tx.exists`; where readings are meant, with a proof of where the chain of meter `tipOf` stands.
   */
  | { readonly ok: true; readonly code: "exists"; readonly tipOf?: string }
  | TxRefusal;

/**
 * `expected`: the sequence number to go on with, where one was refused. `tipOf`: the meter whose
 * chain the sender does not hold as the ledger does; it is told where the chain stands, with a proof.
 */
export type TxRefusal = Refusal & { readonly expected?: number; readonly tipOf?: string };

/**
 * The rule of one kind of message. The signature was checked against `signer`; everything else is
 * the rule's to check. Pure but for `context`; a refusal may follow writes, they are undone.
 */
export type TxRule<K extends Kind> = (
  context: BlockContext,
  message: Message<K>,
  signer: Identity,
) => Outcome;

/** What the ledger does by itself, at the end of each block: market gates, settlement. */
export type BlockRule = {
  readonly name: string;
  /** Whether a block is wanted at `time` for this rule's sake alone. After `run` at that time it
   * must be false. */
  due(state: StateReader, time: UtcMs, parameters: Parameters): boolean;
  /**
   * Runs in every block, due or not. `touched`: owners whom the block's transactions brought
   * readings or another entry, so that a rule need not look at everybody.
   */
  run(context: BlockContext, touched: ReadonlySet<string>): void;
};
