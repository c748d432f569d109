import { compareBytes, keyId } from "@busbar/protocol";
import { isActive } from "../../ledger/identities.ts";
import type { Identity, Registry } from "../../ledger/registry.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import type { Person } from "./roles.ts";

/** Somebody without a place on the ledger whom the member lets look: its key is in the configuration. */
export type Onlooker = {
  readonly id: string;
  readonly role: "auditor" | "viewer";
  readonly key: Uint8Array;
};

/** Who may sign in. */
export type People = {
  /** Whose key this is, and as what; undefined for nobody's. */
  byKeyId(kid: Uint8Array): Person | undefined;
  /** Whether a person still has the key and the role. */
  holds(person: Person): boolean;
};

/** Owners and members as the ledger has them at this moment, and the member's own onlookers. */
export function peopleOf(
  registry: Registry,
  state: StateReader,
  onlookers: readonly Onlooker[] = [],
): People {
  const byKeyId = (kid: Uint8Array): Person | undefined => {
    const identity = registry.byKeyId(kid);
    if (identity !== undefined && isActive(state, identity)) return personOf(identity);
    return onlookers.find(({ key }) => compareBytes(keyId(key), kid) === 0);
  };
  return {
    byKeyId,
    holds({ role, id, key }) {
      const now = byKeyId(keyId(key));
      return now !== undefined && now.id === id && now.role === role;
    },
  };
}

/** A unit does not sign in to a page. */
function personOf(identity: Identity): Person | undefined {
  const { id, key } = identity;
  if (identity.kind === "member") return { role: "member", id, key };
  if (identity.kind === "device" || identity.kind === "label") return undefined;
  return { role: identity.owner.party === "operator" ? "operator" : "owner", id, key };
}
