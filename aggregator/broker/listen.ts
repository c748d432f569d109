import { readFileSync, statSync } from "node:fs";
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
  const asks = files.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
  return readable(files, () =>
    tls.createServer({ ...secrets(files), ...asks, handshakeTimeout, noDelay: true }),
  );
}

/**
 * Takes certificates that were renewed on the disk, for connections from then on; one that cannot be
 * used is told of, and the one before it stays.
 */
export function followFiles(
  server: net.Server,
  files: TlsFiles,
  {
    everyMs,
    onChanged,
  }: { readonly everyMs: number; readonly onChanged: (failure?: Failure) => void },
): { stop(): void } {
  const changes = () =>
    [files.certificate, files.key, files.ca ?? files.key]
      .map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs)
      .join();
  let seen = changes();
  const timer = setInterval(() => {
    const now = changes();
    if (now === seen || !(server instanceof tls.Server)) return;
    seen = now;
    try {
      readable(files, () => server.setSecureContext(secrets(files)));
      onChanged();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      onChanged(error);
    }
  }, everyMs);
  return { stop: () => clearInterval(timer) };
}

function secrets({ certificate, key, ca }: TlsFiles) {
  return {
    cert: readFileSync(certificate),
    key: readFileSync(key),
    ...(ca === undefined ? {} : { ca: authorities(ca) }),
    minVersion: "TLSv1.2",
  } as const;
}

/** TLS takes any bytes for authorities, and then lets nobody in. */
function authorities(file: string): Buffer {
  const pem = readFileSync(file);
  if (pem.includes("-----BEGIN CERTIFICATE-----")) return pem;
  throw new Error(`${file} holds no certificate`);
}

function readable<T>(files: TlsFiles, use: () => T): T {
  try {
    return use();
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
