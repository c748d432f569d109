import { publicKeyOf, signPure, verifyPure } from "../../protocol/ed25519/pure.ts";
import { privateKeyFromSeed, sign, verify } from "../../protocol/node/ed25519.ts";

export const name = "ed25519";
export const title = "Ed25519: signatures per second on one core, 300-byte messages";

/** Wall time per line, so that the whole stays below three seconds. */
const lineMs = 600;

/** Prints the rates of both verifiers and both signers. */
export async function run(): Promise<void> {
  const seeds = Array.from({ length: 50 }, (_, i) => new Uint8Array(32).fill(i + 1));
  const signed = seeds.map((seed, i) => {
    const message = new Uint8Array(300).fill(i);
    const publicKey = publicKeyOf(seed);
    return {
      seed,
      key: privateKeyFromSeed(seed),
      publicKey,
      message,
      signature: sign(message, seed),
    };
  });
  type Case = (typeof signed)[number];
  const line = (label: string, act: (one: Case) => unknown) => {
    const rate = ratePerSecond(signed, act);
    console.log(`${label.padEnd(24)} ${rate.toLocaleString("en")}/s`);
  };
  line("verify, node:crypto", (c) => check(verify(c.signature, c.message, c.publicKey)));
  line("verify, noble", (c) => check(verifyPure(c.signature, c.message, c.publicKey)));
  line("sign, node:crypto", (c) => sign(c.message, c.key));
  line("sign, noble", (c) => signPure(c.message, c.seed));
}

/** A rate of refusals would be a rate of something else. */
function check(valid: boolean): void {
  if (!valid) throw new Error("expected a valid signature");
}

function ratePerSecond<T>(cases: readonly T[], act: (one: T) => unknown): number {
  // The first round imports keys, builds tables and compiles.
  for (const one of cases) act(one);
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < lineMs) {
    for (const one of cases.slice(0, 10)) act(one);
    count += 10;
  }
  return Math.round((count * 1000) / (performance.now() - start));
}
