import { sealSignIn } from "@busbar/protocol";
import type { FastifyInstance, LightMyRequestResponse } from "fastify";
import { signerOfName } from "./portal-site.ts";

/** Who asks a portal without a socket: the cookie and the token of its session. */
export type Client = { readonly cookie: string; readonly csrf: string };

export const origin = "http://localhost:80";

type Ask = {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly url: string;
  readonly client?: Client | undefined;
  readonly payload?: object | string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
};

/** One request, as the page makes it. */
export function ask(
  app: FastifyInstance,
  { method = "GET", url, client, payload, headers = {} }: Ask,
): Promise<LightMyRequestResponse> {
  const session = client && { cookie: client.cookie, "x-busbar-csrf": client.csrf };
  return app.inject({
    method,
    url,
    headers: { host: "localhost:80", ...session, ...headers },
    ...(payload === undefined ? {} : { payload }),
  });
}

/** What `name` answers to a challenge that it has just been given. */
export async function answerOf(
  app: FastifyInstance,
  name: string,
  { at = origin, chain }: { readonly at?: string; readonly chain?: string } = {},
): Promise<string> {
  const asked = (await ask(app, { method: "POST", url: "/api/challenges" })).json();
  const answer = sealSignIn(
    { challenge: new Uint8Array(Buffer.from(asked.challenge, "base64url")), origin: at },
    { chain: chain ?? asked.chain, signer: signerOfName(name) },
  );
  return Buffer.from(answer).toString("base64url");
}

/** Signs in by key, as the page does. */
export async function signInAs(app: FastifyInstance, name: string): Promise<Client> {
  const answer = await answerOf(app, name);
  const response = await ask(app, { method: "POST", url: "/api/sessions", payload: { answer } });
  if (response.statusCode !== 200) throw new Error(`${name} is not signed in: ${response.body}`);
  const cookie = String(response.headers["set-cookie"]).split(";")[0] ?? "";
  return { cookie, csrf: response.json().csrf };
}
