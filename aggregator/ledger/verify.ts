import {
  type BlockHeader,
  blockHash,
  type Council,
  compareBytes,
  decodeMessage,
  encodeHeader,
  membershipOf,
  openFrame,
  type UtcMs,
  type Verify,
  verifyCertificate,
} from "@busbar/protocol";
import { accountSums } from "./accounts.ts";
import type { CommittedBlock } from "./block.ts";
import type { BlockSource } from "./block-table.ts";
import { hasContract } from "./contract/state.ts";
import { councilOf, hasCouncil } from "./council.ts";
import { faultInSteps } from "./council-steps.ts";
import { openDatabase } from "./database.ts";
import { type Execution, execute, type Machine } from "./execution.ts";
import { type Genesis, genesisHash } from "./genesis.ts";
import { headerOf } from "./header.ts";
import { rules as ledgerRules, type Rules } from "./rules/index.ts";
import { meterStates } from "./rules/meter-state.ts";
import { SqliteState } from "./state/sqlite-state.ts";
import type { StateReader } from "./state/state.ts";
import { StateTree } from "./state/tree.ts";
import type { Store } from "./store.ts";
import { type Beginning, beginReplay, type Fault } from "./verify-beginning.ts";

/** What a whole ledger came to; `height` of a fault is the first at which anything differs. */
export type Verification =
  | {
      readonly ok: true;
      /** The replay began behind this block: 0 is genesis, else a snapshot's. */
      readonly from: number;
      readonly height: number;
      /** The newest block with a certificate, which stands for all before it. */
      readonly certified: number;
      readonly transactions: number;
      /** In the blocks from there on; `readingsBefore` were in the state that it began with. */
      readonly readings: number;
      readonly readingsBefore: number;
    }
  | {
      readonly ok: false;
      readonly height: number;
      readonly code: string;
      readonly message: string;
    };

/**
 * Runs the whole ledger again into a fresh state in memory, from genesis or, where the oldest blocks
 * are not at hand, from a snapshot; compares everything
 * that the store holds: headers, roots, certificates, results, events, the state's entries. Checks
 * besides that money and energy sum to 0 and that each reading of each meter stands there once.
 *
 * Codes: `verify.genesis`, `verify.snapshot`, `verify.older-rules`, `verify.missing`, `verify.unreadable`, `verify.header`, `verify.certificate`,
 * `verify.refused`, `verify.results`, `verify.events`, `verify.readings`, `verify.sums`,
 * `verify.state`, `verify.steps`.
 */
export function verifyLedger(options: VerifyOptions): Verification {
  const replay = replayLedger(options);
  for (;;) {
    const step = replay.next();
    if (step.done === true) return step.value;
  }
}

export type VerifyOptions = {
  readonly store: Store;
  readonly genesis: Genesis;
  readonly verify: Verify;
  readonly rules?: Rules;
  /** Where blocks are, if not in the store alone. */
  readonly blocks?: BlockSource;
  /** The engine has proofs of its own, and our certificates come later: a block may lack one, and stands
   * behind the next that has it. */
  readonly certifiedLater?: boolean;
  /** Called after each block that is as it should be. */
  readonly progress?: (height: number) => void;
};

/** A block that a replay is about to take, and the state that it runs upon. */
export type Coming = { readonly height: number; readonly state: StateReader };

/** As `verifyLedger`, one block at a time. `read`: where a block comes from, if somebody read it before. */
export function* replayLedger(
  options: VerifyOptions & { readonly read?: (height: number) => CommittedBlock | Fault },
): Generator<Coming, Verification, void> {
  const { store, genesis, verify, rules = ledgerRules, progress, blocks = store } = options;
  const { certifiedLater = false, read = (height) => readBlock(blocks, height) } = options;
  const hash = genesisHash(genesis);
  if (store.genesis !== Buffer.from(hash).toString("hex")) {
    const message = "the store began with another genesis";
    return { ok: false, height: 0, code: "verify.genesis", message };
  }
  if (!hasCouncil(store.state) || !hasContract(store.state)) {
    const message = "an older program began this chain: verify it with that one";
    return { ok: false, height: 0, code: "verify.older-rules", message };
  }
  const db = openDatabase(":memory:");
  try {
    const state = new SqliteState(db);
    const begun = beginReplay(state, { store, blocks, genesis, verify });
    if ("code" in begun) return { ok: false, ...begun };
    const replay = new Replay(state, { chain: genesis.chain, rules, verify }, begun);
    let certified = begun.height;
    const { readingsBefore } = replay;
    for (let height = begun.height + 1; height <= store.height; height++) {
      yield { height, state };
      const block = read(height);
      const fault = "code" in block ? block : replay.next(block, certifiedLater);
      if (fault !== undefined) return { ok: false, height, ...fault };
      if (!("code" in block) && block.certificate.length > 0) certified = height;
      progress?.(height);
    }
    // Past the store's own memory of values: what counts is what stands in the file.
    const stored = new SqliteState(store.db);
    const fault =
      checkSums(replay.state) ??
      compareStates(stored, replay.state) ??
      checkSteps({ store, genesis, verify });
    if (fault !== undefined) return { ok: false, height: store.height, ...fault };
    const { transactions, readings } = replay;
    const { height } = store;
    const counted = { transactions, readings, readingsBefore };
    return { ok: true, from: begun.height, height, certified, ...counted };
  } finally {
    db.close();
  }
}

/** Whatever a damaged disk made of a block's rows is that block's fault, and no reason to stop with a stack. */
export function readBlock(store: BlockSource, height: number): CommittedBlock | Fault {
  try {
    return store.block(height) ?? fault("missing", "the store holds no such block");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return fault("unreadable", `the stored block cannot be read: ${reason}`);
  }
}

type StepGrounds = {
  readonly store: Store;
  readonly genesis: Genesis;
  readonly verify: Verify;
};

/** The ledger as it must be, block by block. */
export class Replay {
  readonly state: SqliteState;
  transactions = 0;
  readings = 0;
  readingsBefore = 0;
  readonly #machine: Machine;
  /** The next sequence number of each meter, counted from the frames alone. */
  readonly #next = new Map<string, number>();
  #tree: StateTree;
  #previous: Uint8Array;
  #time: UtcMs;

  constructor(state: SqliteState, machine: Machine, { previous, time }: Beginning) {
    this.state = state;
    this.#machine = machine;
    this.#tree = StateTree.of(state.scan(""));
    this.#previous = previous;
    this.#time = time;
    for (const [meter, { next }] of meterStates.scan(state)) {
      this.#next.set(meter, next);
      this.readingsBefore += next - 1;
    }
  }

  /** The app hash of the state as it is now. */
  get root(): Uint8Array {
    return this.#tree.root;
  }

  /** `certifiedLater`: a block without a certificate is no fault. */
  next(block: CommittedBlock, certifiedLater = false): Fault | undefined {
    const { chain } = this.#machine;
    const { height, time, proposer, view } = block.header;
    const previous = this.#previous;
    const council = councilOf(this.state);
    if (!same(block.header.previous, previous)) {
      return fault("header", `previous: expected ${show(previous)}, not that of another block`);
    }
    if (time < this.#time) return fault("header", `time ${time} is before ${this.#time}`);
    if (!council.voters.some(({ id }) => id === proposer)) {
      return fault("header", `proposer ${proposer} is no voting member`);
    }
    const execution = execute(
      this.state,
      { height, time, previous, frames: block.frames },
      this.#machine,
    );
    const [refused] = execution.refused;
    if (refused !== undefined) {
      return fault("refused", `the rules refuse a transaction: ${refused.refusal.message}`);
    }
    const tree = this.#tree.update(execution.changes);
    const expected = headerOf(
      { chain, height, time, previous, proposer, view },
      { execution, tree, council },
    );
    const found =
      compareHeaders(block, expected) ??
      (certifiedLater && block.certificate.length === 0
        ? undefined
        : this.#checkCertificate(block, council)) ??
      compareResults(block, execution) ??
      this.#checkReadings(block);
    if (found !== undefined) return found;
    this.state.write(execution.changes);
    this.state.written(execution.changes);
    this.#tree = tree;
    this.#previous = block.hash;
    this.#time = time;
    this.transactions += block.frames.length;
    return undefined;
  }

  #checkCertificate({ header, certificate }: CommittedBlock, council: Council): Fault | undefined {
    const { chain, verify } = this.#machine;
    const checked = verifyCertificate(
      encodeHeader(header),
      certificate,
      membershipOf(chain, council),
      verify,
    );
    return checked.ok ? undefined : fault("certificate", checked.message);
  }

  /** Counts readings without the rules' help: every meter's start at 1 and go on by one. */
  #checkReadings({ frames, results }: CommittedBlock): Fault | undefined {
    for (const [i, bytes] of frames.entries()) {
      const opened = openFrame(bytes);
      if (!opened.ok || opened.frame.kind !== "readings" || results[i] !== "ok") continue;
      const decoded = decodeMessage("readings", opened.frame.envelope.payload);
      if (!decoded.ok) return fault("readings", decoded.message);
      const { meter, first, entries } = decoded.message;
      const next = this.#next.get(meter) ?? 1;
      if (first !== next)
        return fault("readings", `${meter}: expected reading ${next}, got ${first}`);
      this.#next.set(meter, next + entries.length);
      this.readings += entries.length;
    }
    return undefined;
  }
}

function compareHeaders({ header, hash }: CommittedBlock, expected: BlockHeader) {
  for (const [name, value] of Object.entries(expected)) {
    const stored = header[name as keyof BlockHeader];
    if (!same(stored, value)) {
      return fault("header", `${name}: expected ${show(value)}, the store holds ${show(stored)}`);
    }
  }
  if (same(hash, blockHash(header))) return undefined;
  return fault("header", "the block's stored hash is not its header's");
}

function compareResults(block: CommittedBlock, { taken, ownEvents }: Execution) {
  for (const [i, { hash, signer, result, events }] of taken.entries()) {
    if (!same(block.hashes[i], hash))
      return fault("results", `the hash of transaction ${i} differs`);
    if (block.signers[i] !== signer)
      return fault("results", `the signer of transaction ${i} differs`);
    if (block.results[i] !== result)
      return fault("results", `the result of transaction ${i} differs`);
    if (block.eventCounts[i] !== events.length)
      return fault("events", `the number of events of transaction ${i} differs`);
  }
  const events = [...taken.flatMap((tx) => tx.events), ...ownEvents];
  if (JSON.stringify(events) === JSON.stringify(block.events)) return undefined;
  return fault("events", "the stored events are not what the block brought about");
}

function checkSums(state: StateReader): Fault | undefined {
  const { money, energyWh } = accountSums(state);
  if (money === 0n && energyWh === 0n) return undefined;
  return fault("sums", `all accounts together hold ${money} of money and ${energyWh} Wh, not 0`);
}

/** Units and newcomers follow the voters by these. */
function checkSteps({ store, genesis, verify }: StepGrounds): Fault | undefined {
  const reason = faultInSteps(store, genesis, verify);
  if (reason === undefined) return undefined;
  return fault("steps", `the stored steps from voters to voters prove nothing: ${reason}`);
}

/** Both walks are sorted by key. */
function compareStates(stored: StateReader, expected: StateReader): Fault | undefined {
  const entries = expected.scan("")[Symbol.iterator]();
  try {
    for (const [key, value] of stored.scan("")) {
      const next = entries.next();
      if (next.done) return fault("state", `the stored state holds ${key} besides`);
      const [wanted, bytes] = next.value;
      if (key !== wanted) return fault("state", `expected ${wanted}, the store holds ${key}`);
      if (!same(value, bytes)) return fault("state", `the stored value of ${key} differs`);
    }
    const more = entries.next();
    return more.done ? undefined : fault("state", `the stored state lacks ${more.value[0]}`);
  } finally {
    entries.return?.();
  }
}

function fault(area: string, message: string): Fault {
  return { code: `verify.${area}`, message };
}

function same(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b) === 0;
  return a === b;
}

function show(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value);
}
