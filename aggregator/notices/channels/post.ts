import { lookup } from "node:dns";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { Failure } from "@busbar/protocol";

/** A receiver that does not answer holds up a lane for no longer than this. */
const answerMsMax = 10_000;
/** Of an answer nothing is read; so much may have come before the connection is cut. */
const answerBytesMax = 64 * 1024;

/** An HTTP POST; `allowPrivate`: whether it may go to addresses of this machine's own networks. */
export type Post = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  readonly allowPrivate: boolean;
};

/** What was answered; `retryAfterMs` where the receiver said when to come again. */
export type Posted = { readonly status: number; readonly retryAfterMs: number | undefined };

export type Poster = (post: Post) => Promise<Posted>;

/** Addresses that only a machine itself, or its own network, knows (RFC 6890, RFC 4193, RFC 4291). */
const privateNets = new BlockList();
for (const [net, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
] as const) {
  privateNets.addSubnet(net, bits, "ipv4");
}
for (const [net, bits] of [
  ["::", 96],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  // Addresses of IPv4 inside: Teredo and 6to4 (RFC 4380, RFC 3056).
  ["2001::", 32],
  ["2002::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
] as const) {
  privateNets.addSubnet(net, bits, "ipv6");
}

/** Whether an address is of a kind that owners' receivers must not have. */
export function isPrivateAddress(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  const family = isIP(mapped ?? address);
  return family === 0 || privateNets.check(mapped ?? address, family === 6 ? "ipv6" : "ipv4");
}

/**
 * Posts once; a redirect is an answer like any other, for it could lead a notice to where its owner
 * never sent it. The name is looked up here and the answer checked, so that an owner cannot have the
 * member knock at its own network.
 * Throws: `Failure` `notice.unreachable`, `notice.private-address`.
 */
export const post: Poster = ({ url, headers, body, allowPrivate }) => {
  const { protocol, hostname } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  if (!allowPrivate && isIP(host) !== 0 && isPrivateAddress(host))
    return Promise.reject(inside(url, "never"));
  const request = protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: "POST",
        headers: { ...headers, "content-length": String(Buffer.byteLength(body)) },
        // A receiver that was away for a while must not be asked on a connection of before.
        agent: false,
        signal: AbortSignal.timeout(answerMsMax),
        ...(allowPrivate ? {} : { lookup: guardedLookup(url) }),
      },
      (response) => {
        const { statusCode = 0, headers: answered } = response;
        let bytes = 0;
        response.on("data", (part: Buffer) => {
          bytes += part.length;
          if (bytes > answerBytesMax) response.destroy();
        });
        response.on("error", () => undefined);
        resolve({ status: statusCode, retryAfterMs: retryAfter(answered["retry-after"]) });
      },
    );
    sent.on("error", (cause) => reject(cause instanceof Failure ? cause : unreachable(url, cause)));
    sent.end(body);
  });
};

function guardedLookup(url: string): LookupFunction {
  return (hostname, options, done) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return done(error, "", 0);
      const good = addresses.filter(({ address }) => !isPrivateAddress(address));
      const [first] = good;
      // For a moment a name may say anything: it is asked again.
      if (first === undefined) return done(inside(url, "later"), "", 0);
      if (options.all === true) return done(null, good);
      return done(null, first.address, first.family);
    });
  };
}

/** RFC 9110 §10.2.3 in seconds; a date is not worth a parser here. A day at most. */
function retryAfter(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,6}$/.test(text)) return undefined;
  return Math.min(Number(text), 86_400) * 1000;
}

function inside(url: string, retry: "later" | "never"): Failure {
  const message = `${hostOf(url)} is an address of this machine's own networks; notices.privateAddresses: true allows it`;
  return new Failure("notice.private-address", message, { retry });
}

function unreachable(url: string, cause: Error): Failure {
  const why = (cause as NodeJS.ErrnoException).code ?? cause.message;
  return new Failure("notice.unreachable", `${hostOf(url)} did not answer (${why})`, {
    retry: "later",
    cause,
  });
}

/** Paths and queries of a receiver's address may be its secret: logs name the host alone. */
export function hostOf(url: string): string {
  return new URL(url).host;
}

/**
 * What an answer means: 2xx delivered, 410 (and what else `gone` names) never again, anything else may get
 * better. The failure's cause says where the receiver asked to be left alone for a while: `{ waitMs }`.
 * Throws: `Failure` `notice.refused`.
 */
export function checkAnswer(
  url: string,
  { status, retryAfterMs }: Posted,
  gone: readonly number[] = [410],
): void {
  if (status >= 200 && status < 300) return;
  throw new Failure("notice.refused", `${hostOf(url)} answered ${status}`, {
    retry: gone.includes(status) ? "never" : "later",
    ...(retryAfterMs === undefined ? {} : { cause: { waitMs: retryAfterMs } }),
  });
}
