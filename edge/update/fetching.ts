import { execFile } from "node:child_process";

/** What is to be fetched and put on trial. */
export type FetchWish = {
  readonly url: string;
  readonly version: string;
  readonly bytes: number;
  /** Of the whole file, in hexadecimal digits. */
  readonly sha256: string;
  readonly minutes: number;
};

/** `final`: trying the same again would end the same. */
export type Fetched =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly code: string;
      readonly message: string;
      readonly final: boolean;
    };

/** Hours for a slow line; the slowest board tests a program for minutes. */
const patienceMs = 6 * 3_600_000;
const outputBytesMax = 1024 * 1024;

/** What a bundle is at fault for itself: another attempt with the same bytes would end the same. */
const finalCodes: ReadonlySet<string> = new Set([
  "update.unsigned",
  "update.signature",
  "update.no-bundle",
  "update.manifest",
  "update.archive",
  "update.spoilt",
  "update.self-test",
  "update.other-machine",
  "update.other-journal",
  "update.older",
  "update.not-stated",
]);

/**
 * Fetches and installs by a process of its own: what it needs in memory is given back. Its arguments are
 * checked there again.
 */
export function fetchAside(
  { node, cli, config }: { readonly node: string; readonly cli: string; readonly config: string },
  { url, version, bytes, sha256, minutes }: FetchWish,
): Promise<Fetched> {
  const wish = ["--version-stated", version, "--bytes", String(bytes), "--sha256", sha256];
  const args = [
    ...["--max-old-space-size=64", "--max-semi-space-size=1", cli, "update", "fetch", url],
    ...[...wish, "--minutes", String(minutes), "--config", config, "--json"],
  ];
  const options = { timeout: patienceMs, maxBuffer: outputBytesMax, encoding: "utf8" } as const;
  return new Promise((resolve) => {
    execFile(node, args, options, (error, stdout) => {
      if (error === null) return resolve({ ok: true });
      resolve(
        failureIn(stdout) ?? {
          ok: false,
          code: "update.fetch",
          message: error.message,
          final: false,
        },
      );
    });
  });
}

/** What the process said of why it failed; undefined where it said nothing that can be read. */
export function failureIn(stdout: string): Extract<Fetched, { ok: false }> | undefined {
  try {
    const last = stdout.trim().split("\n").at(-1) ?? "";
    const { code, message } = JSON.parse(last) as Record<string, unknown>;
    if (typeof code !== "string" || typeof message !== "string") return undefined;
    return { ok: false, code, message, final: finalCodes.has(code) };
  } catch {
    // It ended before it could say anything.
    return undefined;
  }
}
