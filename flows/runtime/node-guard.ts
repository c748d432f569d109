import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { bcrypt } from "./node-red.ts";

/** Stands before the pages and endpoints that flows make. */
export type NodeGuard = (
  request: IncomingMessage,
  response: ServerResponse,
  next: () => void,
) => void;

/** Lets everybody in who reaches the port. */
export const openGuard: NodeGuard = (_request, _response, next) => next();

/** Passwords that are compared at a time: each takes a tenth of a second, and anybody may ask. */
const comparingMax = 4;

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
  return (request, response, next) => {
    const given = basicOf(request.headers.authorization);
    if (given === undefined || given.user !== user) return askForPassword(response);
    if (comparing >= comparingMax)
      return void response.writeHead(429, { "retry-after": "1" }).end();
    isRight(given.password).then(
      (fits) => (fits ? next() : askForPassword(response)),
      () => response.writeHead(500).end(),
    );
  };
}

function askForPassword(response: ServerResponse): void {
  const challenge = 'Basic realm="Busbar flows", charset="UTF-8"';
  response.writeHead(401, { "www-authenticate": challenge }).end();
}

/** User and password of an Authorization header (RFC 7617); undefined for any other. */
function basicOf(header: string | undefined): { user: string; password: string } | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/]+={0,2})$/.exec(header ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
