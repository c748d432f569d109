import { type Device, keyId, type Owner, type Party, type Signer } from "@busbar/protocol";
import { signerOf } from "@busbar/protocol/node";
import type { Identity, Registry } from "../../aggregator/ledger/registry.ts";

/** A key that is the same in every run; `n` is any number from 0 to 65 535. */
export function testSigner(n: number): Signer {
  const seed = new Uint8Array(32).fill(7);
  seed[0] = n & 0xff;
  seed[1] = n >> 8;
  return signerOf({ seed, box: seed });
}

/** A registry of given identities, for tests that need no ledger. */
export function memoryRegistry(identities: Iterable<Identity>): Registry {
  const byId = new Map<string, Identity>();
  const byKeyId = new Map<string, Identity>();
  for (const identity of identities) {
    byId.set(identity.id, identity);
    byKeyId.set(Buffer.from(keyId(identity.key)).toString("hex"), identity);
  }
  return {
    byId: (id) => byId.get(id),
    byKeyId: (kid) => byKeyId.get(Buffer.from(kid).toString("hex")),
  };
}

export function memberIdentity(id: string, { publicKey }: Signer): Identity {
  return { kind: "member", id, key: publicKey };
}

export function ownerIdentity(id: string, { publicKey }: Signer, party: Party = "user"): Identity {
  const owner: Owner = { id, party, name: id, key: publicKey, boxKey: publicKey };
  return { kind: "owner", id, key: publicKey, owner };
}

export function deviceIdentity(id: string, { publicKey }: Signer, owner: string): Identity {
  const meters: Device["meters"] = [{ id: `${id}-m`, role: "connection", feeder: "f1" }];
  return { kind: "device", id, key: publicKey, device: { id, owner, key: publicKey, meters } };
}
