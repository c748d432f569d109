import { fstatSync } from "node:fs";

/**
 * Calls `end` when the parent that holds the other end of a piped standard input goes away. A terminal
 * is left alone, so that a program started with `&` is not stopped for reading it; so is /dev/null.
 */
export function onParentGone(end: () => void): void {
  const stdin = fstatSync(0);
  if (!stdin.isFIFO() && !stdin.isSocket()) return;
  process.stdin.on("end", end).on("error", end).resume();
}
