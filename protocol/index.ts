/** What edge and aggregator say to each other. Pure: runs in Node, a browser and Node-RED alike. */
export { decodeCbor } from "./cbor/decode.ts";
export { type CborWriter, encodeBy, encodeCbor } from "./cbor/encode.ts";
export { CborError, type CborValue, compareBytes } from "./cbor/value.ts";
export { checkPublicKey, checkSignature } from "./ed25519/encoding.ts";
export {
  type Domain,
  type Envelope,
  openEnvelope,
  type Signer,
  sealEnvelope,
  toBeSigned,
  type Verify,
  verifyEnvelope,
} from "./envelope/envelope.ts";
export { type Frame, frameBytesMax, openFrame, sealFrame } from "./envelope/frame.ts";
export { keyId } from "./envelope/key-id.ts";
export { Failure, type Retry } from "./failure.ts";
export { nodeHash, type StateClaim, type StatePath, verifyStatePath } from "./merkle/state-path.ts";
export {
  consistencyProof,
  inclusionProof,
  inclusionProofs,
  MerkleFrontier,
  merkleRoot,
  type Sha256,
  verifyConsistency,
  verifyInclusion,
} from "./merkle/tree.ts";
export type { Assets } from "./messages/assets.ts";
export {
  type Correction,
  correctionsMax,
  type Objection,
  type Ruling,
} from "./messages/cases.ts";
export { type CertificateMove, certificatePartsMax } from "./messages/certificates.ts";
export { batchHead, chainHead, chainHeads, chainStart } from "./messages/chain.ts";
export { type Claim, type Label, type Labels, labelIdOf, labelsMax } from "./messages/claims.ts";
export type { ContractMotion, ContractVersion } from "./messages/contract.ts";
export {
  type DemandAction,
  type DemandAnswer,
  type DemandMandate,
  type DemandOrder,
  orderSlotsMax,
} from "./messages/demand.ts";
export type { DeviceChange } from "./messages/devices.ts";
export {
  type CometbftVote,
  cometbftVoteBytes,
  type DoubleVote,
  type VotePlace,
} from "./messages/double-vote.ts";
export { type Deviation, type Evidence, type Vote, voteBytes } from "./messages/evidence.ts";
export type {
  FeederAccept,
  FeederMotion,
  FeederOffer,
  FeederProof,
  FeederTerms,
} from "./messages/feeders.ts";
export { idPattern, isId } from "./messages/id.ts";
export {
  decodeMessage,
  encodeMessage,
  isKind,
  type Kind,
  kinds,
  type Message,
} from "./messages/kinds.ts";
export {
  type EnergyForm,
  type Mandate,
  priceMax,
  type QuoteCommit,
  type QuoteReveal,
  type QuoteTerms,
  type Side,
  sealQuotes,
} from "./messages/market.ts";
export {
  type Ballot,
  brokerUrlPattern,
  linkAddressPattern,
  type MemberAction,
  type MemberEntry,
  type MemberMotion,
  type MemberRequest,
  type MemberRole,
  type MemberTerms,
  memberTable,
} from "./messages/members.ts";
export {
  type NoticeChannel,
  type NoticeLanguage,
  type NoticeLease,
  type NoticePreferences,
  type NoticeReport,
  type NoticeTopic,
  type NoticeWay,
  noticeHeightsMax,
  type SealedAddresses,
} from "./messages/notices.ts";
export { compareObis, obis, parseObis } from "./messages/obis.ts";
export type {
  Charge,
  Gate,
  GridSegment,
  ParametersMotion,
  PartyTerms,
  Scale,
} from "./messages/parameters.ts";
export type { AccountMotion, AppealMotion, CreditTerms, Payment } from "./messages/payments.ts";
export {
  batchEntriesMax,
  clockSource,
  quality,
  type ReadingEntry,
  type Readings,
  stepMax,
} from "./messages/readings.ts";
export type { Admission, Device, Login, Meter, Owner, Party } from "./messages/registry.ts";
export type { Release, ReleaseBundle, ReleaseMotion } from "./messages/releases.ts";
export {
  type AdmissionRequest,
  parseRequestText,
  requestPrefix,
  requestText,
} from "./messages/request-text.ts";
export {
  type Commissioning,
  type DeviceReport,
  type ReleaseResult,
  sheetDomain,
} from "./messages/unit-reports.ts";
export { bytesOfWord, wordOf } from "./messages/word.ts";
export { nearest } from "./nearest.ts";
export { type Answer, decodeAnswer, encodeAnswer, type Refused } from "./receipt/answer.ts";
export {
  type BlockHeader,
  blockHash,
  type Certificate,
  type CertificateVote,
  encodeHeader,
} from "./receipt/block.ts";
export {
  type BlockHistory,
  blockHistoryKey,
  historyRoot,
} from "./receipt/block-history.ts";
export {
  type Ancestor,
  type ConsistencyProof,
  follows,
  verifyConsistencyProof,
} from "./receipt/consistency-proof.ts";
export {
  type Council,
  councilTable,
  membershipOf,
  type Voter,
  votersMax,
} from "./receipt/council.ts";
export { CouncilChain, epochOf, verifyCouncilStep } from "./receipt/council-chain.ts";
export {
  type DemandState,
  demandTable,
  type ProvenDemand,
  verifyDemandProof,
} from "./receipt/demand-state.ts";
export {
  type FeederEntry,
  type FeederPurchase,
  type FeederSale,
  feederPurchaseTable,
  feederSaleTable,
  feederTable,
  feederTrade,
} from "./receipt/feeder-state.ts";
export { verifyMemberProof } from "./receipt/member-proof.ts";
export {
  type Member,
  type Membership,
  type PinnedMembership,
  quorum,
  validatorsHash,
  verifyCertificate,
} from "./receipt/membership.ts";
export {
  type MeterState,
  type MeterTip,
  meterStateTable,
  verifyMeterTip,
} from "./receipt/meter-state.ts";
export {
  decodeProof,
  encodeProof,
  headerOfProof,
  type Proof,
  type Proved,
  verifyProof,
  verifyProofFrom,
} from "./receipt/proof.ts";
export { decodeReceipt, encodeReceipt, type Receipt, verifyReceipt } from "./receipt/receipt.ts";
export {
  isReleaseTurn,
  type ReleaseState,
  releaseKey,
  releasePlace,
  releaseReach,
  releaseTable,
  verifyReleaseProof,
} from "./receipt/release-state.ts";
export {
  blockResult,
  type CertifiedEvent,
  type ResultProof,
  resultLeaf,
  verifyResultProof,
} from "./receipt/result-proof.ts";
export { type SheetState, sheetIn, sheetTable } from "./receipt/sheet-state.ts";
export {
  decodeStateProof,
  encodeStateProof,
  type StateProof,
  verifyStateProof,
} from "./receipt/state-proof.ts";
export type { Refusal } from "./refusal.ts";
export { openSignIn, type SignIn, sealSignIn, signInDomain } from "./sign-in/sign-in.ts";
export {
  openSupport,
  type SupportAnswer,
  type SupportApproval,
  type SupportCommand,
  type SupportEnd,
  type SupportKind,
  type SupportRequest,
  sealSupport,
  supportBytesMax,
  supportKindOf,
} from "./support/support.ts";
export {
  localDayStart,
  parseTimeZone,
  type TimeZone,
  timeZoneTextMax,
  utcOffsetMs,
} from "./time-zone/time-zone.ts";
export {
  discoveryPrefix,
  discoveryTopic,
  parseTopic,
  reservedIds,
  type Topic,
  topicPrefix,
  topicsOf,
} from "./topics/topics.ts";
export { allocate, type Share } from "./units/allocate.ts";
export {
  type Micro,
  type MicroPerKwh,
  type Ms,
  micro,
  microPerKwh,
  ms,
  UnitError,
  type UtcMs,
  utcMs,
  type W,
  type Wh,
  watt,
  wh,
} from "./units/brands.ts";
export { cost } from "./units/money.ts";
export { divideBig, mulDiv, type Rounding } from "./units/mul-div.ts";
