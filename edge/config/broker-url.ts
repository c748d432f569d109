import { nearest } from "@busbar/protocol";

/** How a broker is reached; the only schemes there are. */
export const schemes = ["mqtt", "mqtts", "ws", "wss"] as const;
export type Scheme = (typeof schemes)[number];

const portOf: Readonly<Record<Scheme, number>> = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 };

/** A checked broker address. */
export type BrokerAddress = {
  readonly scheme: Scheme;
  /** Without brackets, also for IPv6. */
  readonly host: string;
  readonly port: number;
  readonly path: string;
};

type Wanted = {
  readonly url: string;
  readonly allowPlainText: boolean;
  readonly tls?: { readonly fingerprint?: string | undefined } | undefined;
};

/** SHA-256 of a certificate as `openssl x509 -fingerprint -sha256` or a browser shows it. */
export const fingerprintPattern = /^sha256:(?:[0-9a-f]{2}:?){31}[0-9a-f]{2}$/i;

/** A fingerprint without what people write it with: 64 hexadecimal digits. */
export function fingerprintOf(text: string): string {
  return text
    .replace(/^sha256:/i, "")
    .replaceAll(":", "")
    .toLowerCase();
}

/**
 * What is wrong with a broker's address, if anything. mqtt.js takes an unknown scheme for plain
 * `mqtt`, so one letter too few would send everything in clear: the check is ours.
 */
export function brokerProblem({ url, allowPlainText, tls }: Wanted): string | undefined {
  if (!URL.canParse(url)) return "expected a URL like mqtts://broker.example:8883";
  const parsed = new URL(url);
  const scheme = parsed.protocol.replace(/:$/, "");
  if (!isScheme(scheme)) {
    const near = nearest(scheme, schemes);
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    return `expected one of ${schemes.join(", ")} before "://"${hint}`;
  }
  if (parsed.hostname === "") return "expected a host after the scheme";
  if (parsed.username !== "" || parsed.password !== "" || parsed.search !== "") {
    return "expected no user, password or query: the unit signs in with its key";
  }
  const plain = scheme === "mqtt" || scheme === "ws";
  if (plain && tls !== undefined) return `expected mqtts or wss where tls is set, not ${scheme}`;
  if (scheme === "wss" && tls?.fingerprint !== undefined) {
    return "expected mqtts where tls.fingerprint is set; for wss name the certificate under tls.ca";
  }
  if (plain && !allowPlainText && !isLoopback(bare(parsed.hostname))) {
    return `expected mqtts or wss to another machine, or allowPlainText: true`;
  }
  return undefined;
}

/** The parts of an address that `brokerProblem` found good. */
export function brokerAddress(url: string): BrokerAddress {
  const parsed = new URL(url);
  const scheme = parsed.protocol.replace(/:$/, "");
  if (!isScheme(scheme)) throw new RangeError(`no broker address: ${url}`);
  const port = parsed.port === "" ? portOf[scheme] : Number(parsed.port);
  return { scheme, host: bare(parsed.hostname), port, path: parsed.pathname || "/" };
}

/** Whether a host is this machine by its name alone. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

function isScheme(text: string): text is Scheme {
  return schemes.some((scheme) => scheme === text);
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}
