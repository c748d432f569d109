import { readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";
import { Failure, nearest } from "@busbar/protocol";
import type { ExternalCode } from "./codes.ts";

/** How a broker that is none of ours is reached and signed in to. Files are read at each attempt. */
export type BrokerLogin = {
  readonly user?: string | undefined;
  readonly password?: Uint8Array | undefined;
  readonly tls?:
    | {
        /** PEM of the authority that signed the broker's certificate. */
        readonly ca?: string | undefined;
        readonly certificate?: string | undefined;
        readonly key?: string | undefined;
        readonly serverName?: string | undefined;
      }
    | undefined;
};

const schemes = ["mqtt", "mqtts"] as const;
const portOf = { mqtt: 1883, mqtts: 8883 } as const;

/** What is wrong with a broker's URL, if anything. */
export function urlProblem(url: string, allowPlainText: boolean): string | undefined {
  if (!URL.canParse(url)) return "expected a URL like mqtts://broker.example:8883";
  const { protocol, hostname, username, password, search, hash, pathname } = new URL(url);
  const scheme = protocol.replace(/:$/, "");
  if (scheme !== "mqtt" && scheme !== "mqtts") {
    const near = nearest(scheme, schemes);
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    return `expected ${schemes.join(" or ")} before "://"${hint}`;
  }
  if (hostname === "") return "expected a host after the scheme";
  if (username !== "" || password !== "") {
    return "expected no user or password in the URL, where logs and lists of processes show them";
  }
  if (search !== "" || hash !== "" || (pathname !== "" && pathname !== "/")) {
    return "expected nothing after host and port";
  }
  if (scheme === "mqtt" && !allowPlainText && !isThisMachine(bare(hostname))) {
    return "expected mqtts to another machine, or leave to go in clear (allowPlainText, --plain)";
  }
  return undefined;
}

/**
 * Opens the socket to a broker; with mqtts its certificate has been checked when this resolves.
 * Throws: `Failure` `external.unreachable`, `external.tls`, `external.files`.
 */
export async function dialBroker(
  url: string,
  { tls: files }: Pick<BrokerLogin, "tls">,
  msMax: number,
): Promise<net.Socket> {
  const { protocol, hostname, port } = new URL(url);
  const secure = protocol === "mqtts:";
  const host = bare(hostname);
  const to = { host, port: Number(port) || portOf[secure ? "mqtts" : "mqtt"], noDelay: true };
  const socket = secure ? tls.connect({ ...to, ...secretsOf(host, files) }) : net.connect(to);
  const late = setTimeout(() => socket.destroy(new Error(`no answer in ${msMax} ms`)), msMax);
  try {
    await new Promise<void>((resolve, reject) => {
      // Stays: an error between here and the session's own listener must not end the process.
      socket.on("error", reject);
      socket.once("close", () => reject(new Error("it closed the connection")));
      socket.once(secure ? "secureConnect" : "connect", () => resolve());
    });
    return socket;
  } catch (cause) {
    socket.destroy();
    throw unreachable(url, cause);
  } finally {
    clearTimeout(late);
  }
}

/** A password file's first line. Throws: `Failure` `external.files`. */
export function readPassword(file: string): Uint8Array {
  const [line = ""] = readable(file, () => readFileSync(file, "utf8")).split(/\r?\n/);
  if (line !== "") return new Uint8Array(Buffer.from(line));
  throw failure("external.files", `${file}: expected a password in its first line, it is empty`);
}

export function failure(code: ExternalCode, message: string, cause?: unknown): Failure {
  const retry = code === "external.files" || code === "external.login" ? "never" : "later";
  return new Failure(code, message, { retry, ...(cause === undefined ? {} : { cause }) });
}

function secretsOf(host: string, { ca, certificate, key, serverName }: BrokerLogin["tls"] = {}) {
  const read = (file: string) => readable(file, () => readFileSync(file));
  const name = serverName ?? (net.isIP(host) === 0 ? host : undefined);
  return {
    minVersion: "TLSv1.2" as const,
    ...(name === undefined ? {} : { servername: name }),
    ...(ca === undefined ? {} : { ca: read(ca) }),
    ...(certificate === undefined ? {} : { cert: read(certificate) }),
    ...(key === undefined ? {} : { key: read(key) }),
  };
}

function readable<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw failure("external.files", `${file}: cannot be read; expected a file`, cause);
  }
}

function unreachable(url: string, cause: unknown): Failure {
  const text = textOf(cause);
  const code = (cause as { code?: unknown }).code;
  const isTls =
    typeof code === "string" && /^(ERR_(TLS|SSL|OSSL)|.*CERT|UNABLE_TO|EPROTO)/.test(code);
  if (isTls) {
    const remedy =
      "name the authority that signed its certificate (tls.ca, --ca), and the name on it";
    return failure("external.tls", `${url}: ${text}; ${remedy}`, cause);
  }
  return failure(
    "external.unreachable",
    `${url}: ${text}; start the broker, or correct the address`,
    cause,
  );
}

/** What an error says of itself; of an attempt at several addresses what each says. */
export function textOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(textOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}

function isThisMachine(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}
