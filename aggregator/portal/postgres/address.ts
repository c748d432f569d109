/** A PostgreSQL server's database, and who signs in there. */
export type PostgresAddress = {
  /** A name, an address, or the folder of the server's socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** Undefined: the user that the process runs as. */
  readonly user: string | undefined;
  /** `verified`: TLS with the server's certificate checked for its name. */
  readonly tls: "none" | "verified";
};

/** Where Debian's server has its socket. */
const socketFolder = "/var/run/postgresql";
const usualPort = 5432;

const known = ["host", "port", "user", "sslmode"];

/**
 * Reads `postgresql://user@host:port/database`, as libpq does; without a host it is the socket of this machine's
 * server. Beyond loopback TLS is taken for granted: only `sslmode=disable` leaves it out.
 * Refuses, with what was expected: passwords, other schemes, and options that it does not know.
 */
export function parsePostgresUrl(
  text: string,
):
  | { readonly ok: true; readonly address: PostgresAddress }
  | { readonly ok: false; readonly why: string } {
  const refused = (why: string) => ({ ok: false, why }) as const;
  if (!/^postgres(ql)?:\/\//.test(text)) {
    return refused("expected postgresql://user@host/database");
  }
  if (!URL.canParse(text)) return refused("expected postgresql://user@host:port/database");
  const url = new URL(text);
  if (url.password !== "" || url.searchParams.has("password")) {
    return refused("expected no password here: put it into readModel.passwordFile, or PGPASSWORD");
  }
  const unknown = [...url.searchParams.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined)
    return refused(`expected ${known.join(", ")} behind ?, not ${unknown}`);
  const database = decode(url.pathname.slice(1));
  if (database === undefined || !/^[^/]+$/.test(database)) {
    return refused("expected the database's name behind the host: postgresql://host/database");
  }
  const asked = url.searchParams.get("host") ?? decode(url.hostname) ?? "";
  const host = asked.replace(/^\[(.*)\]$/, "$1") || socketFolder;
  const port = Number(url.port || (url.searchParams.get("port") ?? usualPort));
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    return refused("expected a port from 1 to 65535");
  }
  const mode = url.searchParams.get("sslmode");
  if (mode !== null && mode !== "disable" && mode !== "verify-full") {
    return refused("expected sslmode=verify-full or sslmode=disable");
  }
  const isNear = host.startsWith("/") || isLoopback(host);
  if (mode === "verify-full" && host.startsWith("/")) {
    return refused("expected no sslmode for a socket of this machine");
  }
  const tls = mode === "verify-full" || (mode === null && !isNear) ? "verified" : "none";
  const user = url.searchParams.get("user") ?? decode(url.username);
  return { ok: true, address: { host, port, database, user: user || undefined, tls } };
}

/** Whether only this machine can reach an address. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray % is no escape: nothing was named.
    return undefined;
  }
}

/** How messages name it. */
export function textOf({ host, port, database, user }: PostgresAddress): string {
  const at = host.startsWith("/") ? `socket ${host}/.s.PGSQL.${port}` : `${host} port ${port}`;
  return `database ${database}${user === undefined ? "" : ` as ${user}`} at ${at}`;
}
