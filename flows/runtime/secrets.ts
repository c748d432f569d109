import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { writeWhole } from "../nodes/link/durable.ts";
import { bcrypt } from "./node-red.ts";

/** Shortest password that a person may choose. */
const passwordMin = 8;
/** bcrypt takes 72 bytes and would ignore the rest in silence. */
const passwordBytesMax = 72;
const rounds = 10;

/** The secrets of one user folder; `fresh` is the password where it was made just now. */
export type Secrets = {
  readonly passwordHash: string;
  readonly credentialSecret: string;
  readonly fresh: string | undefined;
};

/**
 * Opens the user folder's secrets, made at its first start: the admin's password (as a bcrypt hash)
 * and the key that Node-RED encrypts credentials with. All files are mode 0600, the folder 0700.
 * `chosen` is the first password, else a random one.
 */
export function openSecrets(userDir: string, chosen?: string): Secrets {
  mkdirSync(userDir, { recursive: true, mode: 0o700 });
  chmodSync(userDir, 0o700);
  const credentialFile = join(userDir, "credential-secret");
  if (!existsSync(credentialFile))
    writeWhole(credentialFile, `${randomBytes(32).toString("hex")}\n`);
  const credentialSecret = readFileSync(credentialFile, "utf8").trim();
  if (existsSync(passwordFile(userDir))) {
    const passwordHash = readFileSync(passwordFile(userDir), "utf8").trim();
    return { passwordHash, credentialSecret, fresh: undefined };
  }
  const password = chosen ?? randomPassword();
  const passwordHash = setPassword(userDir, password);
  return {
    passwordHash,
    credentialSecret,
    fresh: chosen === undefined ? password : undefined,
  };
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
  return hash;
}

/** 96 random bits in 16 characters that are easy to copy. */
export function randomPassword(): string {
  return randomBytes(12).toString("base64url");
}

function passwordFile(userDir: string): string {
  return join(userDir, "admin-password");
}
