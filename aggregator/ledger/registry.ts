import type { Device, Owner } from "@busbar/protocol";
import type { LabelEntry } from "./labels.ts";

/** Who a key belongs to, as the ledger knows it at the last committed block. */
export type Identity =
  | { readonly kind: "member"; readonly id: string; readonly key: Uint8Array }
  | { readonly kind: "owner"; readonly id: string; readonly key: Uint8Array; readonly owner: Owner }
  | {
      readonly kind: "device";
      readonly id: string;
      readonly key: Uint8Array;
      readonly device: Device;
    }
  /** A label speaks for a unit that is not known yet: it claims, and nothing else. */
  | {
      readonly kind: "label";
      readonly id: string;
      readonly key: Uint8Array;
      readonly label: LabelEntry;
    };

/** What broker and ingest ask the ledger about identities. Ids of members, owners, devices and
 * labels are one name space, so a login name is never ambiguous. */
export interface Registry {
  byId(id: string): Identity | undefined;
  byKeyId(kid: Uint8Array): Identity | undefined;
}
