import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { bcrypt } from "./node-red.ts";

/** What somebody gets who may not come in. */
export type Denial = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};

/** Stands before the pages, endpoints and sockets that flows make; undefined lets in. */
export type NodeGuard = (request: IncomingMessage) => Promise<Denial | undefined>;

/** Lets everybody in who reaches the port. */
export const openGuard: NodeGuard = async () => undefined;

/** Passwords that are compared at a time: each takes a tenth of a second, and anybody may ask. */
const comparingMax = 4;

const askForPassword: Denial = {
  status: 401,
  headers: { "www-authenticate": 'Basic realm="Busbar flows", charset="UTF-8"' },
};
const busy: Denial = { status: 429, headers: { "retry-after": "1" } };

/** Asks for the admin's password (HTTP Basic). One that was right is not compared again. */
export function passwordGuard(user: string, passwordHash: string): NodeGuard {
  let right: Buffer | undefined;
  let comparing = 0;
  const isRight = async (password: string): Promise<boolean> => {
    const digest = createHash("sha256").update(password).digest();
    if (right !== undefined && timingSafeEqual(digest, right)) return true;
    comparing += 1;
    try {
      const fits = await bcrypt().compare(password, passwordHash);
      if (fits) right = digest;
      return fits;
    } finally {
      comparing -= 1;
    }
  };
  return async (request) => {
    const given = basicOf(request.headers.authorization);
    if (given === undefined || given.user !== user) return askForPassword;
    if (comparing >= comparingMax) return busy;
    return (await isRight(given.password)) ? undefined : askForPassword;
  };
}

/** User and password of an Authorization header (RFC 7617); undefined for any other. */
function basicOf(header: string | undefined): { user: string; password: string } | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/]+={0,2})$/.exec(header ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
