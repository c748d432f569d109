import { decodeCbor } from "../cbor/decode.ts";
import { CborError } from "../cbor/value.ts";
import { type Envelope, openEnvelope, type Signer, sealEnvelope } from "../envelope/envelope.ts";
import type { Refusal } from "../refusal.ts";
import { bytes, encodeAs, SchemaError, type TypeOf, text } from "../schema/codec.ts";
import { field, record } from "../schema/record.ts";

/**
 * What whoever signs in to a portal signs. `origin` is what the browser itself says where it is: a page
 * elsewhere that hands a portal's challenge on gets a signature that the portal does not take.
 */
const signIn = record("sign-in", {
  challenge: field(1, bytes(32)),
  origin: field(2, text(260)),
});

export type SignIn = TypeOf<typeof signIn>;

/** No kind of message is called so: a signature to sign in can never be one of a transaction. */
export const signInDomain = "portal-sign-in";

/** Throws: `SchemaError` for a challenge or an origin that is none. */
export function sealSignIn(
  answer: SignIn,
  { chain, signer }: { readonly chain: string; readonly signer: Signer },
): Uint8Array {
  return sealEnvelope(encodeAs(signIn, answer), { chain, kind: signInDomain }, signer);
}

/** Parses what `sealSignIn` made; nothing in it is proved yet. Codes: `cbor.*`, `envelope.*`, `message.shape`. */
export function openSignIn(
  data: Uint8Array,
): { readonly ok: true; readonly envelope: Envelope; readonly signIn: SignIn } | Refusal {
  const opened = openEnvelope(data);
  if (!opened.ok) return opened;
  const { envelope } = opened;
  try {
    return { ok: true, envelope, signIn: signIn.decode(decodeCbor(envelope.payload), "") };
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) {
      return { ok: false, code: error.code, message: `sign-in: ${error.message}` };
    }
    throw error;
  }
}
