import { Failure, openFrame, utcMs } from "@busbar/protocol";
import type { Application, Proposal } from "../../ledger/application.ts";
import { blockLimits } from "../../ledger/application.ts";
import type { CommittedBlock, RefusedFrame } from "../../ledger/block.ts";
import { sha256 } from "../../ledger/sha256.ts";
import type { Snapshot } from "../../ledger/snapshots/format.ts";
import { version } from "../../version.ts";
import { nameOf } from "../frame-name.ts";
import { type Beginning, beginningIn } from "./beginning.ts";
import type { Certifying } from "./certifying.ts";
import { areCouncil, memberAt, validatorUpdates } from "./validators.ts";
import { encodeResponse, type Request } from "./wire/codec.ts";
import type { Requests, Responses, Timestamp } from "./wire/values.ts";
import { areWords, decodeSaid, decodeWords, encodeSaid, encodeWords } from "./words.ts";

/** A transaction of this byte is no frame: it wakes an engine that makes no empty blocks, when a rule of
 * the ledger is due. No block holds it. */
const tickByte = 0x01;

/** Frames that a rule refused, which CometBFT still keeps in its mempool until it asks about them again. */
const refusedMax = 65_536;

const code = { ok: 0, refused: 1 } as const;
/** CheckTx's type for a transaction that is in the mempool already. */
const recheck = 1;
const proposalStatus = { accept: 1, reject: 2 } as const;
const extensionStatus = { accept: 1, reject: 2 } as const;
const offerResult = { accept: 1, reject: 3, "reject-format": 4, "reject-sender": 5 } as const;
const chunkResult = { accept: 1, retry: 3, "retry-snapshot": 4, "reject-snapshot": 5 } as const;

export type AbciOptions = {
  readonly application: Application;
  readonly chain: string;
  /** What CometBFT's own genesis has to say of the ledger. */
  readonly beginning: Beginning;
  /** Where members' signatures over our headers come together. */
  readonly certifying: Pick<Certifying, "say" | "holds" | "take" | "committed" | "adopted">;
  /** Called when a block is on disk; its certificate comes later. */
  readonly onCommitted?: (block: CommittedBlock) => void;
  /** Called when a decided block, by its height in CometBFT, tells of misbehavior. */
  readonly onMisbehavior?: (height: number) => void;
  /** Called for frames that the rules refused. */
  readonly onRefused?: (refused: RefusedFrame) => void;
};

/**
 * ABCI 2.0's requests, as CometBFT v0.38 sends them, to the ledger's verbs. A block's transactions are the
 * ledger's frames, its time CometBFT's in whole ms, its proposer the member whose key signs there. The
 * application hash is the state's root alone, so it is that of any engine which ordered the same frames,
 * and it rests when nothing changes.
 *
 * Source: CometBFT v0.38, "ABCI 2.0: Methods and Types" and "Requirements for the Application".
 */
export class AbciApplication {
  readonly #options: AbciOptions;
  readonly #application: Application;
  readonly #refused = new Set<string>();
  /** Proposals that ran at this height, by CometBFT's block hash: the decided one does not run again. */
  readonly #proposals = new Map<string, Proposal>();

  constructor(options: AbciOptions) {
    this.#options = options;
    this.#application = options.application;
  }

  /** A transaction that only wakes the engine; `time` (site ms) tells it from others of its kind. */
  static tick(time: number): Uint8Array {
    return Uint8Array.of(tickByte, ...Buffer.from(String(time)));
  }

  /** The encoded answer. Throws where an application must not go on. */
  handle(request: Request): Uint8Array {
    const { verb, body } = request;
    switch (verb) {
      case "echo":
        return encodeResponse(verb, body);
      case "flush":
        return encodeResponse(verb, {});
      case "info":
        return encodeResponse(verb, this.#info());
      case "initChain":
        return encodeResponse(verb, this.#initChain(body));
      case "query":
        return encodeResponse(verb, this.#query(body));
      case "checkTx":
        return encodeResponse(verb, this.#checkTx(body));
      case "commit":
        return encodeResponse(verb, this.#commit());
      case "listSnapshots":
        return encodeResponse(verb, { snapshots: this.#listSnapshots() });
      case "offerSnapshot":
        return encodeResponse(verb, this.#offerSnapshot(body));
      case "loadSnapshotChunk":
        return encodeResponse(verb, {
          chunk: this.#loadSnapshotChunk(body),
        });
      case "applySnapshotChunk":
        return encodeResponse(verb, this.#applySnapshotChunk(body));
      case "prepareProposal":
        return encodeResponse(verb, this.#prepareProposal(body));
      case "processProposal":
        return encodeResponse(verb, this.#processProposal(body));
      case "finalizeBlock":
        return encodeResponse(verb, this.#finalizeBlock(body));
      case "extendVote":
        return encodeResponse(verb, this.#extendVote());
      case "verifyVoteExtension":
        return encodeResponse(verb, this.#verifyVoteExtension(body));
    }
  }

  /** Before the first block that CometBFT ordered it begins: height 0. */
  #info(): Responses["info"] {
    const { height, appHash } = this.#application.info();
    const lastBlockHeight = Math.max(0, this.#theirs(height));
    return {
      data: "busbar",
      version,
      appVersion: 1,
      lastBlockHeight,
      lastBlockAppHash: lastBlockHeight > 0 ? appHash : new Uint8Array(),
    };
  }

  #initChain(body: Requests["initChain"]): Responses["initChain"] {
    const { chain, beginning } = this.#options;
    if (body.chainId !== chain) {
      throw unexpected(`CometBFT's genesis is of chain ${body.chainId}, this ledger of ${chain}`);
    }
    const named = beginningNamedBy(body.appStateBytes);
    if (named?.genesis !== beginning.genesis) {
      throw unexpected(
        `CometBFT's genesis names the ledger genesis ${named?.genesis ?? '(none: app_state is not {"genesis": …})'}, this member has ${beginning.genesis}`,
      );
    }
    if (body.initialHeight > 1) {
      throw unexpected(`expected initial_height 1, CometBFT's genesis says ${body.initialHeight}`);
    }
    const extensions = body.consensusParams?.abci?.voteExtensionsEnableHeight ?? 0;
    if (extensions !== Math.max(1, body.initialHeight)) {
      throw unexpected(
        `members' signatures travel in vote extensions: expected vote_extensions_enable_height 1, CometBFT's genesis says ${extensions}`,
      );
    }
    const appHash = this.#begin(named);
    if (!areCouncil(body.validators, this.#application.council())) {
      throw unexpected(
        "CometBFT's validators are not the ledger's voting members with one vote each",
      );
    }
    return { appHash };
  }

  /** A new chain begins, or CometBFT goes on behind the block that its genesis names. */
  #begin({ height, last }: Beginning): Uint8Array {
    if (last === undefined) return this.#application.initChain();
    const { height: here, hash, appHash } = this.#application.info();
    if (here < height) {
      throw unexpected(
        `CometBFT goes on behind block ${height} and this ledger stands at ${here}: restore a backup of it, or join anew with --state-sync`,
      );
    }
    const [block, state] = [keyOf(hash), keyOf(appHash)];
    if (block === last.block && state === last.appHash) return appHash;
    throw unexpected(
      `CometBFT goes on behind block ${last.block} at height ${height}, this ledger has ${block} there: it is not the chain that was handed over`,
    );
  }

  /** `/p2p/filter/…` asks whom to connect to (all); `/state` gives an entry of the state, by its key. */
  #query({ path, data }: Requests["query"]): Responses["query"] {
    if (path.startsWith("/p2p/filter/")) return { code: code.ok };
    if (path !== "/state") {
      return { code: code.refused, log: `no path ${path}: expected /state`, codespace: "busbar" };
    }
    const { value, height } = this.#application.query(Buffer.from(data).toString("utf8"));
    if (value === undefined)
      return { code: code.refused, log: "no such entry", height: this.#theirs(height) };
    return { code: code.ok, key: data, value, height: this.#theirs(height) };
  }

  /**
   * Asked again after a block, a tick has done its work and goes, and so does what the rules refused here;
   * sent anew it is looked at anew: the readings that it follows may have come meanwhile.
   */
  #checkTx({ tx, type }: Requests["checkTx"]): Responses["checkTx"] {
    const again = type === recheck;
    if (isTick(tx)) return { code: again ? code.refused : code.ok };
    if (again && this.#refused.delete(nameOf(sha256(tx)))) {
      return { code: code.refused, log: "the ledger refused it", codespace: "tx.refused" };
    }
    const opened = openFrame(tx);
    const checked = opened.ok ? this.#application.checkTx(opened.frame) : opened;
    if (checked.ok) return { code: code.ok };
    return { code: code.refused, log: checked.message, codespace: checked.code };
  }

  #prepareProposal(body: Requests["prepareProposal"]): Responses["prepareProposal"] {
    const words = this.#wordsOf(body);
    const { height, last } = this.#options.beginning;
    // CometBFT's first block has its genesis' time: that of the last block, which may be long ago.
    const isFirst = last !== undefined && this.#application.info().height === height;
    const frames = fitting(
      isFirst ? [] : body.txs.filter((tx) => !isTick(tx)),
      body.maxTxBytes - (words?.length ?? 0),
    );
    const { proposal, refused } = this.#application.prepareProposal({
      ...this.#about(body),
      view: 0,
      frames,
    });
    for (const one of refused) {
      this.#refuse(nameOf(one.hash));
      this.#options.onRefused?.(one);
    }
    return { txs: words === undefined ? proposal.frames : [words, ...proposal.frames] };
  }

  /** What voters said with the votes that decided the block before, for those who did not hear it. */
  #wordsOf({ localLastCommit }: Requests["prepareProposal"]): Uint8Array | undefined {
    const said = (localLastCommit?.votes ?? []).flatMap(({ voteExtension }) => {
      const one = decodeSaid(voteExtension);
      return one !== undefined && this.#options.certifying.holds(one) ? [one] : [];
    });
    return said.length === 0 ? undefined : encodeWords(said);
  }

  #processProposal(body: Requests["processProposal"]): Responses["processProposal"] {
    const proposal = this.#proposalOf(body);
    const [first] = body.txs;
    const words = areWords(first) ? decodeWords(first) : [];
    if (!words?.every((one) => this.#options.certifying.holds(one))) {
      return { status: proposalStatus.reject };
    }
    const checked = this.#application.processProposal(proposal);
    if (!checked.ok) return { status: proposalStatus.reject };
    this.#proposals.set(keyOf(body.hash), proposal);
    return { status: proposalStatus.accept };
  }

  #finalizeBlock(body: Requests["finalizeBlock"]): Responses["finalizeBlock"] {
    const proposal = this.#proposals.get(keyOf(body.hash)) ?? this.#proposalOf(body);
    const before = this.#application.council();
    const [first] = body.txs;
    const words = areWords(first) ? decodeWords(first) : [];
    for (const one of words ?? []) this.#options.certifying.take(one);
    const { header, nextCouncil } = this.#application.finalizeBlock(proposal);
    if (body.misbehavior.length > 0) this.#options.onMisbehavior?.(body.height);
    return {
      txResults: body.txs.map(() => ({ code: code.ok })),
      validatorUpdates: validatorUpdates(before, nextCouncil),
      appHash: header.appHash,
    };
  }

  #commit(): Responses["commit"] {
    const block = this.#application.commit();
    this.#options.onCommitted?.(block);
    this.#options.certifying.committed(block);
    this.#proposals.clear();
    return { retainHeight: 0 };
  }

  #extendVote(): Responses["extendVote"] {
    const said = this.#options.certifying.say();
    return { voteExtension: said === undefined ? new Uint8Array() : encodeSaid(said) };
  }

  /** A signature that does not hold is its sender's loss; what is no extension at all is refused. */
  #verifyVoteExtension(body: Requests["verifyVoteExtension"]): Responses["verifyVoteExtension"] {
    if (body.voteExtension.length === 0) return { status: extensionStatus.accept };
    const said = decodeSaid(body.voteExtension);
    if (said === undefined) return { status: extensionStatus.reject };
    this.#options.certifying.take(said);
    return { status: extensionStatus.accept };
  }

  /** Those of blocks that CometBFT ordered: of others it has no header to check them by. */
  #listSnapshots(): readonly Snapshot[] {
    return this.#application
      .listSnapshots()
      .map((snapshot) => ({ ...snapshot, height: this.#theirs(snapshot.height) }))
      .filter(({ height }) => height > 0);
  }

  #loadSnapshotChunk(wanted: Requests["loadSnapshotChunk"]): Uint8Array {
    const height = this.#ours(wanted.height);
    return this.#application.loadSnapshotChunk({ ...wanted, height }) ?? new Uint8Array();
  }

  #offerSnapshot({ snapshot, appHash }: Requests["offerSnapshot"]): Responses["offerSnapshot"] {
    if (snapshot === null) return { result: offerResult.reject };
    const offered = { ...snapshot, height: this.#ours(snapshot.height) };
    const answer = this.#application.offerSnapshot(offered, appHash);
    return { result: offerResult[answer.result] };
  }

  #applySnapshotChunk(body: Requests["applySnapshotChunk"]): Responses["applySnapshotChunk"] {
    const answer = this.#application.applySnapshotChunk(body);
    if (answer.result === "accept") {
      if (answer.done) this.#options.certifying.adopted();
      return { result: chunkResult.accept };
    }
    const { result, refetchChunks, rejectSenders } = answer;
    return { result: chunkResult[result], refetchChunks, rejectSenders };
  }

  #proposalOf(body: Requests["finalizeBlock"]): Proposal {
    const frames = areWords(body.txs[0]) ? body.txs.slice(1) : body.txs;
    return { ...this.#about(body), height: this.#ours(body.height), view: 0, frames };
  }

  /** Whoever is no voting member any more is named by nothing, and its proposal refused. */
  #about({ time, proposerAddress }: Pick<Requests["finalizeBlock"], "time" | "proposerAddress">) {
    const proposer = memberAt(proposerAddress, this.#application.council()) ?? "";
    return { time: msOf(time), proposer };
  }

  /** The ledger's height of a block that CometBFT counts so. */
  #ours(height: number): number {
    return height + this.#options.beginning.height;
  }

  #theirs(height: number): number {
    return height - this.#options.beginning.height;
  }

  #refuse(name: string): void {
    if (this.#refused.size >= refusedMax) this.#refused.clear();
    this.#refused.add(name);
  }
}

const isTick = (tx: Uint8Array) => tx[0] === tickByte;
const keyOf = (hash: Uint8Array) => Buffer.from(hash).toString("hex");

/** Whole ms, rounded down: CometBFT's times grow by a nanosecond at least, these never fall. */
function msOf(time: Timestamp | null) {
  const { seconds, nanos } = time ?? { seconds: 0, nanos: 0 };
  return utcMs(seconds * 1000 + Math.floor(nanos / 1_000_000));
}

/** As many frames from the front as CometBFT allows: each takes a field's head and its length besides. */
function fitting(frames: readonly Uint8Array[], bytesMax: number): readonly Uint8Array[] {
  const headBytesMax = 6;
  let bytes = 0;
  const end = frames.findIndex(({ length }) => {
    bytes += length + headBytesMax;
    return bytes > Math.min(bytesMax, blockLimits.bytes);
  });
  return end < 0 ? frames : frames.slice(0, end);
}

function beginningNamedBy(appState: Uint8Array): Beginning | undefined {
  try {
    return beginningIn(JSON.parse(Buffer.from(appState).toString("utf8")));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function unexpected(what: string): Failure {
  const message = `${what}; make CometBFT's files anew with busbar-aggregator init --engine cometbft, or correct its genesis.json`;
  return new Failure("cometbft.genesis", message, { retry: "never" });
}
