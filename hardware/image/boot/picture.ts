import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { programPath } from "../../package/needs.ts";

/** Of an emulated board's page on a busy machine. */
const patienceMs = 180_000;

/** The page at an address as a phone shows it, PNG; undefined without Chromium, or where it could not take it. */
export function pictureOf(url: string, scratch: string): Uint8Array | undefined {
  const program = programPath("chromium");
  if (program === undefined) return undefined;
  const file = join(scratch, "page.png");
  const args = [
    ...["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"],
    ...[`--user-data-dir=${join(scratch, "chromium")}`, "--window-size=420,1000"],
    ...["--force-device-scale-factor=2", `--screenshot=${file}`, url],
  ];
  spawnSync(program, args, { timeout: patienceMs, killSignal: "SIGKILL", stdio: "ignore" });
  return existsSync(file) ? readFileSync(file) : undefined;
}
