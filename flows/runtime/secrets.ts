import { createHash, randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { readIfThere, writeWhole } from "../nodes/link/durable.ts";
import { bcrypt } from "./node-red.ts";
import { runningIn } from "./running.ts";

/** Shortest password that a person may choose. */
const passwordMin = 8;
/** bcrypt takes 72 bytes and would ignore the rest in silence. */
const passwordBytesMax = 72;
const rounds = 10;

/** The admin's password as a bcrypt hash; `fresh` is the password where it was made just now. */
export type Password = { readonly passwordHash: string; readonly fresh: string | undefined };

/** The key that Node-RED encrypts credentials with, made at the first start. Mode 0600, the folder 0700. */
export function openCredentialSecret(userDir: string): string {
  mkdirSync(userDir, { recursive: true, mode: 0o700 });
  chmodSync(userDir, 0o700);
  const file = join(userDir, "credential-secret");
  if (!existsSync(file)) writeWhole(file, `${randomBytes(32).toString("hex")}\n`);
  return readFileSync(file, "utf8").trim();
}

/**
 * The admin's password, made at the first start: `chosen`, or a random one.
 * Throws: `Failure` `flows.password`.
 */
export function openPassword(userDir: string, chosen?: string): Password {
  if (existsSync(passwordFile(userDir))) {
    const passwordHash = readFileSync(passwordFile(userDir), "utf8").trim();
    endOldSessions(userDir, passwordHash);
    return { passwordHash, fresh: undefined };
  }
  const password = chosen ?? randomPassword();
  const passwordHash = setPassword(userDir, password);
  return { passwordHash, fresh: chosen === undefined ? password : undefined };
}

/** Replaces the admin's password; the hash. Throws: `Failure` `flows.password`. */
export function setPassword(userDir: string, password: string): string {
  if (password.length < passwordMin || Buffer.byteLength(password) > passwordBytesMax) {
    throw new Failure(
      "flows.password",
      `a password has at least ${passwordMin} characters and at most ${passwordBytesMax} bytes`,
      { retry: "never" },
    );
  }
  mkdirSync(userDir, { recursive: true, mode: 0o700 });
  const hash = bcrypt().hashSync(password, rounds);
  writeWhole(passwordFile(userDir), `${hash}\n`);
  endOldSessions(userDir, hash);
  return hash;
}

/** Sessions begun with another password end, those too that a runtime wrote after it was replaced. */
function endOldSessions(userDir: string, hash: string): void {
  const mark = join(userDir, "sessions-of");
  const digest = createHash("sha256").update(hash).digest("hex");
  if (readIfThere(mark)?.trim() === digest) return;
  rmSync(join(userDir, ".sessions.json"), { force: true });
  // A runtime that runs still writes its sessions: the mark is set at the start that ends them.
  if (runningIn(userDir) === undefined) writeWhole(mark, `${digest}\n`);
}

/** 96 random bits in 16 characters that are easy to copy. */
export function randomPassword(): string {
  return randomBytes(12).toString("base64url");
}

function passwordFile(userDir: string): string {
  return join(userDir, "admin-password");
}
