import { sealSignIn } from "@busbar/protocol";
import type { meAnswer } from "../access/routes.ts";
import type { Of } from "../shape.ts";
import { fromBase64url, type PageKey, pageKey, toBase64url } from "./key.ts";
import { endOthersPushes, endPushes } from "./push.ts";
import { forgetOpened } from "./quoting.ts";
import { post, Refused, read, remove, token } from "./request.ts";
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

/** Follows a one-time link. Whoever was signed in before is not any more, and its key is forgotten. Throws: `Refused`. */
export async function followLink(link: string): Promise<void> {
  pageKey.set(undefined);
  became(await post<Me>("sessions", { link }));
}

/**
 * Ends the session, and takes out of this browser what is its owner's: the key, what was quoted, pushes and what they
 * show. Kept are quotes that are sealed still, which nobody else is shown and the page opens when their gate has closed,
 * and keys that a passkey locks. Throws: `Refused` where the portal did not end the session.
 */
export async function signOut(): Promise<void> {
  pageKey.set(undefined);
  forgetOpened();
  // A push service that cannot be reached keeps nobody signed in.
  await endPushes().catch(() => undefined);
  await remove("sessions").catch((error: unknown) => {
    // One that had ended before is what was asked for.
    if (!(error instanceof Refused) || error.status !== 401) throw error;
  });
  token.csrf = null;
  await askWho();
}

function became(now: Me): void {
  // A session that ended, or another person's, leaves no key behind.
  if (me.value !== undefined && me.value.id !== now.id) pageKey.set(undefined);
  if (now.id !== null) void endOthersPushes(now.id).catch(() => undefined);
  token.csrf = now.csrf;
  me.set(now);
}
