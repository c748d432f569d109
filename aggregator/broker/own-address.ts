/** How a member's own programs reach the broker of its aggregator, and sign in there. */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import net, { type Socket } from "node:net";
import tls, { type PeerCertificate } from "node:tls";
import { Failure, type Signer, sealFrame, utcMs } from "@busbar/protocol";

/** A token is made for one attempt; brokers accept none longer than a minute. */
const tokenMs = 30_000;

/** Our own broker is known by its certificate, whatever name or authority stands on it.
 * Throws: `Failure` `code`. */
export function pinned(file: string | undefined, code: string) {
  if (file === undefined) return {};
  try {
    const ca = readFileSync(file);
    const own = new X509Certificate(ca).raw;
    return {
      ca,
      allowPartialTrustChain: true,
      checkServerIdentity: (_: string, { raw }: PeerCertificate) =>
        raw.equals(own) ? undefined : new Error(`expected the certificate in ${file}`),
    };
  } catch (cause) {
    throw new Failure(code, `cannot use certificate ${file}; expected PEM`, {
      retry: "never",
      cause,
    });
  }
}

/** An address to reach what listens on `host`. */
export function localAddress(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

/** A member's MQTT password for one sign-in under a client id. */
export function memberToken({
  site,
  member,
  client,
  signer,
}: {
  readonly site: string;
  readonly member: string;
  readonly client: string;
  readonly signer: Signer;
}): Uint8Array {
  const now = Date.now();
  const login = { identity: member, client, broker: member, at: utcMs(now), until: now + tokenMs };
  return sealFrame("login", login, { chain: site, signer });
}

/** An open socket to it. Throws: an error of the system, or what `pinned` throws. */
export async function dialOwn(
  broker: {
    readonly host: string;
    readonly port: number;
    readonly tls?: { readonly certificate: string } | undefined;
  },
  msMax: number,
): Promise<Socket> {
  const to = { host: localAddress(broker.host), port: broker.port, noDelay: true };
  const secure = broker.tls !== undefined;
  const socket = secure
    ? tls.connect({ ...to, ...pinned(broker.tls?.certificate, "external.files") })
    : net.connect(to);
  const late = setTimeout(() => socket.destroy(new Error(`no answer in ${msMax} ms`)), msMax);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject);
      socket.once("close", () => reject(new Error("it closed the connection")));
      socket.once(secure ? "secureConnect" : "connect", () => resolve());
    });
    return socket;
  } finally {
    clearTimeout(late);
  }
}
