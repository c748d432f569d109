import { type Signer, sealFrame, utcMs } from "@busbar/protocol";

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
