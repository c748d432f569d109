import { decodeCbor } from "../cbor/decode.ts";
import { CborError } from "../cbor/value.ts";
import type { Refusal } from "../refusal.ts";
import { type Codec, encodeAs, SchemaError, type TypeOf } from "../schema/codec.ts";
import { assets } from "./assets.ts";
import { correction, objection, ruling } from "./cases.ts";
import { certificateMove } from "./certificates.ts";
import { claim, labels } from "./claims.ts";
import { contractMotion } from "./contract.ts";
import { demandAnswer, demandMandate, demandOrder } from "./demand.ts";
import { deviceChange } from "./devices.ts";
import { doubleVote } from "./double-vote.ts";
import { deviation, evidence } from "./evidence.ts";
import { feederAccept, feederMotion, feederOffer, feederProof } from "./feeders.ts";
import { mandate, quoteCommit, quoteReveal } from "./market.ts";
import { ballot, memberMotion, memberRequest } from "./members.ts";
import { noticeLease, noticePreferences, noticeReport } from "./notices.ts";
import { parametersMotion } from "./parameters.ts";
import { keepPayload } from "./payload.ts";
import { accountMotion, appealMotion, payment } from "./payments.ts";
import { readings } from "./readings.ts";
import { admission, login } from "./registry.ts";
import { releaseMotion } from "./releases.ts";
import { commissioning, deviceReport } from "./unit-reports.ts";

/** Every kind of signed message. The name is part of what is signed, so no kind passes as another. */
export const kinds = {
  login,
  readings,
  mandate,
  assets,
  "quote-commit": quoteCommit,
  "quote-reveal": quoteReveal,
  admission,
  "device-change": deviceChange,
  labels,
  claim,
  correction,
  objection,
  ruling,
  "member-request": memberRequest,
  "member-motion": memberMotion,
  "parameters-motion": parametersMotion,
  "contract-motion": contractMotion,
  "appeal-motion": appealMotion,
  "account-motion": accountMotion,
  payment,
  "demand-mandate": demandMandate,
  "demand-order": demandOrder,
  "demand-answer": demandAnswer,
  "certificate-move": certificateMove,
  ballot,
  evidence,
  deviation,
  "double-vote": doubleVote,
  "release-motion": releaseMotion,
  commissioning,
  "device-report": deviceReport,
  "notice-preferences": noticePreferences,
  "notice-lease": noticeLease,
  "notice-report": noticeReport,
  "feeder-motion": feederMotion,
  "feeder-offer": feederOffer,
  "feeder-accept": feederAccept,
  "feeder-proof": feederProof,
} as const;

export type Kind = keyof typeof kinds;
export type Message<K extends Kind> = TypeOf<(typeof kinds)[K]>;

export function isKind(name: string): name is Kind {
  return Object.hasOwn(kinds, name);
}

/** The payload of a message. Throws `SchemaError` when the value does not fit its kind. */
export function encodeMessage<K extends Kind>(kind: K, message: Message<K>): Uint8Array {
  return encodeAs(kinds[kind] as unknown as Pick<Codec<Message<K>>, "write">, message);
}

/** A decoded message, or why the bytes are none: a `cbor.*` code or `message.shape`. */
export function decodeMessage<K extends Kind>(
  kind: K,
  payload: Uint8Array,
): { readonly ok: true; readonly message: Message<K> } | Refusal {
  try {
    const message = kinds[kind].decode(decodeCbor(payload), "") as Message<K>;
    if (kind === "readings") keepPayload(message, payload);
    return { ok: true, message };
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) {
      return { ok: false, code: error.code, message: `${kind}: ${error.message}` };
    }
    throw error;
  }
}
