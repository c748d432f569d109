import { type Signer, sealFrame, utcMs } from "@busbar/protocol";

/** How long a login token is good for; one is made for each attempt, so a minute is plenty. */
const tokenMs = 60_000;

/** Who logs in where. `chain` is the site's id. */
export type LoginAs = {
  readonly chain: string;
  readonly identity: string;
  readonly client: string;
  readonly broker: string;
  readonly signer: Signer;
};

/** A fresh MQTT password: a signed login frame as base64url text. `at` is wall-clock ms. */
export function loginToken(as: LoginAs, at: number): string {
  const { identity, client, broker, chain, signer } = as;
  const message = { identity, client, broker, at: utcMs(at), until: at + tokenMs };
  return Buffer.from(sealFrame("login", message, { chain, signer })).toString("base64url");
}
