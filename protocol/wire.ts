import { elasticDemand, flexibleLoad, storage, supply } from "./messages/assets.ts";
import { label } from "./messages/claims.ts";
import { contractVersion } from "./messages/contract.ts";
import { castVote, votedBlock } from "./messages/double-vote.ts";
import { vote } from "./messages/evidence.ts";
import { kinds } from "./messages/kinds.ts";
import { quote } from "./messages/market.ts";
import { memberTerms } from "./messages/members.ts";
import {
  addressKey,
  noticeHeight,
  noticeWay,
  quietHours,
  sealedAddresses,
} from "./messages/notices.ts";
import {
  bands,
  charge,
  gridSegment,
  parameters,
  partyTerms,
  weights,
} from "./messages/parameters.ts";
import { creditTerms } from "./messages/payments.ts";
import { readingEntry } from "./messages/readings.ts";
import { device, meter, owner } from "./messages/registry.ts";
import { release, releaseBundle, releaseStage } from "./messages/releases.ts";
import { countersign } from "./messages/unit-reports.ts";
import { noticeAddresses, ntfyAddress, pushAddress, webhookAddress } from "./notice/addresses.ts";
import { boxed } from "./notice/boxed.ts";
import { refused } from "./receipt/answer.ts";
import { blockHeader, certificateVote } from "./receipt/block.ts";
import { blockHistory } from "./receipt/block-history.ts";
import { ancestor, consistencyProof } from "./receipt/consistency-proof.ts";
import { council, voter } from "./receipt/council.ts";
import { demandState } from "./receipt/demand-state.ts";
import { meterState } from "./receipt/meter-state.ts";
import { receipt } from "./receipt/receipt.ts";
import { releaseState } from "./receipt/release-state.ts";
import { resultProof } from "./receipt/result-proof.ts";
import { sheetState } from "./receipt/sheet-state.ts";
import { stateProof } from "./receipt/state-proof.ts";
import { cddlOf } from "./schema/cddl.ts";
import type { RecordCodec } from "./schema/record.ts";
import { supportAnswer, supportApproval, supportEnd, supportRequest } from "./support/support.ts";

const head = `; Busbar's wire, in CDDL (RFC 8610). Written by \`node protocol/write-cddl.ts\` from the descriptions
; that check and encode every message; a test holds the two together.
;
; Everything is deterministic CBOR (RFC 8949 §4.2.1): integers only, closed maps, sorted keys.

; What travels on MQTT and stands in blocks.
frame = [ kind, bstr .cbor envelope ]
kind = ${Object.keys(kinds)
  .map((name) => JSON.stringify(name))
  .join(" / ")}

; COSE_Sign1 (RFC 9052 §4.2). external_aad is the text "busbar/1/<chain>/<kind>".
envelope = #6.18([ bstr .cbor protected, {}, bstr .cbor message, bstr .size 64 ])
protected = { 1 => -19, 4 => bstr .size 20 } ; Ed25519 (RFC 9864); 4 = first 20 bytes of SHA-256(h'ed' + key)
message = ${Object.values(kinds)
  .map(({ name }) => name)
  .join(" / ")}

; What comes back on a device's receipts topic.
answer = [ "receipt", receipt ] / [ "refused", refused ] / [ "tip", state-proof ] / [ "council", state-proof ]

; What travels in a support session, on a unit's support topics; signed for "busbar/1/<chain>/support-<kind>".
support = [ "request" / "end" / "answer" / "approval", bstr .cbor envelope ]

; What \`busbar-aggregator prove\` writes; a payment names an event of a result by its place.
proof = [ "receipt", receipt ] / [ "state", state-proof ] / [ "result", result-proof ]
  / [ "payment", [ result-proof, 0..4294967295 ] ] / [ "consistency", consistency-proof ]
`;

/** The text of `busbar.cddl`. */
export function wireCddl(): string {
  const inner = [
    readingEntry,
    quote,
    storage,
    elasticDemand,
    flexibleLoad,
    supply,
    owner,
    meter,
    device,
    label,
    memberTerms,
    bands,
    weights,
    partyTerms,
    gridSegment,
    charge,
    creditTerms,
    parameters,
    contractVersion,
    releaseBundle,
    releaseStage,
    release,
    countersign,
    noticeWay,
    quietHours,
    addressKey,
    sealedAddresses,
    noticeHeight,
    vote,
    votedBlock,
    castVote,
    certificateVote,
    blockHeader,
    receipt,
  ];
  const proofs = [
    stateProof,
    meterState,
    demandState,
    releaseState,
    sheetState,
    voter,
    council,
    blockHistory,
    ancestor,
    consistencyProof,
    resultProof,
  ];
  const addresses = [pushAddress, webhookAddress, ntfyAddress, noticeAddresses];
  const support = [supportApproval, supportRequest, supportEnd, supportAnswer];
  const records = [
    ...Object.values(kinds),
    ...inner,
    refused,
    ...proofs,
    boxed,
    ...addresses,
    ...support,
  ];
  return `${head}\n${cddlOf(records as unknown as RecordCodec<unknown>[])}\n`;
}
