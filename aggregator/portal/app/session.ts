import { sealSignIn } from "@busbar/protocol";
import type { meAnswer } from "../access/routes.ts";
import type { Of } from "../shape.ts";
import { fromBase64url, type PageKey, pageKey, toBase64url } from "./key.ts";
import { post, read, remove, token } from "./request.ts";
import { Watched } from "./store.ts";

export type Me = Of<typeof meAnswer>;

/** Who is signed in; undefined until the portal has said so. */
export const me = new Watched<Me | undefined>(undefined);

export async function askWho(): Promise<void> {
  became(await read<Me>("me"));
}

/** Signs the portal's challenge with a key. Throws: `Refused`. */
export async function signIn(key: PageKey): Promise<void> {
  const { challenge, chain } = await post<{ challenge: string; chain: string }>("challenges");
  const answer = sealSignIn(
    { challenge: fromBase64url(challenge), origin: location.origin },
    { chain, signer: key.signer },
  );
  became(await post<Me>("sessions", { answer: toBase64url(answer) }));
  pageKey.set(key);
}

/** Follows a one-time link. Throws: `Refused`. */
export async function followLink(link: string): Promise<void> {
  became(await post<Me>("sessions", { link }));
}

export async function signOut(): Promise<void> {
  pageKey.set(undefined);
  await remove("sessions");
  token.csrf = null;
  await askWho();
}

function became(now: Me): void {
  token.csrf = now.csrf;
  me.set(now);
}
