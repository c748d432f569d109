import { hash } from "node:crypto";
import type { Verify } from "@busbar/protocol";

/** Good signatures that are remembered: some minutes of a busy site. */
const rememberedMax = 100_000;

/**
 * A verifier that checks one signature once: ingest, pool and block see the same frame. Only good
 * ones are remembered, by a digest of key, signature and message together, so nothing else can pass
 * for them.
 */
export function rememberingVerify(verify: Verify): Verify {
  const good = new Set<string>();
  return (signature, message, publicKey) => {
    // Fixed lengths first: else bytes could move between key, signature and message.
    if (publicKey.length !== 32 || signature.length !== 64) return false;
    const name = hash("sha256", Buffer.concat([publicKey, signature, message]), "binary");
    if (good.has(name)) return true;
    if (!verify(signature, message, publicKey)) return false;
    if (good.size >= rememberedMax) {
      const oldest = good.values().next();
      if (!oldest.done) good.delete(oldest.value);
    }
    good.add(name);
    return true;
  };
}
