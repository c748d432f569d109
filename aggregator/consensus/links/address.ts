import { Failure } from "@busbar/protocol";

/** Where a link listens. IPv6 without brackets. */
export type Address = { readonly host: string; readonly port: number };

/** Reads `host:port` or `[IPv6]:port`; undefined for anything else. Port 0 is no place to dial. */
export function parseAddress(text: string): Address | undefined {
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  const [, v6, name, digits] = parts ?? [];
  const host = v6 ?? name;
  const port = Number(digits);
  if (host === undefined || port < 1 || port > 65_535) return undefined;
  return { host, port };
}

export function addressText({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Why a link cannot listen, and what to do. */
export function listenFailure(cause: NodeJS.ErrnoException, { host, port }: Address): Failure {
  if (cause.code === "EADDRINUSE") {
    return new Failure(
      "links.port-taken",
      `port ${port} on ${host} is taken by another program; stop that one or set consensus.listen.port to a free port`,
      { retry: "later", cause },
    );
  }
  if (cause.code === "EACCES") {
    return new Failure(
      "links.port-forbidden",
      `this user may not listen on port ${port}; set consensus.listen.port to 1024 or above`,
      { retry: "never", cause },
    );
  }
  return new Failure(
    "links.listen",
    `cannot listen on ${host} port ${port}: ${cause.message}; set consensus.listen.host to an address of this machine`,
    { retry: "never", cause },
  );
}
