import type { Frame, Kind, Refusal, Topic, Verify } from "@busbar/protocol";
import { type OpenedFrame, openedFrame } from "../ledger/opened-frame.ts";
import type { Identity, Registry } from "../ledger/registry.ts";
import type { IngestCode } from "./codes.ts";

export type ExamineGrounds = {
  readonly chain: string;
  readonly registry: Registry;
  readonly verify: Verify;
};

/** A message in its right place, and who it says has signed it. */
export type Claim = {
  readonly ok: true;
  readonly frame: OpenedFrame;
  readonly signer: Identity;
};

/** A refusal, and whom the message names truly as its sender when it came that far. */
type Examined =
  | { readonly ok: true; readonly frame: Frame; readonly signer: Identity }
  | (Refusal & { readonly signer?: Identity });

const memberKinds: readonly Kind[] = [
  "admission",
  "device-change",
  "labels",
  "correction",
  "objection",
  "ruling",
  "member-motion",
  "parameters-motion",
  "contract-motion",
  "appeal-motion",
  "account-motion",
  "release-motion",
  "ballot",
  "evidence",
  "deviation",
  "double-vote",
  "notice-lease",
  "notice-report",
  "feeder-motion",
  "feeder-proof",
];
/** Where owners speak, and units of themselves; an owner also suspends its units here and says how it wants to be told, and one
 * that is a bureau objects. */
const quoteKinds: readonly Kind[] = [
  "mandate",
  "assets",
  "quote-commit",
  "quote-reveal",
  "device-change",
  "objection",
  "payment",
  "demand-mandate",
  "demand-order",
  "demand-answer",
  "certificate-move",
  "commissioning",
  "device-report",
  "notice-preferences",
  "feeder-offer",
  "feeder-accept",
  "feeder-proof",
];

/**
 * Whether a payload is a genuine message in its right place. Pure; what it says about the ledger's
 * state (sequence, balance, gate) is the rules' matter. Codes in the order of the checks: `frame.*`,
 * `envelope.*`, `cbor.*`, `ingest.wrong-kind`, `ingest.unknown-key`, `ingest.wrong-signer`,
 * `ingest.wrong-device`, `ingest.wrong-label`, `ingest.wrong-member`, `ingest.signature`, then `cbor.*` and `message.shape` of the content.
 */
export function examine(payload: Uint8Array, topic: Topic, grounds: ExamineGrounds): Examined {
  const claim = claimOf(payload, topic, grounds.registry);
  return claim.ok ? prove(claim, grounds) : claim;
}

/** All of it that comes before the costly check of the signature. */
export function claimOf(
  payload: Uint8Array,
  topic: Topic,
  registry: Registry,
): Claim | (Refusal & { readonly signer?: Identity }) {
  const frame = openedFrame(payload);
  const { opened } = frame;
  if (!opened.ok) return opened;
  const { kind, envelope } = opened.frame;
  if (!kindsOn(topic).includes(kind)) {
    return refuse(
      "ingest.wrong-kind",
      `expected ${kindsOn(topic).join(" or ")} here, got a ${kind}`,
    );
  }
  const signer = registry.byKeyId(envelope.kid);
  if (signer === undefined) {
    const kid = Buffer.from(envelope.kid).toString("hex");
    return refuse(
      "ingest.unknown-key",
      `no identity has key ${kid}; a member admits the device first`,
    );
  }
  const misplaced = checkSigner(signer, kind, topic);
  if (misplaced !== undefined) return misplaced;
  return { ok: true, frame, signer };
}

/** What is left of it: the signature, and the content. */
export function prove(
  { frame, signer }: Claim,
  { chain, verify }: Pick<ExamineGrounds, "chain" | "verify">,
): Examined {
  const { opened } = frame;
  if (!opened.ok) return opened;
  const { kind } = opened.frame;
  if (!frame.isSignedBy(signer.key, chain, verify)) {
    return refuse("ingest.signature", `not signed by ${signer.id} as a ${kind} for chain ${chain}`);
  }
  const { content } = frame;
  return content.ok ? { ok: true, frame: opened.frame, signer } : { ...content, signer };
}

function kindsOn(topic: Topic): readonly Kind[] {
  if (topic.of === "device" && topic.name === "readings") return ["readings"];
  if (topic.of === "host" && topic.name === "transactions") return memberKinds;
  if (topic.of === "enrol" && topic.name === "claims") return ["claim"];
  return topic.of === "market" && topic.name === "quotes" ? quoteKinds : [];
}

function checkSigner(signer: Identity, kind: Kind, topic: Topic): Refusal | undefined {
  const wanted = signersOf(kind);
  if (!wanted.includes(signer.kind)) {
    return refuse(
      "ingest.wrong-signer",
      `expected a ${wanted.join(" or ")} to sign a ${kind}, ${signer.id} is a ${signer.kind}`,
    );
  }
  if (topic.of === "device" && topic.id !== signer.id) {
    return refuse(
      "ingest.wrong-device",
      `signed by ${signer.id}, sent on the topic of ${topic.id}; send it on ${signer.id}'s own`,
    );
  }
  if (topic.of === "enrol" && topic.id !== signer.id) {
    return refuse(
      "ingest.wrong-label",
      `signed by ${signer.id}, sent on the topic of ${topic.id}; send it on ${signer.id}'s own`,
    );
  }
  if (topic.of === "host" && topic.id !== signer.id) {
    return refuse(
      "ingest.wrong-member",
      `signed by ${signer.id}, sent on the topic of ${topic.id}; send it on ${signer.id}'s own`,
    );
  }
  return undefined;
}

function signersOf(kind: Kind): readonly Identity["kind"][] {
  switch (kind) {
    case "admission":
    case "labels":
    case "correction":
    case "ruling":
    case "member-motion":
    case "parameters-motion":
    case "contract-motion":
    case "appeal-motion":
    case "account-motion":
    case "release-motion":
    case "ballot":
    case "evidence":
    case "deviation":
    case "double-vote":
    case "notice-lease":
    case "notice-report":
    case "feeder-motion":
      return ["member"];
    case "notice-preferences":
      return ["owner"];
    case "device-change":
    case "objection":
    case "feeder-proof":
      return ["member", "owner"];
    case "assets":
      return ["owner"];
    case "readings":
    case "commissioning":
    case "device-report":
      return ["device"];
    case "claim":
      return ["label"];
    case "payment":
    case "feeder-offer":
    case "feeder-accept":
    case "certificate-move":
    case "demand-mandate":
      return ["owner"];
    default:
      return ["device", "owner"];
  }
}

function refuse(code: IngestCode, message: string): Refusal {
  return { ok: false, code, message };
}
