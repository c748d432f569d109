import { accessSync, appendFileSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where Debian puts programs that an ordinary user's PATH may not name. */
const besides = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/**
 * Finds a program that a test is run against. Where it is missing the test is left out and the end
 * of `npm test` names it (the file in BUSBAR_LEFT_OUT); with CI=true a missing program is an error.
 *
 *     const tool = program("mosquitto_sub", "mosquitto-clients");
 *     test("…", { skip: "skip" in tool && tool.skip }, …)
 */
export function program(
  name: string,
  debianPackage: string,
): { readonly path: string } | { readonly skip: string } {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...besides];
  const path = folders.map((folder) => join(folder, name)).find(isExecutable);
  if (path !== undefined) return { path };

  const skip = `${name} is missing on this machine (apt-get install ${debianPackage})`;
  if (process.env.CI === "true") throw new Error(skip);
  const file = process.env.BUSBAR_LEFT_OUT;
  if (file !== undefined) {
    appendFileSync(file, `${JSON.stringify({ program: name, debianPackage })}\n`);
  }
  return { skip };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Missing and not executable are one answer here: this is not the program.
    return false;
  }
}

/** How Debian's Chromium is started for tests: without a screen, and without calling anybody. */
export const chromiumArgs = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
] as const;
