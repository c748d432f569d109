import { fromBase64url, keyOfSeed, type PageKey, toBase64url } from "./key.ts";
import { t } from "./language.ts";
import { Watched } from "./store.ts";
import { hasFields, recallAll, remember } from "./stored.ts";

/**
 * A key that this browser keeps locked. A passkey opens it and is nothing more: its PRF (WebAuthn Level 3 §10.1.4) gives,
 * after a touch and a PIN or finger, a secret that only the authenticator can make; the key is encrypted with that. The
 * ledger and the portal know the key alone, and hear nothing of the passkey.
 */
export type Locked = {
  readonly chain: string;
  readonly id: string;
  /** Of the passkey, base64url, as the other bytes. */
  readonly credential: string;
  readonly salt: string;
  readonly nonce: string;
  readonly box: string;
};

const place = "busbar-locked-keys";
const most = 10;

/** What this browser keeps. */
export const lockedKeys = new Watched(recallAll(place, isLocked));

/** Why there can be no passkey here; undefined where there can. */
export function noPasskeys(): string | undefined {
  if (globalThis.isSecureContext !== true || !("PublicKeyCredential" in globalThis)) {
    return t("This browser has no passkeys here: they need https, or localhost.");
  }
  if (/^[\d.]+$|^\[/.test(location.hostname)) {
    const at = `${location.protocol}//localhost${location.port === "" ? "" : `:${location.port}`}`;
    return t("A passkey belongs to a name, and this address is a number: open {at} instead.", {
      at,
    });
  }
  return undefined;
}

/** Makes a passkey, and locks a key with it. Throws: `Error` in words for people. */
export async function lock(
  key: PageKey,
  about: { readonly chain: string; readonly id: string },
): Promise<void> {
  const { chain, id } = about;
  const created = (await asked(() =>
    navigator.credentials.create({
      publicKey: {
        // Nobody is asked to believe the answer: whoever opens the key signs with that.
        challenge: random(32),
        rp: { name: "Busbar" },
        user: { id: random(16), name: `${id}, ${chain}`, displayName: id },
        pubKeyCredParams: [-8, -7, -257].map((alg) => ({ type: "public-key", alg })),
        authenticatorSelection: { residentKey: "preferred", userVerification: "required" },
        extensions: { prf: {} },
      },
    }),
  )) as PublicKeyCredential;
  if (created.getClientExtensionResults().prf?.enabled !== true) {
    throw new Error(
      t("This passkey makes no secrets (PRF), so it can lock nothing: take another one."),
    );
  }
  const credential = toBase64url(new Uint8Array(created.rawId));
  const salt = toBase64url(random(32));
  const nonce = toBase64url(random(12));
  const wrapping = await wrappingKey({ credential, salt, chain });
  const sealed = await crypto.subtle.encrypt(
    algorithm(nonce, about),
    wrapping,
    key.seed as Uint8Array<ArrayBuffer>,
  );
  const box = toBase64url(new Uint8Array(sealed));
  const others = lockedKeys.value.filter((one) => one.chain !== chain || one.id !== id);
  keep([{ chain, id, credential, salt, nonce, box }, ...others].slice(0, most));
}

/** Opens a locked key with its passkey. Throws: `Error` in words for people. */
export async function unlock(locked: Locked): Promise<PageKey> {
  const wrapping = await wrappingKey(locked);
  const box = bytes(locked.box);
  let seed: ArrayBuffer;
  try {
    seed = await crypto.subtle.decrypt(algorithm(locked.nonce, locked), wrapping, box);
  } catch {
    throw new Error(t("This passkey does not open the key: it was locked with another one."));
  }
  return keyOfSeed(new Uint8Array(seed), t("passkey"));
}

/** Takes a locked key out of this browser; the passkey itself stays with the authenticator. */
export function forget(locked: Locked): void {
  keep(lockedKeys.value.filter((one) => one !== locked));
}

/** AES-256-GCM, bound to whose key it is. */
function algorithm(nonce: string, { chain, id }: Pick<Locked, "chain" | "id">): AesGcmParams {
  const additionalData = new TextEncoder().encode(`busbar key ${chain} ${id}`);
  return { name: "AES-GCM", iv: bytes(nonce), additionalData };
}

async function wrappingKey({
  credential,
  salt,
  chain,
}: Pick<Locked, "credential" | "salt" | "chain">): Promise<CryptoKey> {
  const found = (await asked(() =>
    navigator.credentials.get({
      publicKey: {
        challenge: random(32),
        allowCredentials: [{ type: "public-key", id: bytes(credential) }],
        userVerification: "required",
        extensions: { prf: { eval: { first: bytes(salt) } } },
      },
    }),
  )) as PublicKeyCredential;
  const secret = found.getClientExtensionResults().prf?.results?.first;
  if (secret === undefined) {
    throw new Error(
      t("This passkey makes no secrets (PRF), so it can lock nothing: take another one."),
    );
  }
  const base = await crypto.subtle.importKey("raw", secret as BufferSource, "HKDF", false, [
    "deriveKey",
  ]);
  const info = new TextEncoder().encode(`busbar locked key ${chain}`);
  return crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(32), info },
    base,
    { name: "AES-GCM", length: 256 },
    false,
    ["encrypt", "decrypt"],
  );
}

/** A browser says in `DOMException`s what its user did. */
async function asked(ask: () => Promise<Credential | null>): Promise<Credential> {
  try {
    const found = await ask();
    if (found !== null) return found;
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    if (error.name !== "NotAllowedError") throw new Error(`${error.name}: ${error.message}`);
  }
  throw new Error(t("The passkey was not used: it was refused, or nobody answered in time."));
}

function keep(all: readonly Locked[]): void {
  if (!remember(place, all)) throw new Error(t("This browser keeps nothing for this page."));
  lockedKeys.set(all);
}

function isLocked(one: unknown): one is Locked {
  const text = "string";
  const fields = { chain: text, id: text, credential: text, salt: text, nonce: text, box: text };
  return hasFields(one, fields as Readonly<Record<keyof Locked, "string">>);
}

const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const bytes = (text: string) => fromBase64url(text) as Uint8Array<ArrayBuffer>;
