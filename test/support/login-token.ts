import { type Login, type Signer, sealFrame, utcMs } from "@busbar/protocol";

/** What a token says, with the usual where nothing else is asked for. */
export type TokenWish = Partial<Login> & {
  readonly identity: string;
  readonly signer: Signer;
  readonly chain: string;
};

/** A login token as a client makes it: valid for a minute from `at` (wall-clock ms, now by default). */
export function loginToken({ signer, chain, ...wish }: TokenWish): Uint8Array {
  const at = wish.at ?? utcMs(Date.now());
  const login: Login = {
    client: wish.identity,
    broker: chain,
    until: at + 60_000,
    ...wish,
    at,
  };
  return sealFrame("login", login, { chain, signer });
}

/** The same as text, for clients that take a password on their command line. */
export function loginText(wish: TokenWish): string {
  return Buffer.from(loginToken(wish)).toString("base64url");
}
