import { rename, writeFile } from "node:fs/promises";

/** A simulated clock: site time at a wall instant, and site milliseconds per wall millisecond. */
export type ClockFile = {
  readonly originWallMs: number;
  readonly originSiteMs: number;
  readonly speed: number;
};

/** Writes a site's clock file in one step, so that no process reads half of it. */
export async function writeClockFile(path: string, clock: ClockFile): Promise<void> {
  const fresh = `${path}.new`;
  await writeFile(fresh, `${JSON.stringify(clock)}\n`);
  await rename(fresh, path);
}
