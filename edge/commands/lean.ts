import module from "node:module";
import { fileURLToPath } from "node:url";

/** Options of Node that keep a unit small. The system service names them too and spares one start. */
export const leanOptions = [
  "--max-semi-space-size=1",
  "--max-old-space-size=64",
  "--v8-pool-size=1",
  "--optimize-for-size",
  // Without the optimizing compilers: their code alone is 10 MB, and a meter is never waited for by it.
  "--no-opt",
  "--no-maglev",
  // Frames and receipts of a backlog lie outside of the heap: else they are collected late.
  "--external-memory-accounted-in-global-limit",
] as const;

/** Their names, without values. */
export const leanNames: ReadonlySet<string> = new Set(leanOptions.map(nameOf));

/** How the C library is to give back what was freed: one arena, and buffers of 32 kB and more apart. */
const leanEnvironment = { MALLOC_ARENA_MAX: "1", MALLOC_MMAP_THRESHOLD_: "32768" };

/** Where compiled code is kept when the environment names no place: beside the code itself. */
const cacheFolder = fileURLToPath(
  new URL("../../node_modules/.cache/busbar-edge", import.meta.url),
);
/** Counts the starts of one process: once for the options, once for the cache, then it runs as it is. */
const startName = "BUSBAR_EDGE_START";
const startsMax = 3;

/** Starts this process anew, under the same number, where it was started without `leanOptions`. */
export function startWithOptions(): void {
  const given = new Set(process.execArgv.map(nameOf));
  const missing = leanOptions.filter((option) => !given.has(nameOf(option)));
  if (missing.length > 0) startAnew(missing);
}

/**
 * Starts this process anew where it had to strip types: that takes 12 MB until it ends. By then all
 * of its code is in the compile cache, stripped, so that this and every later start finds it there.
 */
export async function startWithCache(): Promise<void> {
  const loaded = Reflect.get(process, "moduleLoadList") as readonly string[] | undefined;
  const stripped = loaded?.some((name) => name.includes("amaro")) === true;
  if (!stripped || module.getCompileCacheDir() === undefined) return;
  // A unit that uses them loads them later, when nothing may be stripped any more.
  await Promise.all([
    import("../meters/pulse-meter.ts"),
    import("../meters/telegram-meter.ts"),
    import("../claim/take.ts"),
  ]);
  module.flushCompileCache();
  startAnew([]);
}

function nameOf(option: string): string {
  return option.split("=")[0] ?? "";
}

function startAnew(options: readonly string[]): void {
  const start = Number(process.env[startName] ?? 1);
  const debugged = process.execArgv.some((option) => option.startsWith("--inspect"));
  if (start >= startsMax || debugged || process.execve === undefined) return;
  const args = [process.execPath, ...process.execArgv, ...options, ...process.argv.slice(1)];
  process.execve(process.execPath, args, {
    ...leanEnvironment,
    NODE_COMPILE_CACHE: cacheFolder,
    ...process.env,
    [startName]: String(start + 1),
  });
}
