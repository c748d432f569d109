import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Home } from "./home.ts";

/**
 * The password to sign in to Node-RED with, made with a new flows folder and kept beside it in a file
 * that is the user's alone. Undefined where Node-RED has one already that nobody here knows.
 */
export function flowsPassword({ flows, flowsPassword: path }: Home): string | undefined {
  if (existsSync(path)) return readFileSync(path, "utf8").trim();
  if (existsSync(join(flows, "admin-password"))) return undefined;
  const password = randomBytes(12).toString("base64url");
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, `${password}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return password;
}
