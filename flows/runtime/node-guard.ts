import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { type Denial, foreignSender } from "./foreign-sender.ts";
import { bcrypt } from "./node-red.ts";

/** Stands before the pages, endpoints and sockets that flows make; undefined lets in. */
export type NodeGuard = (request: IncomingMessage) => Promise<Denial | undefined>;

/** Lets everybody in who reaches the port; a browser may be on its way for a page elsewhere, and is not. */
export const openGuard: NodeGuard = async (request) => foreignSender(request);

/** Passwords that are compared at a time: each takes a tenth of a second, and anybody may ask. */
const comparingMax = 4;

const askForPassword: Denial = {
  status: 401,
  headers: { "www-authenticate": 'Basic realm="Busbar flows", charset="UTF-8"' },
};
const busy: Denial = { status: 429, headers: { "retry-after": "1" } };

/** Wrong passwords that an address may send in `attemptsMs`. */
const attemptsMax = 10;
const attemptsMs = 600_000;
/** Addresses whose wrong passwords are counted. */
const addressesMax = 1_000;

/** Whom wrong passwords are told, and a clock, monotonic ms. */
export type PasswordGuardOptions = {
  onWrong?(wrong: { readonly ip: string; readonly user: string; readonly blocked: boolean }): void;
  readonly now?: () => number;
};

/**
 * Asks for the admin's password (HTTP Basic). One that was right is not compared again, and comes in
 * whoever else tries; an address that was wrong ten times waits. Flows do not get to see it.
 */
export function passwordGuard(
  user: string,
  passwordHash: string,
  { onWrong, now = () => performance.now() }: PasswordGuardOptions = {},
): NodeGuard {
  let right: Buffer | undefined;
  let comparing = 0;
  const wrong = new Map<string, { count: number; until: number }>();
  const compare = async (password: string, digest: Buffer): Promise<boolean> => {
    comparing += 1;
    try {
      const fits = await bcrypt().compare(password, passwordHash);
      if (fits) right = digest;
      return fits;
    } finally {
      comparing -= 1;
    }
  };
  const countWrong = (ip: string, given: string) => {
    const known = wrong.get(ip);
    const count = known !== undefined && known.until > now() ? known.count + 1 : 1;
    wrong.delete(ip);
    wrong.set(ip, { count, until: now() + attemptsMs });
    for (const oldest of wrong.keys()) {
      if (wrong.size <= addressesMax) break;
      wrong.delete(oldest);
    }
    onWrong?.({ ip, user: given.slice(0, 64), blocked: count >= attemptsMax });
  };
  return async (request) => {
    const refused = foreignSender(request);
    if (refused !== undefined) return refused;
    const given = basicOf(request.headers.authorization);
    hideHeader(request, "authorization");
    if (given === undefined) return askForPassword;
    const digest = createHash("sha256").update(given.password).digest();
    const isUser = given.user === user;
    if (isUser && right !== undefined && timingSafeEqual(digest, right)) return undefined;
    const ip = request.socket?.remoteAddress ?? "";
    const known = wrong.get(ip);
    if (known !== undefined && known.until > now() && known.count >= attemptsMax) {
      const seconds = Math.ceil((known.until - now()) / 1_000);
      return { status: 429, headers: { "retry-after": String(seconds) } };
    }
    if (comparing >= comparingMax) return busy;
    if (isUser && (await compare(given.password, digest))) return undefined;
    countWrong(ip, given.user);
    return askForPassword;
  };
}

/** Takes a header out of a request, as it came and as it was parsed. */
function hideHeader({ headers, rawHeaders }: IncomingMessage, name: string): void {
  delete headers[name];
  for (let i = rawHeaders.length - 2; i >= 0; i -= 2) {
    if (rawHeaders[i]?.toLowerCase() === name) rawHeaders.splice(i, 2);
  }
}

/** User and password of an Authorization header (RFC 7617); undefined for any other. */
function basicOf(header: string | undefined): { user: string; password: string } | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/]+={0,2})$/.exec(header ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
