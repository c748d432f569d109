import { readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";
import { brokerAddress, fingerprintOf } from "../config/broker-url.ts";
import type { BrokerConfig } from "../config/schema.ts";
import { problem } from "./problem.ts";

/**
 * Opens the socket to a broker, with TLS where its URL says so. With TLS the other end has proved who
 * it is when this resolves, so that no sign-in is ever shown to anybody else.
 * Throws: `LinkProblem` or an error of the system, which `explain` understands.
 */
export async function dial(
  broker: BrokerConfig,
  { msMax, signal }: { readonly msMax: number; readonly signal: AbortSignal },
): Promise<net.Socket> {
  const { scheme, host, port } = brokerAddress(broker.url);
  const secure = scheme === "mqtts";
  const to = { host, port, noDelay: true, keepAlive: true };
  const socket = secure
    ? tls.connect({ ...to, ...serverNameOf(host), ...tlsOptions(broker) })
    : net.connect(to);
  try {
    await opened(socket, secure ? "secureConnect" : "connect", { msMax, signal });
    if (socket instanceof tls.TLSSocket) checkFingerprint(socket, broker);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Read at each attempt, so that a renewed certificate needs no restart. */
export function tlsOptions({ tls: wanted }: BrokerConfig) {
  const { ca, cert, key, serverName, fingerprint } = wanted ?? {};
  return {
    minVersion: "TLSv1.2" as const,
    // A pinned certificate is known by itself; with an authority beside it both have to be right.
    rejectUnauthorized: fingerprint === undefined || ca !== undefined,
    ...(ca === undefined ? {} : { ca: authorities(ca) }),
    ...(cert === undefined ? {} : { cert: readFileSync(cert) }),
    ...(key === undefined ? {} : { key: readFileSync(key) }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}

/** TLS takes any bytes for authorities, and then trusts nobody: a file without a certificate is told of. */
function authorities(file: string): Buffer {
  const pem = readFileSync(file);
  if (pem.includes("-----BEGIN CERTIFICATE-----")) return pem;
  const message = `${file}: expected "-----BEGIN CERTIFICATE-----" (from DER: openssl x509 -inform der -in FILE -out ca.pem)`;
  throw problem("link.files", message);
}

/** A name to ask for and to check; an IP address is checked without being asked for (RFC 6066 §3). */
function serverNameOf(host: string): tls.ConnectionOptions {
  return net.isIP(host) === 0 ? { servername: host } : {};
}

function checkFingerprint(socket: tls.TLSSocket, broker: BrokerConfig): void {
  const pinned = broker.tls?.fingerprint;
  if (pinned === undefined) return;
  const shown = socket.getPeerX509Certificate()?.fingerprint256 ?? "none";
  if (fingerprintOf(shown) === fingerprintOf(pinned)) return;
  const message = `the broker shows another certificate than the pinned one: sha256:${shown}`;
  throw problem("link.fingerprint", message);
}

async function opened(
  socket: net.Socket,
  event: "connect" | "secureConnect",
  { msMax, signal }: { readonly msMax: number; readonly signal: AbortSignal },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => {
      reject(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" }));
    }, msMax);
    const cancelled = () => reject(new Error("not wanted any more"));
    signal.addEventListener("abort", cancelled, { once: true });
    // Stays: an error between here and the reader's own listener must not end the process.
    socket.on("error", reject);
    socket.once("close", () => reject(new Error("")));
    socket.once(event, resolve);
    socket.once(event, () => clearTimeout(late));
    socket.once("close", () => clearTimeout(late));
  });
}
