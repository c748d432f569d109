import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { isId } from "@busbar/protocol";
import type { Identity, Registry } from "../ledger/registry.ts";
import type { LoginAttempt, LoginRefusal } from "./login.ts";

/**
 * A program that looks on for an owner and cannot sign, such as Home Assistant: it signs in by name
 * and a lasting password, and only ever listens. `passwordSha256`: hex.
 */
export type Viewer = {
  readonly id: string;
  readonly owner: string;
  readonly passwordSha256: string;
};

/** Programs make client ids of their own; none may take the place of an identity's connection. */
const clientId = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * Whether a viewer logs in, as the owner it looks on for; undefined where no viewer has this name.
 * Codes, in this order: client-id, viewer-password, viewer-owner.
 */
export function checkViewer(
  { username, password, client }: LoginAttempt,
  { viewers, registry }: { readonly viewers: readonly Viewer[]; readonly registry: Registry },
): { readonly ok: true; readonly identity: Identity } | LoginRefusal | undefined {
  // Who stands on the ledger under this name is never kept out by a line in a file.
  if (username === undefined || registry.byId(username) !== undefined) return undefined;
  const viewer = viewers.find(({ id }) => id === username);
  if (viewer === undefined) return undefined;
  const taken = isId(client) && registry.byId(client) !== undefined;
  if (taken || !clientId.test(client)) {
    const message =
      "expected a client id of letters, digits, - and _ that is nobody's on the ledger";
    return { ok: false, code: "login.client-id", message };
  }
  const given = createHash("sha256")
    .update(password ?? new Uint8Array())
    .digest();
  if (!timingSafeEqual(given, Buffer.from(viewer.passwordSha256, "hex"))) {
    const message = `not the password of ${viewer.id}; busbar-aggregator viewer makes a new one`;
    return { ok: false, code: "login.viewer-password", message };
  }
  const identity = registry.byId(viewer.owner);
  if (identity?.kind === "owner") return { ok: true, identity };
  const message = `${viewer.id} looks on for ${viewer.owner}, whom the ledger does not know as an owner`;
  return { ok: false, code: "login.viewer-owner", message };
}

/** A new viewer and its password, which stands nowhere else: 192 random bits, so that a plain hash
 * of it cannot be searched. */
export function makeViewer(id: string, owner: string): { password: string; viewer: Viewer } {
  const password = randomBytes(24).toString("base64url");
  const passwordSha256 = createHash("sha256").update(password).digest("hex");
  return { password, viewer: { id, owner, passwordSha256 } };
}
