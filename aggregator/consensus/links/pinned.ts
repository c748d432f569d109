import { constants, X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { type KeyFile, privateKeyFromSeed, publicKeysOf } from "@busbar/protocol/node";
import { selfSigned } from "./certificate.ts";

/** What both ends of a link are made with. */
export type Identity = ReturnType<typeof identityOf>;

/**
 * TLS 1.3 with the member's own key. The certificate's chain is not looked at (there is none): each
 * end compares the key that the other one proved with the one in the membership. The chain's id is the
 * application protocol: members of two chains that share a key do not take each other for peers.
 */
export function identityOf(keys: KeyFile, chain: string) {
  const { seed } = keys;
  const certificate = selfSigned({ seed, publicKey: publicKeysOf(keys).key });
  return {
    cert: new X509Certificate(certificate).toString(),
    key: privateKeyFromSeed(seed).export({ format: "pem", type: "pkcs8" }).toString(),
    ALPNProtocols: [protocolOf(chain)],
    minVersion: "TLSv1.3",
    sigalgs: "ed25519",
    rejectUnauthorized: false,
    // Each connection proves the key anew: a ticket would stand for a proof of before a change.
    secureOptions: constants.SSL_OP_NO_TICKET,
  } as const;
}

export function protocolOf(chain: string): string {
  return `busbar-member/1/${chain}`;
}

/** What the other end of a finished handshake proved, or why it proved nothing. */
export type Proof =
  | { readonly ok: true; readonly key: Uint8Array }
  | { readonly ok: false; readonly code: "links.other-protocol" | "links.no-key" };

export function proofOf(socket: TLSSocket, chain: string): Proof {
  const isOurs = socket.alpnProtocol === protocolOf(chain) && !socket.isSessionReused();
  if (!isOurs) return { ok: false, code: "links.other-protocol" };
  const publicKey = socket.getPeerX509Certificate()?.publicKey;
  if (publicKey?.asymmetricKeyType !== "ed25519") return { ok: false, code: "links.no-key" };
  const { x = "" } = publicKey.export({ format: "jwk" });
  return { ok: true, key: new Uint8Array(Buffer.from(x, "base64url")) };
}
