import { type Council, compareBytes, keyId, type Signer, toBeSigned } from "@busbar/protocol";
import type { Remembering } from "../ledger/verified.ts";

type Key = { readonly key: Uint8Array; readonly kid: Uint8Array };

const nobody = new Uint8Array(20);

/** Signs and checks what members say to each other: COSE's structure, with the kind in its domain. */
export class MemberKeys {
  readonly #chain: string;
  readonly #signer: Signer;
  readonly #verify: Remembering;
  /** Of all who are or were members: a signature of before a change stays checkable. */
  readonly #keys = new Map<string, Key>();

  constructor({ chain, signer, verify }: { chain: string; signer: Signer; verify: Remembering }) {
    this.#chain = chain;
    this.#signer = signer;
    this.#verify = verify;
  }

  /** Takes the voters of the next height. */
  learn({ voters }: Council): void {
    for (const { id, key } of voters) {
      const known = this.#keys.get(id);
      if (known !== undefined && compareBytes(known.key, key) === 0) continue;
      this.#keys.set(id, { key, kid: keyId(key) });
    }
  }

  kid(member: string): Uint8Array {
    return this.#keys.get(member)?.kid ?? nobody;
  }

  sign(kind: string, payload: Uint8Array): Uint8Array {
    const { kid, publicKey } = this.#signer;
    const message = toBeSigned(payload, kid, { chain: this.#chain, kind });
    const signature = this.#signer.sign(message);
    // It comes back within the block's certificate.
    if (kind === "block") this.#verify.remember?.(signature, message, publicKey);
    return signature;
  }

  verify(member: string, kind: string, payload: Uint8Array, signature: Uint8Array): boolean {
    const known = this.#keys.get(member);
    if (known === undefined) return false;
    const message = toBeSigned(payload, known.kid, { chain: this.#chain, kind });
    return this.#verify(signature, message, known.key);
  }
}
