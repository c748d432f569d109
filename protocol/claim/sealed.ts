import nacl from "tweetnacl";
import { decodeCbor } from "../cbor/decode.ts";
import { CborError } from "../cbor/value.ts";
import { id } from "../messages/id.ts";
import { instant } from "../messages/readings.ts";
import type { Refusal } from "../refusal.ts";
import { array, bytes, encodeAs, SchemaError, type TypeOf, text as word } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";

/** A file that a card brings to a unit and that is nobody else's business. */
const sealedFile = record("sealed-file", {
  /** Small letters, digits, inner hyphens and dots: it can lead to no other folder. */
  name: field(1, word(60, /^[a-z0-9]+([.-][a-z0-9]+)*$/)),
  content: field(2, bytes(0, 16_384)),
});

const sealedFiles = record("sealed-files", {
  /** The unit that the card is for. */
  device: field(1, id),
  files: field(2, array(sealedFile, 0, 16)),
  /** Until when its label counts, by the ledger's clock, where whoever sealed it knew. */
  until: optional(3, instant),
});

/** What lies on the card: tweetnacl's secretbox (XSalsa20-Poly1305) with its nonce. */
const sealedCard = record("sealed-card", {
  nonce: field(1, bytes(24)),
  box: field(2, bytes(16, 300_000)),
});

export type SealedFile = { readonly name: string; readonly content: Uint8Array };

/** What a card has for its unit alone. */
export type Sealed = TypeOf<typeof sealedFiles>;

const head = "BUSBAR-SEALED-1";

/**
 * It as a text that the code's key alone opens. `random(n)` gives n random bytes.
 * Throws: `SchemaError` for a name or a size that no card takes along.
 */
export function sealFiles(
  content: Sealed,
  key: Uint8Array,
  random: (count: number) => Uint8Array,
): string {
  const plain = encodeAs(sealedFiles, content);
  const nonce = random(24);
  const box = nacl.secretbox(plain, nonce, key);
  const words = base64(encodeAs(sealedCard, { nonce, box })).replace(/.{76}/g, "$&\n");
  return `${head}\n${words}\n`;
}

/** Whether a text is a sealed card's, whatever its key. */
export const isSealedCard = (sealed: string): boolean => sealed.startsWith(`${head}\n`);

/** Opens what `sealFiles` made. Codes: `sealed.form`, `sealed.key`. */
export function openSealed(
  text: string,
  key: Uint8Array,
): { readonly ok: true; readonly sealed: Sealed } | Refusal {
  const form = {
    ok: false,
    code: "sealed.form",
    message: "what is sealed on the card is damaged or cut off; flash the card again",
  } as const;
  const bytes = isSealedCard(text) ? unbase64(text.slice(head.length)) : undefined;
  if (bytes === undefined) return form;
  try {
    const { nonce, box } = sealedCard.decode(decodeCbor(bytes), "");
    const plain = nacl.secretbox.open(box, nonce, key);
    if (plain === null) {
      const message =
        "this code does not open what is sealed on the card: it belongs to another unit's label or another site. Where this unit got a new label, enter the code of the one that its card was made with first";
      return { ok: false, code: "sealed.key", message };
    }
    return { ok: true, sealed: sealedFiles.decode(decodeCbor(plain), "") };
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) return form;
    throw error;
  }
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

function unbase64(text: string): Uint8Array | undefined {
  const plain = text.replace(/\s/g, "");
  try {
    const bytes = Uint8Array.from(atob(plain), (char) => char.charCodeAt(0));
    // Bits that decoding drops would make several texts of one card.
    return base64(bytes) === plain ? bytes : undefined;
  } catch {
    return undefined;
  }
}
