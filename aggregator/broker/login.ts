import { createHash } from "node:crypto";
import {
  compareBytes,
  decodeMessage,
  type Frame,
  isId,
  keyId,
  type Login,
  openFrame,
  type Refusal,
  type Verify,
  verifyEnvelope,
} from "@busbar/protocol";
import type { Identity, Registry } from "../ledger/registry.ts";
import type { BrokerCode } from "./codes.ts";
import type { BrokerLimits } from "./limits.ts";
import type { SpentTokens } from "./spent-tokens.ts";

/** What a CONNECT packet says about its sender. */
export type LoginAttempt = {
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly client: string;
};

/** What a login is checked against. `broker` is this member's id; `now` is wall-clock ms. */
export type LoginGrounds = {
  readonly broker: string;
  readonly chain: string;
  readonly registry: Registry;
  readonly verify: Verify;
  readonly spent: SpentTokens;
  readonly limits: Pick<BrokerLimits, "loginLifeMsMax" | "loginClockMs">;
  readonly now: number;
};

export type LoginRefusal = Refusal & { readonly code: BrokerCode };

/** First byte of a frame: a CBOR array of two. No base64url character has this value. */
const frameStart = 0x82;

/** What may follow `<identity>:` in a client id. */
const label = /^[a-z0-9-]{1,31}$/;

/**
 * Who is logging in; codes `login.*`, in this order: missing, unknown-identity, client-id, malformed,
 * kind, wrong-key, signature, identity, client, broker, too-long, not-yet, expired, replayed.
 */
export function checkLogin(
  { username, password, client }: LoginAttempt,
  grounds: LoginGrounds,
): { readonly ok: true; readonly identity: Identity } | LoginRefusal {
  if (username === undefined || password === undefined) {
    return refuse("login.missing", "expected the identity as user name, a login token as password");
  }
  const identity = isId(username) ? grounds.registry.byId(username) : undefined;
  if (identity === undefined) {
    return refuse(
      "login.unknown-identity",
      `the ledger knows no ${short(username)}; a member admits it first`,
    );
  }
  if (!isClientIdOf(identity.id, client)) {
    return refuse(
      "login.client-id",
      `expected client id ${identity.id} or ${identity.id}:<label>, got ${short(client)}`,
    );
  }
  const opened = openToken(password);
  if (!opened.ok) return opened;
  const checked = checkToken(opened.frame, identity, grounds);
  if (!checked.ok) return checked;
  const refusal =
    checkBinding(checked.login, identity, client, grounds) ?? checkTime(checked.login, grounds);
  if (refusal !== undefined) return refusal;

  const token = createHash("sha256").update(opened.frame.bytes).digest("base64url");
  const keepUntil = checked.login.until + grounds.limits.loginClockMs;
  if (!grounds.spent.spend(token, keepUntil, grounds.now)) {
    return refuse("login.replayed", "this token was used; make a fresh one for each connection");
  }
  return { ok: true, identity };
}

/** `id`, or `id:label` for a second connection of the same identity. */
export function isClientIdOf(id: string, client: string): boolean {
  return client === id || (client.startsWith(`${id}:`) && label.test(client.slice(id.length + 1)));
}

function openToken(password: Uint8Array): { ok: true; frame: Frame } | LoginRefusal {
  const bytes =
    password[0] === frameStart
      ? new Uint8Array(password)
      : new Uint8Array(Buffer.from(Buffer.from(password).toString("latin1"), "base64url"));
  const opened = openFrame(bytes);
  if (!opened.ok) return refuse("login.malformed", `${opened.code}: ${opened.message}`);
  return opened;
}

function checkToken(
  { kind, envelope }: Frame,
  identity: Identity,
  { chain, verify }: LoginGrounds,
): { ok: true; login: Login } | LoginRefusal {
  if (kind !== "login") return refuse("login.kind", `expected a login token, got a ${kind}`);
  if (compareBytes(envelope.kid, keyId(identity.key)) !== 0) {
    return refuse("login.wrong-key", `the token names another key than ${identity.id}'s`);
  }
  if (!verifyEnvelope(envelope, { chain, kind }, identity.key, verify)) {
    return refuse("login.signature", `not signed by ${identity.id} for chain ${chain}`);
  }
  const decoded = decodeMessage("login", envelope.payload);
  if (!decoded.ok) return refuse("login.malformed", `${decoded.code}: ${decoded.message}`);
  return { ok: true, login: decoded.message };
}

function checkBinding(
  login: Login,
  identity: Identity,
  client: string,
  { broker, chain }: LoginGrounds,
): LoginRefusal | undefined {
  if (login.identity !== identity.id) {
    return refuse("login.identity", `a token of ${login.identity} for user ${identity.id}`);
  }
  if (login.client !== client) {
    return refuse("login.client", `a token for client ${short(login.client)}, not ${client}`);
  }
  // A client that does not know the member behind an address names the chain instead.
  if (login.broker !== broker && login.broker !== chain) {
    return refuse("login.broker", `a token for broker ${login.broker}, this is ${broker}`);
  }
  return undefined;
}

function checkTime(login: Login, { now, limits }: LoginGrounds): LoginRefusal | undefined {
  const life = login.until - login.at;
  if (life > limits.loginLifeMsMax) {
    return refuse(
      "login.too-long",
      `valid for ${life} ms; at most ${limits.loginLifeMsMax} are taken`,
    );
  }
  if (login.at > now + limits.loginClockMs) {
    return refuse(
      "login.not-yet",
      `made ${login.at - now} ms from now; set the client's clock (here it is ${now})`,
    );
  }
  if (login.until < now - limits.loginClockMs) {
    return refuse(
      "login.expired",
      `over for ${now - login.until} ms; make a fresh one, set the clock (here it is ${now})`,
    );
  }
  return undefined;
}

function short(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}

function refuse(code: BrokerCode, message: string): LoginRefusal {
  return { ok: false, code, message };
}
