import { decodeCbor } from "../cbor/decode.ts";
import { encodeCbor } from "../cbor/encode.ts";
import { CborError, type CborValue } from "../cbor/value.ts";
import {
  type Envelope,
  openEnvelope,
  type Signer,
  sealEnvelope,
  type Verify,
  verifyEnvelope,
} from "../envelope/envelope.ts";
import { id } from "../messages/id.ts";
import { instant } from "../messages/readings.ts";
import { publicKey } from "../messages/registry.ts";
import type { Refusal } from "../refusal.ts";
import {
  array,
  bytes,
  type Codec,
  encodeAs,
  int,
  oneOf,
  SchemaError,
  type TypeOf,
  text,
} from "../schema/codec.ts";
import { field, record } from "../schema/record.ts";

const most = Number.MAX_SAFE_INTEGER;

/** What may be asked of a unit from afar. There is no other command, and nothing takes free text. */
export const supportCommand = oneOf("doctor", "logs", "read", "sweep");

/**
 * An owner lets somebody look at its unit for a while: who (`supporter` signs the questions, `box` opens the
 * answers), what may be asked, how often, from when until when. `ownerBox` opens a copy of each answer.
 */
export const supportApproval = record("support-approval", {
  id: field(1, bytes(16)),
  owner: field(2, id),
  device: field(3, id),
  supporter: field(4, publicKey),
  box: field(5, publicKey),
  ownerBox: field(6, publicKey),
  /** Who that is, in words, for the unit's log. */
  name: field(7, text(80)),
  commands: field(8, array(supportCommand, 1, 4)),
  from: field(9, instant),
  until: field(10, instant),
  requestsMax: field(11, int(1, 1000)),
});

/** One question. Numbers of a session only grow, so that none is carried out twice. */
export const supportRequest = record("support-request", {
  session: field(1, bytes(16)),
  number: field(2, int(1, most)),
  at: field(3, instant),
  command: field(4, supportCommand),
  args: field(5, array(text(64), 0, 4)),
  /** The owner's approval, as it was signed. */
  approval: field(6, bytes(1, 1024)),
});

/** The owner ends a session before its time. */
export const supportEnd = record("support-end", {
  session: field(1, bytes(16)),
  owner: field(2, id),
  device: field(3, id),
});

/** A part of an answer. `code` is `ok`, or why there is none; `body` and `copy` are boxed. */
export const supportAnswer = record("support-answer", {
  session: field(1, bytes(16)),
  number: field(2, int(1, most)),
  part: field(3, int(1, 64)),
  parts: field(4, int(1, 64)),
  code: field(5, text(64)),
  body: field(6, bytes(1, 7000)),
  copy: field(7, bytes(1, 7000)),
});

export type SupportCommand = TypeOf<typeof supportCommand>;
export type SupportApproval = TypeOf<typeof supportApproval>;
export type SupportRequest = TypeOf<typeof supportRequest>;
export type SupportEnd = TypeOf<typeof supportEnd>;
export type SupportAnswer = TypeOf<typeof supportAnswer>;

const records = {
  approval: supportApproval,
  request: supportRequest,
  end: supportEnd,
  answer: supportAnswer,
} as const;

/** What travels in a support session. Each is signed under a name of its own: none passes as another. */
export type SupportKind = keyof typeof records;
export type SupportMessage<K extends SupportKind> = TypeOf<(typeof records)[K]>;

/** Longer than any message of a session. */
export const supportBytesMax = 16 * 1024;

const domainOf = (chain: string, kind: SupportKind) => ({ chain, kind: `support-${kind}` });

/** A signed message of a session: CBOR `[kind, envelope]`. */
export function sealSupport<K extends SupportKind>(
  kind: K,
  message: SupportMessage<K>,
  { chain, signer }: { readonly chain: string; readonly signer: Signer },
): Uint8Array {
  const codec = records[kind] as unknown as Codec<SupportMessage<K>>;
  const payload = encodeAs(codec, message);
  return encodeCbor([kind, sealEnvelope(payload, domainOf(chain, kind), signer)]);
}

/** A message of a session whose signature is yet to be checked, by `signedBy`. */
export type OpenedSupport<K extends SupportKind> = {
  readonly ok: true;
  readonly message: SupportMessage<K>;
  /** Whether this key signed it, for this chain and as this kind. */
  signedBy(key: Uint8Array, chain: string, verify: Verify): boolean;
};

/** Codes: `support.form`, `cbor.*`, `envelope.*`, `message.shape`. Never throws, whatever the bytes. */
export function openSupport<K extends SupportKind>(
  kind: K,
  data: Uint8Array,
): OpenedSupport<K> | Refusal {
  try {
    const envelope = envelopeOf(kind, data);
    if (!envelope.ok) return envelope;
    const opened = envelope.envelope;
    const message = records[kind].decode(decodeCbor(opened.payload), "") as SupportMessage<K>;
    return {
      ok: true,
      message,
      signedBy: (key, chain, verify) => verifyEnvelope(opened, domainOf(chain, kind), key, verify),
    };
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) {
      return { ok: false, code: error.code, message: `${kind}: ${error.message}` };
    }
    throw error;
  }
}

/** Which kind of message the bytes say they are; undefined where they are none. */
export function supportKindOf(data: Uint8Array): SupportKind | undefined {
  if (data.length > supportBytesMax) return undefined;
  try {
    const value = decodeCbor(data);
    const kind = Array.isArray(value) ? value[0] : undefined;
    return typeof kind === "string" && Object.hasOwn(records, kind)
      ? (kind as SupportKind)
      : undefined;
  } catch (error) {
    if (error instanceof CborError) return undefined;
    throw error;
  }
}

function envelopeOf(
  kind: SupportKind,
  data: Uint8Array,
): { ok: true; envelope: Envelope } | Refusal {
  if (data.length > supportBytesMax) return form(kind);
  const value = decodeCbor(data);
  if (!Array.isArray(value) || value.length !== 2 || value[0] !== kind) return form(kind);
  const [, sealed] = value as CborValue[];
  return sealed instanceof Uint8Array ? openEnvelope(sealed) : form(kind);
}

const form = (kind: SupportKind): Refusal => ({
  ok: false,
  code: "support.form",
  message: `expected [${JSON.stringify(kind)}, envelope]`,
});
