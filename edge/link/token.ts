import { readFileSync } from "node:fs";
import { type Signer, sealFrame, utcMs } from "@busbar/protocol";
import type { BrokerConfig } from "../config/schema.ts";

/** How long a login token holds; brokers accept no longer one. */
const tokenMs = 60_000;

/** Who signs in where. `broker` is the member that runs the broker, or the chain's id. */
export type TokenRequest = {
  readonly chain: string;
  readonly identity: string;
  readonly client: string;
  readonly broker: string;
  readonly signer: Signer;
  /** Wall clock, also on a simulated site. */
  readonly now: number;
};

/** An MQTT password: a signed login, as base64url text. Made anew for each connection attempt. */
export function loginToken({ chain, identity, client, broker, signer, now }: TokenRequest): string {
  const login = { identity, client, broker, at: utcMs(now), until: now + tokenMs };
  return Buffer.from(sealFrame("login", login, { chain, signer })).toString("base64url");
}

/**
 * What a unit shows a broker: the password that it has for this one, read at each attempt, or else a
 * token. Throws: an error of the system where the file cannot be read.
 */
export function brokerPassword(
  { id, passwordFile }: Pick<BrokerConfig, "id" | "passwordFile">,
  request: Omit<TokenRequest, "broker" | "now">,
): string {
  if (passwordFile === undefined) {
    return loginToken({ ...request, broker: id ?? request.chain, now: Date.now() });
  }
  return readFileSync(passwordFile, "utf8").split(/\r?\n/)[0] ?? "";
}
