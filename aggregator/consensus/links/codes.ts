/** Why links end or do not come about, and what of a message is dropped; each is counted by its code. */
export const linkCodes = {
  "links.flood": "an address connects more often than members do",
  "links.unproven": "more strangers than fit: the oldest of them had to go",
  "links.handshake": "no TLS 1.3 handshake with an Ed25519 key came about",
  "links.timeout": "the other end did not prove in time whose it is",
  "links.other-protocol": "the other end speaks another protocol, or is a member of another chain",
  "links.no-key": "the other end showed no Ed25519 key",
  "links.stranger": "the key is no member's",
  "links.wrong-key": "who answers at a member's address has another key than the member",
  "links.too-long": "a message was announced, or was to be sent, that is longer than any may be",
  "links.silent": "the other end said nothing for too long",
  "links.no-address": "nobody said where the member is reached: it has to connect",
  "links.unreachable": "nobody answers at the member's address",
  "links.closed": "the other end closed the connection",
  "links.replaced": "the member made a newer connection",
  "links.removed": "the member is one no more, or moved",
  "links.full": "more waited for a slow peer than is kept",
  "links.away": "the peer was not connected",
} as const;

export type LinkCode = keyof typeof linkCodes;
