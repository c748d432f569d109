import { sealSignIn } from "@busbar/protocol";
import { readKeyFile, signerOf } from "@busbar/protocol/node";
import type { Part } from "./cast.ts";
import type { Home } from "./home.ts";

/** An owner as whom people look around: by a link that works once, or by the key file as often as they like. */
export type DemoOwner = { readonly owner: string; readonly link: string; readonly key: string };

const answerMsMax = 5_000;

/** Signs in at the portal with the owner's key and has a link made; undefined while nobody answers. */
export async function demoOwner(
  home: Home,
  part: Part,
  portal: string,
): Promise<DemoOwner | undefined> {
  const key = home.ownerKey(part);
  try {
    const { challenge, chain } = await post<{ challenge: string; chain: string }>(
      portal,
      "challenges",
    );
    const signed = sealSignIn(
      { challenge: new Uint8Array(Buffer.from(challenge, "base64url")), origin: portal },
      { chain, signer: signerOf(readKeyFile(key)) },
    );
    const answer = Buffer.from(signed).toString("base64url");
    const { csrf, cookie } = await post<{ csrf: string }>(portal, "sessions", { answer });
    const { link } = await post<{ link: string }>(portal, "links", undefined, {
      cookie,
      "x-busbar-csrf": csrf,
    });
    return { owner: part.owner, link: `${portal}/#/link/${link}`, key };
  } catch {
    // The portal is starting again; the board asks once more with its next look.
    return undefined;
  }
}

async function post<T>(
  portal: string,
  path: string,
  body?: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<T & { readonly cookie: string }> {
  const response = await fetch(`${portal}/api/${path}`, {
    method: "POST",
    headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(answerMsMax),
  });
  if (!response.ok) throw new Error(`/api/${path} answered ${response.status}`);
  const cookie = response.headers.get("set-cookie")?.split(";")[0] ?? "";
  return { ...((await response.json()) as T), cookie };
}
