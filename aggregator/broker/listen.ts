import { readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";
import { Failure } from "@busbar/protocol";

/**
 * PEM files of the broker's certificate (with its chain) and private key; with `ca` only clients whose
 * certificate that authority signed get as far as the login.
 */
export type TlsFiles = {
  readonly certificate: string;
  readonly key: string;
  readonly ca?: string | undefined;
};

/** A server that does not listen yet. With TLS its clients come as `secureConnection`. */
export function makeServer(
  files: TlsFiles | undefined,
  handshakeTimeout: number,
): net.Server | tls.Server {
  if (files === undefined) return net.createServer({ noDelay: true });
  try {
    const [cert, key] = [readFileSync(files.certificate), readFileSync(files.key)];
    const clients =
      files.ca === undefined
        ? {}
        : { ca: readFileSync(files.ca), requestCert: true, rejectUnauthorized: true };
    const minVersion = "TLSv1.2";
    return tls.createServer({ cert, key, ...clients, handshakeTimeout, noDelay: true, minVersion });
  } catch (cause) {
    const clients = files.ca === undefined ? "" : ` and clients' authority ${files.ca}`;
    throw new Failure(
      "broker.certificate",
      `cannot use certificate ${files.certificate} with key ${files.key}${clients}: ${reason(cause)}; ` +
        "expected PEM files, and a key that belongs to the certificate",
      { retry: "never", cause },
    );
  }
}

/** Resolves to the port it listens on. Throws: `Failure` `broker.port-taken`, `.port-forbidden`, `.listen`. */
export function listen(server: net.Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(explain(error, host, port)));
    server.listen({ host, port }, () => {
      server.removeAllListeners("error");
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function explain(cause: NodeJS.ErrnoException, host: string, port: number): Failure {
  if (cause.code === "EADDRINUSE") {
    return new Failure(
      "broker.port-taken",
      `port ${port} on ${host} is taken by another program; stop that one (another broker?) or set broker.port to a free port`,
      { retry: "later", cause },
    );
  }
  if (cause.code === "EACCES") {
    return new Failure(
      "broker.port-forbidden",
      `this user may not listen on port ${port}; set broker.port to 1024 or above`,
      { retry: "never", cause },
    );
  }
  return new Failure(
    "broker.listen",
    `cannot listen on ${host} port ${port}: ${cause.message}; set broker.host to an address of this machine`,
    { retry: "never", cause },
  );
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
