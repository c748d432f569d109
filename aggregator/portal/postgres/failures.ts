import { Failure, type Retry } from "@busbar/protocol";

type Explained = readonly [code: string, retry: Retry, what: string];

/** SQLSTATEs (PostgreSQL, appendix A), by what is to be done about them. */
const states: Readonly<Record<string, Explained>> = {
  "28P01": [
    "read-model.sign-in",
    "never",
    "the server refuses the password; see readModel.passwordFile",
  ],
  "28000": ["read-model.sign-in", "never", "the server lets this user not in; see its pg_hba.conf"],
  "3D000": [
    "read-model.no-database",
    "never",
    "there is no such database; make it: createdb -E UTF8 -T template0 NAME",
  ],
  "42501": [
    "read-model.rights",
    "never",
    "this user lacks a right; let it own the database: ALTER DATABASE NAME OWNER TO USER",
  ],
  "53100": ["read-model.full", "later", "the server's disk is full; make room there"],
  "25006": [
    "read-model.read-only",
    "later",
    "the server takes no writes (a standby, or default_transaction_read_only)",
  ],
  "42P01": [
    "read-model.not-there",
    "later",
    "its tables are not there; the aggregator makes them when it starts",
  ],
  "57014": ["read-model.slow", "later", "a statement took too long and was ended"],
};

/** Classes of SQLSTATE in which the connection is gone, or there is no room for one. */
const goneClasses = /^(08|57P0|53[023]|58)/;

const goneCodes = new Set([
  ...["ECONNREFUSED", "ECONNRESET", "ENOENT", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN"],
  ...["EHOSTUNREACH", "ENETUNREACH", "EACCES"],
]);

/** Of which the driver says no more than this. */
const goneTexts = /connection terminated|timeout|connection ended|not queryable|after calling end/i;
const tlsTexts = /does not support SSL|certificate|self.signed|ssl|tls/i;

/**
 * What went wrong at the server, as this project says it; what is no word of the server's or the network's stays
 * as it is. `where`: the database, without secrets.
 */
export function failureOf(cause: unknown, where: string): unknown {
  if (!(cause instanceof Error) || cause instanceof Failure) return cause;
  const known = explained(cause);
  if (known === undefined) return cause;
  const [code, retry, what] = known;
  return new Failure(code, `${where}: ${what} (${said(cause)})`, { retry, cause });
}

function explained(error: Error): Explained | undefined {
  const code = (error as { readonly code?: unknown }).code;
  const state = typeof code === "string" ? code : "";
  const known = states[state];
  if (known !== undefined) return known;
  if (goneClasses.test(state) || goneCodes.has(state) || goneTexts.test(error.message)) {
    return [
      "read-model.unreachable",
      "later",
      "the PostgreSQL server cannot be reached; does it run there?",
    ];
  }
  if (
    /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_|UNABLE_TO|SELF_SIGNED)/.test(state) ||
    tlsTexts.test(error.message)
  ) {
    return [
      "read-model.tls",
      "never",
      "the server's TLS is not what it should be; see readModel.ca, or sslmode=disable on a wire you trust",
    ];
  }
  const isState = /^[0-9A-Z]{5}$/.test(state);
  return isState ? ["read-model.failed", "later", "a statement failed"] : undefined;
}

/** A connection that several addresses were tried for says what each said. */
function said(error: Error): string {
  if (error instanceof AggregateError && error.message === "") {
    return error.errors.map((one: unknown) => (one instanceof Error ? one.message : "")).join(", ");
  }
  return error.message;
}
