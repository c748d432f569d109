import { hash } from "node:crypto";
import type { Verify } from "@busbar/protocol";

/** Good signatures that are remembered: some minutes of a busy site. */
const rememberedMax = 100_000;

/** A verifier; `remember` spares one that remembers the check of a signature which is known to be good. */
export type Remembering = Verify & {
  readonly remember?: (...signed: Parameters<Verify>) => void;
};

/**
 * A verifier that checks one signature once: ingest, pool and block see the same frame. Only good
 * ones are remembered, by a digest of key, signature and message together, so nothing else can pass
 * for them.
 */
export function rememberingVerify(verify: Verify): Remembering {
  const good = new Set<string>();
  const add = (name: string): void => {
    if (good.size >= rememberedMax) {
      const oldest = good.values().next();
      if (!oldest.done) good.delete(oldest.value);
    }
    good.add(name);
  };
  const remembering: Verify = (signature, message, publicKey) => {
    // Fixed lengths first: else bytes could move between key, signature and message.
    if (publicKey.length !== 32 || signature.length !== 64) return false;
    const name = nameOf(signature, message, publicKey);
    if (good.has(name)) return true;
    if (!verify(signature, message, publicKey)) return false;
    add(name);
    return true;
  };
  return Object.assign(remembering, {
    remember: (...signed: Parameters<Verify>) => add(nameOf(...signed)),
  });
}

function nameOf(...[signature, message, publicKey]: Parameters<Verify>): string {
  return hash("sha256", Buffer.concat([publicKey, signature, message]), "binary");
}
