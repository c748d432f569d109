import { existsSync, readFileSync } from "node:fs";
import { connect, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import type { BrokerAddress } from "../config/broker-url.ts";

const waitMs = 4000;

/** Why a broker cannot be reached, in words; undefined where it answers, by TLS where it shall. */
export async function unreachable(
  { scheme, host, port }: BrokerAddress,
  ca: string | undefined,
): Promise<string | undefined> {
  const secure = scheme === "mqtts" || scheme === "wss";
  const options = { host, port, timeout: waitMs };
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = secure
    ? connectTls({
        ...options,
        ...(ca === undefined || !existsSync(ca) ? {} : { ca: readFileSync(ca) }),
        ...(isIP(host) === 0 ? { servername: host } : {}),
      })
    : connect(options);
  socket.once(secure ? "secureConnect" : "connect", () => resolve(undefined));
  socket.once("timeout", () => resolve(`no answer from ${host}:${port} in ${waitMs / 1000} s`));
  socket.once("error", (error: NodeJS.ErrnoException) => resolve(wordsOf(error, host, port)));
  try {
    return await promise;
  } finally {
    // A late error has nobody to tell.
    socket.on("error", () => undefined);
    socket.destroy();
  }
}

function wordsOf(
  { code = "", message }: NodeJS.ErrnoException,
  host: string,
  port: number,
): string {
  switch (code) {
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `no machine is called ${host}; check the name and this machine's network`;
    case "ECONNREFUSED":
      return `${host} is there, but nothing listens at port ${port}`;
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return `there is no way to ${host} from this machine's network`;
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return `${host}'s certificate is of an authority that is not known here; name its PEM file`;
    case "CERT_HAS_EXPIRED":
      return `${host}'s certificate has expired (or this machine's clock is wrong)`;
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `${host} shows a certificate for another name`;
    case "EPROTO":
    case "ECONNRESET":
      return `${host}:${port} answers, but not by TLS`;
    default:
      return message === "" ? `${host}:${port} cannot be reached` : message;
  }
}
