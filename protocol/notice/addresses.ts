import { ed25519 } from "@noble/curves/ed25519.js";
import nacl from "tweetnacl";
import { decodeCbor } from "../cbor/decode.ts";
import { CborError } from "../cbor/value.ts";
import type { SealedAddresses } from "../messages/notices.ts";
import type { Refusal } from "../refusal.ts";
import { bytes, encodeAs, SchemaError, type TypeOf, text } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { boxNotice, openNotice } from "./boxed.ts";

const url = text(1000, /^https?:\/\/[!-~]+$/);

/**
 * A browser's subscription (Push API): its endpoint, its keys, and the VAPID key (RFC 8292) that it was
 * made with. The owner makes that one too, so that any member can send with it.
 */
export const pushAddress = record("push-address", {
  endpoint: field(1, url),
  /** The browser's P-256 point, uncompressed, and its secret. */
  p256dh: field(2, bytes(65)),
  auth: field(3, bytes(16)),
  vapid: field(4, bytes(32)),
});

/** `secret` signs what is posted there (Standard Webhooks). */
export const webhookAddress = record("webhook-address", {
  url: field(1, url),
  secret: field(2, bytes(24, 64)),
});

/** A topic's address, and the token of who may write to it where it is not open. */
export const ntfyAddress = record("ntfy-address", {
  url: field(1, url),
  token: optional(2, text(200, /^[!-~]+$/)),
});

/** Where an owner is reached, channel by channel; MQTT needs no address. */
export const noticeAddresses = record("notice-addresses", {
  email: optional(1, text(254, /^[^\s@<>,;:"\\()[\]]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/)),
  push: optional(2, pushAddress),
  webhook: optional(3, webhookAddress),
  ntfy: optional(4, ntfyAddress),
});

export type NoticeAddresses = TypeOf<typeof noticeAddresses>;

type Recipient = { readonly id: string; readonly key: Uint8Array };

/**
 * Seals an owner's addresses for some members, named by their Ed25519 keys of the ledger. `random(n)`
 * gives n random bytes. Throws: `SchemaError` for an address that is none.
 */
export function sealAddresses(
  addresses: NoticeAddresses,
  members: readonly Recipient[],
  random: (count: number) => Uint8Array,
): SealedAddresses {
  const [key, nonce] = [random(32), random(24)];
  const plain = encodeAs(noticeAddresses, addresses);
  return {
    nonce,
    box: nacl.secretbox(plain, nonce, key),
    keys: members.map((member) => ({
      member: member.id,
      box: boxNotice(key, ed25519.utils.toMontgomery(member.key), random),
    })),
  };
}

/**
 * Opens addresses that were sealed for a member, with the seed of its Ed25519 key. Codes:
 * `notice.sealed-to-others`, those of `openNotice`, `notice.addresses`.
 */
export function openAddresses(
  { nonce, box, keys }: SealedAddresses,
  member: { readonly id: string; readonly seed: Uint8Array },
): { readonly ok: true; readonly addresses: NoticeAddresses } | Refusal {
  const own = keys.find((key) => key.member === member.id);
  if (own === undefined) {
    const message = `the owner's addresses are sealed for ${keys.map((key) => key.member).join(", ")}`;
    return { ok: false, code: "notice.sealed-to-others", message };
  }
  const opened = openNotice(own.box, ed25519.utils.toMontgomerySecret(member.seed));
  if (!opened.ok) return opened;
  const plain =
    opened.plain.length === 32 ? nacl.secretbox.open(box, nonce, opened.plain) : undefined;
  try {
    if (plain) return { ok: true, addresses: noticeAddresses.decode(decodeCbor(plain), "") };
  } catch (error) {
    if (!(error instanceof CborError || error instanceof SchemaError)) throw error;
  }
  const message = "the addresses were sealed by a program that does it otherwise, or are none";
  return { ok: false, code: "notice.addresses", message };
}
