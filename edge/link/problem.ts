import { brokerAddress } from "../config/broker-url.ts";
import type { BrokerConfig } from "../config/schema.ts";

/** Why the unit has no use of a broker, and what to do about it. Codes are never renamed. */
export const remedies = {
  "link.not-tried": "wait a moment",
  "link.files":
    "make the file named readable for the unit's user, as PEM; certificate and key must belong together",
  "link.dns":
    "correct the host under brokers: url, check the unit's network and name server (resolvectl query), or write the IP address",
  "link.refused":
    "start the broker there, or correct the port: 8883 is usual for mqtts, 1883 for mqtt",
  "link.unreachable": "check cable, Wi-Fi, address and gateway of the unit (ip route), and any VPN",
  "link.timeout":
    "check that the machine is on and that no firewall between drops this port; a wrong address looks the same",
  "link.closed":
    "look into the broker's log for this unit: an access rule, a limit on sizes below 16 KiB, or another unit with this id",
  "link.closed-plain":
    "write mqtts:// where the port wants TLS; else look into the broker's log for this unit",
  "link.closed-tls":
    "where the broker asks for client certificates, name one that it trusts under brokers: tls: { cert: unit.pem, key: unit.key }; where the port is one without TLS take the other; else look into the broker's log",
  "link.not-mqtt":
    "correct the port: behind this one is no MQTT broker; on a guest network sign in to it, or ask for one without a sign-in page",
  "link.needs-tls": "write mqtts:// (or wss://) for this port",
  "link.no-tls":
    "this port speaks without TLS: take the broker's TLS port (8883 is usual), or have TLS set up there",
  "link.ca":
    "put the certificate of the authority that signed the broker's (the member who runs it has it) beside edge.yaml and name it under brokers: tls: { ca: ca.pem }; one that signed itself can be pinned: tls: { fingerprint: sha256:… }",
  "link.certificate-expired":
    "have the broker's certificate renewed by the member who runs it; check the unit's date too (timedatectl)",
  "link.certificate-not-yet":
    "set the unit's clock (timedatectl); if it is right, the broker's certificate was made for later",
  "link.host-name":
    "write the broker under a name that its certificate holds, or name one of them under brokers: tls: { serverName: … }",
  "link.fingerprint":
    "compare with the fingerprint at the broker; where its certificate was renewed write the new one, else somebody stands between: do not connect",
  "link.client-certificate":
    "name the unit's own certificate, signed by the authority that the broker asks for, under brokers: tls: { cert: unit.pem, key: unit.key }",
  "link.tls-version": "update the broker: TLS 1.2 or newer is needed",
  "link.tls": "check that this port speaks TLS, and the certificates at both ends",
  "link.login":
    "have the unit's request.json admitted by a member, and check the clock at both ends: sign-ins hold for a minute",
  "link.client-id":
    "let the broker accept the unit's id as client id; on another site's broker it may be taken",
  "link.busy": "wait; if it stays, ask the member who runs the broker to look at its load",
  "link.protocol": "take a broker that speaks MQTT 3.1.1",
  "link.subscription":
    "let the broker's access rules permit the unit its receipts, the market's prices and the host states",
  "link.silent":
    "check the network between: the broker or a router in between went silent; the unit tries again by itself",
  "link.no-host": "ask the member who runs the aggregator; readings wait in the journal meanwhile",
  "link.no-answer":
    "ask the member whether the aggregator runs and is connected to this broker, and whether the broker lets the unit publish messages of 16 KiB; readings wait and are sent again",
  "link.duplicate-client":
    "switch one of the two off; a copied unit gets its own device id, key and empty data folder (busbar-edge enrol)",
  "link.moved": "nothing: it goes on with the nearer broker",
} as const;

export type ProblemCode = keyof typeof remedies;

/** One finding about the link: what happened, in a sentence that names the broker's side of it. */
export type LinkProblem = {
  readonly code: ProblemCode;
  readonly message: string;
  readonly remedy: string;
};

/** A problem with the remedy of its kind. */
export function problem(code: ProblemCode, message: string): LinkProblem {
  return { code, message, remedy: remedies[code] };
}

/** What is known of an attempt when it fails. */
export type Attempt = {
  readonly broker: BrokerConfig;
  /** The first bytes that came from the other end. */
  readonly first?: Uint8Array | undefined;
};

/** Explains why a broker could not be used. */
export function explain(error: unknown, attempt: Attempt): LinkProblem {
  if (isProblem(error)) return error;
  const stranger = attempt.first && strangerOf(attempt.first);
  if (stranger !== undefined) return stranger;
  const { host, port } = brokerAddress(attempt.broker.url);
  const first = firstOf(error);
  const { code: name, path } = (first ?? {}) as { code?: unknown; path?: string };
  const message = first instanceof Error ? first.message : "";
  if (typeof name === "number") return signIn(name, message);
  const text = typeof name === "string" ? name : "";
  if (attempt.first === undefined && /^(ECONNRESET|EPIPE)$/.test(text)) return closedEarly(attempt);
  const byName = systemProblem(text, { at: `${host} port ${port}`, host, path });
  if (byName !== undefined) return byName;
  const code = tlsCode(text, message);
  if (code !== undefined) return problem(code, tlsSentence(code, message));
  if (/keepalive timeout/i.test(message)) {
    return problem("link.silent", "the broker has not answered for longer than it may");
  }
  if (/connack timeout/i.test(message)) {
    const silent = `${host} port ${port} takes the connection and says nothing`;
    return problem("link.timeout", silent);
  }
  return problem("link.closed", message === "" ? "the broker closed the connection" : message);
}

/** A connection that ended without an error before the sign-in was answered. */
export function closedEarly({ broker, first }: Attempt): LinkProblem {
  const stranger = first && strangerOf(first);
  const secure = /^(mqtts|wss):/i.test(broker.url);
  const message = "the broker closed the connection before it answered the sign-in";
  return stranger ?? problem(secure ? "link.closed-tls" : "link.closed-plain", message);
}

function isProblem(error: unknown): error is LinkProblem {
  return typeof error === "object" && error !== null && "remedy" in error;
}

/** Of the errors of all addresses of a host the one that says most. */
function firstOf(error: unknown): unknown {
  if (!(error instanceof AggregateError)) return error;
  const refused = error.errors.find(({ code }) => code === "ECONNREFUSED");
  return refused ?? error.errors[0] ?? error;
}

/** The first packet of a broker is CONNACK, 0x20 (MQTT 3.1.1 §3.2). */
function strangerOf(first: Uint8Array): LinkProblem | undefined {
  if (first.length === 0 || first[0] === 0x20) return undefined;
  if (Buffer.from(first).toString("latin1").startsWith("HTTP/")) {
    return problem("link.not-mqtt", "a web server answers there, no MQTT broker");
  }
  // A TLS alert record (RFC 8446 §5.1).
  if (first[0] === 0x15 && first[1] === 0x03) {
    return problem("link.needs-tls", "this port wants TLS, and was spoken to in clear");
  }
  return problem("link.not-mqtt", "what answers there does not speak MQTT");
}

function systemProblem(
  name: string,
  { at, host, path }: { at: string; host: string; path: string | undefined },
): LinkProblem | undefined {
  switch (name) {
    case "ENOTFOUND":
      return problem("link.dns", `no address is known for the name ${host}`);
    case "EAI_AGAIN":
      return problem("link.dns", `the name server did not answer for ${host}`);
    case "ECONNREFUSED":
      return problem("link.refused", `nothing listens at ${at}`);
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ENETDOWN":
    case "EADDRNOTAVAIL":
    case "EHOSTDOWN":
      return problem("link.unreachable", `there is no way to ${at} from here (${name})`);
    case "ETIMEDOUT":
      return problem("link.timeout", `no answer from ${at}`);
    case "ECONNRESET":
    case "EPIPE":
      return problem("link.closed", "the connection was cut from the other end");
    case "EMSGSIZE":
      return problem("link.not-mqtt", `${at} sends a packet without end`);
    case "ENOENT":
    case "EACCES":
    case "EISDIR":
      return problem("link.files", `${path ?? "a file of the broker"}: cannot be read (${name})`);
    default:
      return undefined;
  }
}

/** The CONNACK's return code (MQTT 3.1.1 table 3.1). */
function signIn(code: number, message: string): LinkProblem {
  switch (code) {
    case 1:
      return problem("link.protocol", "the broker does not speak MQTT 3.1.1");
    case 2:
      return problem("link.client-id", "the broker refuses the unit's client id");
    case 3:
      return problem("link.busy", "the broker takes no further connections of this unit now");
    case 4:
    case 5:
      return problem(
        "link.login",
        "the broker does not accept the unit's sign-in (not authorised)",
      );
    default:
      return problem("link.closed", message);
  }
}

const tlsCodes: readonly (readonly [RegExp, ProblemCode])[] = [
  [/^CERT_HAS_EXPIRED/, "link.certificate-expired"],
  [/^CERT_NOT_YET_VALID/, "link.certificate-not-yet"],
  [/ALTNAME_INVALID/, "link.host-name"],
  [
    /^ERR_SSL_.*ALERT_(CERTIFICATE|BAD_CERT|UNSUPPORTED_CERT|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAIL|NO_CERT)/,
    "link.client-certificate",
  ],
  [
    /ISSUER_CERT|SELF_SIGNED|VERIFY_LEAF|CERT_(UNTRUSTED|REJECTED|SIGNATURE_FAILURE|CHAIN)|INVALID_CA|INVALID_PURPOSE/,
    "link.ca",
  ],
  [/UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|VERSION_TOO_LOW/, "link.tls-version"],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|RECORD_LAYER/, "link.no-tls"],
  [/^ERR_OSSL_|PASSPHRASE|KEY_VALUES_MISMATCH|NO_START_LINE|BAD_BASE64/, "link.files"],
  [/^ERR_SSL|^EPROTO|^CERT_|^ERR_TLS/, "link.tls"],
];

function tlsCode(name: string, message: string): ProblemCode | undefined {
  const known = tlsCodes.find(([pattern]) => pattern.test(name));
  if (known !== undefined) return known[1];
  return /key values mismatch/i.test(message) ? "link.files" : undefined;
}

function tlsSentence(code: ProblemCode, message: string): string {
  // Without what OpenSSL names its routines, and without what is of use to those who run Node by hand.
  const detail = message
    .replace(/^.*?:SSL routines:/s, "")
    .replace(/; if the root CA.*$/s, "")
    .trim()
    .replace(/:\S*$/s, "");
  switch (code) {
    case "link.ca":
      return `the broker's certificate is signed by nobody who is trusted here (${detail})`;
    case "link.certificate-expired":
      return "the broker's certificate has expired";
    case "link.certificate-not-yet":
      return "the broker's certificate is not valid yet by the unit's clock";
    case "link.client-certificate":
      return `the broker refuses the connection for want of a client certificate that it trusts (${detail})`;
    case "link.no-tls":
      return "the port answers without TLS";
    case "link.files": {
      const locked = /decrypt|passphrase/i.test(message);
      const hint = locked ? "; the key has to be one without a passphrase" : "";
      return `the files under tls cannot be used (${detail})${hint}`;
    }
    default:
      return message;
  }
}
