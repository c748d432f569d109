import type { ContractVersion, Kind } from "@busbar/protocol";
import { contractVersions } from "../contract/versions.ts";
import type { BlockRule, TxRule } from "../rule.ts";
import { admissionExpiryRule, admissionRule } from "./admission.ts";
import { assetsRule } from "./assets.ts";
import { billsRule } from "./bills/bills-rule.ts";
import { casesRule } from "./cases/cases.ts";
import { correctionRule } from "./cases/correction-rule.ts";
import { objectionRule } from "./cases/objection-rule.ts";
import { rulingRule } from "./cases/ruling-rule.ts";
import { certificateMoveRule } from "./certificate-move.ts";
import { claimRule } from "./claim.ts";
import { demandAnswerRule } from "./demand/answer-rule.ts";
import { demandMandateRule } from "./demand/mandate-rule.ts";
import { demandOrderRule } from "./demand/order-rule.ts";
import { demandRule } from "./demand/settle-rule.ts";
import { deviceChangeRule } from "./device-change.ts";
import { feederAcceptRule } from "./feeders/accept-rule.ts";
import { feederCrossingsRule, feederDeadlinesRule } from "./feeders/clock-rules.ts";
import { feederOfferRule } from "./feeders/offer-rule.ts";
import { feederProofRule } from "./feeders/proof-rule.ts";
import { labelExpiryRule, labelsRule } from "./labels.ts";
import { mandateRule } from "./mandate.ts";
import { certificatesRule } from "./market/certificates-rule.ts";
import { creditRule } from "./market/credit-rule.ts";
import { quoteCommitRule } from "./market/quote-commit.ts";
import { quoteRevealRule } from "./market/quote-reveal.ts";
import { settlementRule } from "./market/settlement-rule.ts";
import { stagesRule } from "./market/stages.ts";
import { accountMotionRule } from "./members/account-motion.ts";
import { appealMotionRule } from "./members/appeal-motion.ts";
import { ballotRule } from "./members/ballot.ts";
import { contractMotionRule } from "./members/contract-motion.ts";
import { councilRule } from "./members/council-rule.ts";
import { deviationRule } from "./members/deviation.ts";
import { doubleVoteRule } from "./members/double-vote.ts";
import { evidenceRule } from "./members/evidence.ts";
import { feederMotionRule } from "./members/feeder-motion.ts";
import { memberMotionRule } from "./members/member-motion.ts";
import { parametersMotionRule } from "./members/parameters-motion.ts";
import { parametersRule } from "./members/parameters-rule.ts";
import { releaseMotionRule } from "./members/release-motion.ts";
import { leaseRule } from "./notices/lease-rule.ts";
import { preferencesRule } from "./notices/preferences-rule.ts";
import { reportRule } from "./notices/report-rule.ts";
import { paymentRule } from "./payment.ts";
import { readingsRule } from "./readings.ts";
import { silenceRule } from "./silence.ts";
import { commissioningRule } from "./units/commissioning-rule.ts";
import { deviceReportRule } from "./units/report-rule.ts";

/** The rule of each kind that may stand in a block. */
export type TxRules = { readonly [K in Kind]?: TxRule<K> };

/** All that makes this ledger what it is; every member runs the same. */
export type Rules = {
  readonly tx: TxRules;
  readonly block: readonly BlockRule[];
  /** The versions of the market's contract that these rules are. */
  readonly contracts: readonly ContractVersion[];
};

/** The ledger's rules. `login` has none: it is for brokers and never enters a block; a
 * `member-request` stands in one within a motion only. */
export const rules: Rules = {
  contracts: contractVersions,
  tx: {
    readings: readingsRule,
    mandate: mandateRule,
    assets: assetsRule,
    admission: admissionRule,
    "quote-commit": quoteCommitRule,
    "quote-reveal": quoteRevealRule,
    "device-change": deviceChangeRule,
    labels: labelsRule,
    claim: claimRule,
    correction: correctionRule,
    objection: objectionRule,
    ruling: rulingRule,
    "member-motion": memberMotionRule,
    "parameters-motion": parametersMotionRule,
    "contract-motion": contractMotionRule,
    "appeal-motion": appealMotionRule,
    "account-motion": accountMotionRule,
    payment: paymentRule,
    "demand-mandate": demandMandateRule,
    "demand-order": demandOrderRule,
    "demand-answer": demandAnswerRule,
    "certificate-move": certificateMoveRule,
    ballot: ballotRule,
    evidence: evidenceRule,
    deviation: deviationRule,
    "double-vote": doubleVoteRule,
    "release-motion": releaseMotionRule,
    commissioning: commissioningRule,
    "device-report": deviceReportRule,
    "notice-preferences": preferencesRule,
    "notice-lease": leaseRule,
    "notice-report": reportRule,
    "feeder-motion": feederMotionRule,
    "feeder-offer": feederOfferRule,
    "feeder-accept": feederAcceptRule,
    "feeder-proof": feederProofRule,
  },
  // What lapses is settled with the rest, and so is what a block clears.
  block: [
    casesRule,
    stagesRule,
    feederDeadlinesRule,
    settlementRule,
    feederCrossingsRule,
    certificatesRule,
    demandRule,
    creditRule,
    billsRule,
    silenceRule,
    councilRule,
    parametersRule,
    admissionExpiryRule,
    labelExpiryRule,
  ],
};
