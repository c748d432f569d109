import type { IncomingMessage } from "node:http";

/** What somebody gets who may not come in. */
export type Denial = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};

/** A page elsewhere, on another port of the host too, makes a browser send the cookie or the password: it may look at
 * nothing that it gets, and send nothing that changes anything. */
export function foreignSender(request: IncomingMessage): Denial | undefined {
  const { method = "GET", headers } = request;
  const isUpgrade = headers.upgrade !== undefined;
  if (!isUpgrade && ["GET", "HEAD", "OPTIONS"].includes(method)) return undefined;
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site === "same-origin" || site === "none" ? undefined : foreign;
  const { origin, host } = headers;
  if (origin === undefined) return undefined;
  return URL.canParse(origin) && new URL(origin).host === host ? undefined : foreign;
}

const foreign: Denial = { status: 403, body: "only this editor's own page may send this" };
