/*
 * The messages of ABCI 2.0 that Busbar speaks with CometBFT v0.38: field numbers and types of
 * `tendermint.abci`, `tendermint.types` and `tendermint.crypto`, as that line's protobuf
 * definitions give them. Fields that nobody here reads are left out; protobuf skips them.
 */

/** A field: its number, its type, and whether it is repeated. */
type Field = readonly [id: number, type: string, rule?: "repeated"];
type Message = Readonly<Record<string, Field>>;

const block: Message = {
  height: [5, "int64"],
  time: [6, "Timestamp"],
  nextValidatorsHash: [7, "bytes"],
  proposerAddress: [8, "bytes"],
};

/** What a request is called, and its number in the envelope; its answer has the next number. */
export const verbs = {
  echo: 1,
  flush: 2,
  info: 3,
  initChain: 5,
  query: 6,
  checkTx: 8,
  commit: 11,
  listSnapshots: 12,
  offerSnapshot: 13,
  loadSnapshotChunk: 14,
  applySnapshotChunk: 15,
  prepareProposal: 16,
  processProposal: 17,
  extendVote: 18,
  verifyVoteExtension: 19,
  finalizeBlock: 20,
} as const;

export type Verb = keyof typeof verbs;

export const messages: Readonly<Record<string, Message>> = {
  Timestamp: { seconds: [1, "int64"], nanos: [2, "int32"] },
  Duration: { seconds: [1, "int64"], nanos: [2, "int32"] },
  PublicKey: { ed25519: [1, "bytes"] },
  Validator: { address: [1, "bytes"], power: [3, "int64"] },
  ValidatorUpdate: { pubKey: [1, "PublicKey"], power: [2, "int64"] },
  BlockParams: { maxBytes: [1, "int64"], maxGas: [2, "int64"] },
  EvidenceParams: {
    maxAgeNumBlocks: [1, "int64"],
    maxAgeDuration: [2, "Duration"],
    maxBytes: [3, "int64"],
  },
  ValidatorParams: { pubKeyTypes: [1, "string", "repeated"] },
  VersionParams: { app: [1, "uint64"] },
  AbciParams: { voteExtensionsEnableHeight: [1, "int64"] },
  ConsensusParams: {
    block: [1, "BlockParams"],
    evidence: [2, "EvidenceParams"],
    validator: [3, "ValidatorParams"],
    version: [4, "VersionParams"],
    abci: [5, "AbciParams"],
  },
  VoteInfo: { validator: [1, "Validator"], blockIdFlag: [3, "int32"] },
  CommitInfo: { round: [1, "int32"], votes: [2, "VoteInfo", "repeated"] },
  ExtendedVoteInfo: {
    validator: [1, "Validator"],
    voteExtension: [3, "bytes"],
    extensionSignature: [4, "bytes"],
    blockIdFlag: [5, "int32"],
  },
  ExtendedCommitInfo: { round: [1, "int32"], votes: [2, "ExtendedVoteInfo", "repeated"] },
  Misbehavior: {
    type: [1, "int32"],
    validator: [2, "Validator"],
    height: [3, "int64"],
    time: [4, "Timestamp"],
    totalVotingPower: [5, "int64"],
  },
  Snapshot: {
    height: [1, "uint64"],
    format: [2, "uint32"],
    chunks: [3, "uint32"],
    hash: [4, "bytes"],
    metadata: [5, "bytes"],
  },
  ExecTxResult: { code: [1, "uint32"], data: [2, "bytes"], log: [3, "string"] },

  RequestEcho: { message: [1, "string"] },
  RequestFlush: {},
  RequestInfo: { version: [1, "string"], abciVersion: [4, "string"] },
  RequestInitChain: {
    time: [1, "Timestamp"],
    chainId: [2, "string"],
    consensusParams: [3, "ConsensusParams"],
    validators: [4, "ValidatorUpdate", "repeated"],
    appStateBytes: [5, "bytes"],
    initialHeight: [6, "int64"],
  },
  RequestQuery: {
    data: [1, "bytes"],
    path: [2, "string"],
    height: [3, "int64"],
    prove: [4, "bool"],
  },
  RequestCheckTx: { tx: [1, "bytes"], type: [2, "int32"] },
  RequestCommit: {},
  RequestListSnapshots: {},
  RequestOfferSnapshot: { snapshot: [1, "Snapshot"], appHash: [2, "bytes"] },
  RequestLoadSnapshotChunk: { height: [1, "uint64"], format: [2, "uint32"], chunk: [3, "uint32"] },
  RequestApplySnapshotChunk: { index: [1, "uint32"], chunk: [2, "bytes"], sender: [3, "string"] },
  RequestPrepareProposal: {
    maxTxBytes: [1, "int64"],
    txs: [2, "bytes", "repeated"],
    localLastCommit: [3, "ExtendedCommitInfo"],
    misbehavior: [4, "Misbehavior", "repeated"],
    ...block,
  },
  RequestProcessProposal: {
    txs: [1, "bytes", "repeated"],
    proposedLastCommit: [2, "CommitInfo"],
    misbehavior: [3, "Misbehavior", "repeated"],
    hash: [4, "bytes"],
    ...block,
  },
  RequestExtendVote: {
    hash: [1, "bytes"],
    height: [2, "int64"],
    time: [3, "Timestamp"],
    txs: [4, "bytes", "repeated"],
    proposedLastCommit: [5, "CommitInfo"],
    misbehavior: [6, "Misbehavior", "repeated"],
    nextValidatorsHash: [7, "bytes"],
    proposerAddress: [8, "bytes"],
  },
  RequestVerifyVoteExtension: {
    hash: [1, "bytes"],
    validatorAddress: [2, "bytes"],
    height: [3, "int64"],
    voteExtension: [4, "bytes"],
  },
  RequestFinalizeBlock: {
    txs: [1, "bytes", "repeated"],
    decidedLastCommit: [2, "CommitInfo"],
    misbehavior: [3, "Misbehavior", "repeated"],
    hash: [4, "bytes"],
    ...block,
  },

  ResponseException: { error: [1, "string"] },
  ResponseEcho: { message: [1, "string"] },
  ResponseFlush: {},
  ResponseInfo: {
    data: [1, "string"],
    version: [2, "string"],
    appVersion: [3, "uint64"],
    lastBlockHeight: [4, "int64"],
    lastBlockAppHash: [5, "bytes"],
  },
  ResponseInitChain: {
    consensusParams: [1, "ConsensusParams"],
    validators: [2, "ValidatorUpdate", "repeated"],
    appHash: [3, "bytes"],
  },
  ResponseQuery: {
    code: [1, "uint32"],
    log: [3, "string"],
    key: [6, "bytes"],
    value: [7, "bytes"],
    height: [9, "int64"],
    codespace: [10, "string"],
  },
  ResponseCheckTx: { code: [1, "uint32"], log: [3, "string"], codespace: [8, "string"] },
  ResponseCommit: { retainHeight: [3, "int64"] },
  ResponseListSnapshots: { snapshots: [1, "Snapshot", "repeated"] },
  ResponseOfferSnapshot: { result: [1, "int32"] },
  ResponseLoadSnapshotChunk: { chunk: [1, "bytes"] },
  ResponseApplySnapshotChunk: {
    result: [1, "int32"],
    refetchChunks: [2, "uint32", "repeated"],
    rejectSenders: [3, "string", "repeated"],
  },
  ResponsePrepareProposal: { txs: [1, "bytes", "repeated"] },
  ResponseProcessProposal: { status: [1, "int32"] },
  ResponseExtendVote: { voteExtension: [1, "bytes"] },
  ResponseVerifyVoteExtension: { status: [1, "int32"] },
  ResponseFinalizeBlock: {
    txResults: [2, "ExecTxResult", "repeated"],
    validatorUpdates: [3, "ValidatorUpdate", "repeated"],
    consensusParamUpdates: [4, "ConsensusParams"],
    appHash: [5, "bytes"],
  },
};

/** The number of an exception among the answers. */
export const exceptionId = 1;
