/** What happens in a long test, as it happens; a diagnostic of the test runner's comes with its end. */
export function say(text: string): void {
  console.log(`${new Date().toISOString().slice(11, 19)}  ${text}`);
}

/** Runs a step, and says how long it took. */
export async function step(what: string, run: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  await run();
  say(`${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
}
