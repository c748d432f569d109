/** Types on the wire and in the ledger's state: one description checks, encodes and documents. */
export { contractName, correction, objection, ruling } from "../messages/cases.ts";
export { label } from "../messages/claims.ts";
export { contractVersion } from "../messages/contract.ts";
export { vote } from "../messages/evidence.ts";
export { feederTerms } from "../messages/feeders.ts";
export { id } from "../messages/id.ts";
export { energyForm, fee, price, quote } from "../messages/market.ts";
export {
  ballots,
  linkAddress,
  memberAction,
  memberEntry,
  memberRole,
  memberTerms,
} from "../messages/members.ts";
export { noticeLease, noticePreferences } from "../messages/notices.ts";
export { parameters, scale } from "../messages/parameters.ts";
export { violationKind } from "../messages/payments.ts";
export { instant } from "../messages/readings.ts";
export { device, meter, owner } from "../messages/registry.ts";
export { release } from "../messages/releases.ts";
export { releaseResult } from "../messages/unit-reports.ts";
export { blockHeader, certificate } from "../receipt/block.ts";
export { blockHistory } from "../receipt/block-history.ts";
export { council } from "../receipt/council.ts";
export { demandState } from "../receipt/demand-state.ts";
export {
  feederEntry,
  feederPurchase,
  feederSale,
} from "../receipt/feeder-state.ts";
export { meterState } from "../receipt/meter-state.ts";
export { releaseState } from "../receipt/release-state.ts";
export { sheetState } from "../receipt/sheet-state.ts";
export { stateProof } from "../receipt/state-proof.ts";
export {
  array,
  bool,
  bytes,
  type Codec,
  encodeAs,
  int,
  mapOf,
  oneOf,
  pair,
  SchemaError,
  type TypeOf,
  text,
} from "./codec.ts";
export { field, optional, type RecordCodec, type RecordOf, record } from "./record.ts";
