import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../failure.ts";
import { type UtcMs, utcMs } from "../units/brands.ts";

/** The time a site lives in: the real one, or a simulated one that runs faster. */
export type SiteClock = {
  now(): UtcMs;
  /** Site milliseconds per wall millisecond; 1 for a real site. */
  readonly speed: number;
  /** Wall milliseconds that `siteMs` of site time take, rounded up. */
  delay(siteMs: number): number;
};

/** `file`: a virtual site's clock file, `{ originWallMs, originSiteMs, speed }` as JSON. */
export type ClockSource =
  | { readonly kind: "system" }
  | { readonly kind: "file"; readonly path: string };

/** How often a process looks for a file that is not there, or at one whose origin is to come. */
const waitMs = 50;

/**
 * Opens the site's clock; waits for a clock file that is not there yet. As long as the site stands
 * still the file may be written anew with another origin: it begins when all who live in it are there.
 * Throws: `Failure` `clock.malformed` for a file of another shape.
 */
export async function openSiteClock(source: ClockSource): Promise<SiteClock> {
  if (source.kind === "system") {
    return { now: () => utcMs(Date.now()), speed: 1, delay: (siteMs) => Math.ceil(siteMs) };
  }
  let file = parse(await waitForFile(source.path), source.path);
  let lookedAt = Date.now();
  const { speed } = file;
  const now = () => {
    const wall = Date.now();
    if (wall < file.originWallMs && wall - lookedAt >= waitMs) {
      lookedAt = wall;
      file = read(source.path) ?? file;
    }
    // Before its origin the site stands still, so that no process sees time run backwards.
    return utcMs(
      file.originSiteMs + Math.floor(Math.max(0, wall - file.originWallMs) * file.speed),
    );
  };
  return { now, speed, delay: (siteMs) => Math.ceil(siteMs / speed) };
}

/** The file as it is now; undefined where it cannot be read, and what was read before holds. */
function read(path: string) {
  try {
    return parse(readFileSync(path, "utf8"), path);
  } catch {
    // Whoever writes it does so in one step, or takes it away and begins anew.
    return undefined;
  }
}

async function waitForFile(path: string): Promise<string> {
  for (;;) {
    try {
      return await readFile(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
        throw new Failure("clock.unreadable", `${path}: cannot read the site's clock`, {
          retry: "never",
          cause: error,
        });
      }
    }
    await sleep(waitMs);
  }
}

function parse(text: string, path: string) {
  const malformed = (cause?: unknown) =>
    new Failure(
      "clock.malformed",
      `${path}: expected {"originWallMs": ms, "originSiteMs": ms, "speed": number > 0}`,
      { retry: "never", cause },
    );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformed(error);
  }
  const { originWallMs, originSiteMs, speed } = (value ?? {}) as Record<string, unknown>;
  if (
    typeof originWallMs !== "number" ||
    typeof originSiteMs !== "number" ||
    typeof speed !== "number" ||
    !(speed > 0) ||
    !Number.isSafeInteger(originSiteMs) ||
    !Number.isSafeInteger(originWallMs)
  ) {
    throw malformed();
  }
  return { originWallMs, originSiteMs, speed };
}
