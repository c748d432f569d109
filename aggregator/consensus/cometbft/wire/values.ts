/*
 * Requests and answers as values: the shapes of `messages.ts` once decoded. 64-bit numbers are
 * numbers (heights and seconds stay far below 2⁵³), absent messages null, absent lists empty.
 */

export type Timestamp = { readonly seconds: number; readonly nanos: number };
export type Validator = { readonly address: Uint8Array; readonly power: number };
export type ValidatorUpdate = {
  readonly pubKey: { readonly ed25519: Uint8Array };
  readonly power: number;
};
export type ExtendedVote = {
  readonly validator: Validator | null;
  readonly voteExtension: Uint8Array;
  readonly blockIdFlag: number;
};
export type Misbehavior = {
  readonly type: number;
  readonly validator: Validator | null;
  readonly height: number;
};
export type WireSnapshot = {
  readonly height: number;
  readonly format: number;
  readonly chunks: number;
  readonly hash: Uint8Array;
  readonly metadata: Uint8Array;
};
export type ConsensusParams = {
  readonly block?: { readonly maxBytes: number; readonly maxGas: number } | null;
  readonly abci?: { readonly voteExtensionsEnableHeight: number } | null;
};

type Block = {
  readonly height: number;
  readonly time: Timestamp | null;
  readonly proposerAddress: Uint8Array;
  readonly txs: readonly Uint8Array[];
  readonly misbehavior: readonly Misbehavior[];
};

export type Requests = {
  readonly echo: { readonly message: string };
  readonly flush: object;
  readonly info: { readonly version: string; readonly abciVersion: string };
  readonly initChain: {
    readonly chainId: string;
    readonly consensusParams: ConsensusParams | null;
    readonly validators: readonly ValidatorUpdate[];
    readonly appStateBytes: Uint8Array;
    readonly initialHeight: number;
  };
  readonly query: { readonly data: Uint8Array; readonly path: string };
  readonly checkTx: { readonly tx: Uint8Array; readonly type: number };
  readonly commit: object;
  readonly listSnapshots: object;
  readonly offerSnapshot: {
    readonly snapshot: WireSnapshot | null;
    readonly appHash: Uint8Array;
  };
  readonly loadSnapshotChunk: {
    readonly height: number;
    readonly format: number;
    readonly chunk: number;
  };
  readonly applySnapshotChunk: {
    readonly index: number;
    readonly chunk: Uint8Array;
    readonly sender: string;
  };
  readonly prepareProposal: Block & {
    readonly maxTxBytes: number;
    readonly localLastCommit: { readonly votes: readonly ExtendedVote[] } | null;
  };
  readonly processProposal: Block & { readonly hash: Uint8Array };
  readonly extendVote: Block & { readonly hash: Uint8Array };
  readonly verifyVoteExtension: {
    readonly hash: Uint8Array;
    readonly validatorAddress: Uint8Array;
    readonly height: number;
    readonly voteExtension: Uint8Array;
  };
  readonly finalizeBlock: Block & { readonly hash: Uint8Array };
};

export type Responses = {
  readonly echo: { readonly message: string };
  readonly flush: object;
  readonly info: {
    readonly data: string;
    readonly version: string;
    readonly appVersion: number;
    readonly lastBlockHeight: number;
    readonly lastBlockAppHash: Uint8Array;
  };
  readonly initChain: {
    readonly consensusParams?: ConsensusParams;
    readonly validators?: readonly ValidatorUpdate[];
    readonly appHash: Uint8Array;
  };
  readonly query: {
    readonly code: number;
    readonly log?: string;
    readonly key?: Uint8Array;
    readonly value?: Uint8Array;
    readonly height?: number;
    readonly codespace?: string;
  };
  readonly checkTx: { readonly code: number; readonly log?: string; readonly codespace?: string };
  readonly commit: { readonly retainHeight: number };
  readonly listSnapshots: { readonly snapshots: readonly WireSnapshot[] };
  readonly offerSnapshot: { readonly result: number };
  readonly loadSnapshotChunk: { readonly chunk: Uint8Array };
  readonly applySnapshotChunk: {
    readonly result: number;
    readonly refetchChunks?: readonly number[];
    readonly rejectSenders?: readonly string[];
  };
  readonly prepareProposal: { readonly txs: readonly Uint8Array[] };
  readonly processProposal: { readonly status: number };
  readonly extendVote: { readonly voteExtension: Uint8Array };
  readonly verifyVoteExtension: { readonly status: number };
  readonly finalizeBlock: {
    readonly txResults: readonly { readonly code: number; readonly log?: string }[];
    readonly validatorUpdates: readonly ValidatorUpdate[];
    readonly appHash: Uint8Array;
  };
};
