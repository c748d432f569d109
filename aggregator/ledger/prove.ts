import type { StateProof } from "@busbar/protocol";
import { meterStateTable } from "@busbar/protocol";
import type { Application } from "./application.ts";
import type { Store } from "./store.ts";

/** Proves a key of the last committed state (an account, a contract); undefined before a block. */
export function proveState(
  application: Application,
  store: Store,
  key: string,
): StateProof | undefined {
  const { value, path, height } = application.query(key);
  const certified = store.header(height);
  if (certified === undefined) return undefined;
  const { header, certificate } = certified;
  return {
    header,
    certificate,
    key,
    siblings: path.siblings,
    ...(value === undefined ? {} : { value }),
    ...(path.other === undefined ? {} : { other: [path.other.key, path.other.value] }),
  };
}

/** Proves where a meter's chain of readings stands; undefined before a block. */
export function proveMeter(
  application: Application,
  store: Store,
  meter: string,
): StateProof | undefined {
  return proveState(application, store, `${meterStateTable}/${meter}`);
}

/** A proof or receipt as people's tools read it: byte strings in base64url. */
export function proofJson(proof: object): string {
  return JSON.stringify(
    proof,
    (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("base64url") : value,
    2,
  );
}
