import type { Meter } from "@busbar/protocol";
import {
  bytes,
  type Codec,
  device,
  field,
  id,
  int,
  meter,
  oneOf,
  owner,
  record,
  SchemaError,
  text,
} from "@busbar/protocol/schema";
import { table } from "./state/table.ts";

/** Who takes part: members, owners, devices, their keys and their meters, as the state holds them. */

const key = bytes(32);

/** A member of the consortium: `role` is what it is besides (company, bureau, user group, auditor). */
export type MemberEntry = {
  readonly id: string;
  readonly key: Uint8Array;
  readonly voting: boolean;
  readonly role: string;
};

/** A meter with the unit that reads it and the owner whom it counts for. */
export type MeterEntry = Meter & { readonly device: string; readonly owner: string };

const flag: Codec<boolean> = {
  cddl: "bool",
  decode(value, path) {
    if (typeof value !== "boolean") throw new SchemaError(path, "true or false", value);
    return value;
  },
  encode: (value) => value,
};

/** The form of a member in the state and in genesis. */
export const memberCodec: Codec<MemberEntry> = record("member", {
  id: field(1, id),
  key: field(2, key),
  voting: field(3, flag),
  role: field(4, text(32)),
});

const meterEntry: Codec<MeterEntry> = record("meter-entry", {
  ...meter.fields,
  device: field(5, id),
  owner: field(6, id),
});

const keyEntry = record("key-entry", {
  kind: field(1, oneOf("member", "owner", "device")),
  id: field(2, id),
});

/** `member/<id>` */
export const members = table("member", memberCodec);
/** `owner/<id>` */
export const owners = table("owner", owner);
/** `device/<id>` */
export const devices = table("device", device);
/** `meter/<id>` */
export const meters = table("meter", meterEntry);
/** `connection/<owner>/<meter>`: the meters that connect an owner to the feeder. */
export const connections = table("connection", record("connection", { meter: field(1, id) }));
/** `key/<key id, hex>`: whose key it is. */
export const keys = table("key", keyEntry);

const admissionEntry = record("admission-entry", {
  hash: field(1, bytes(32)),
  height: field(2, int(0, Number.MAX_SAFE_INTEGER)),
});

/** `admission/<member>/<nonce, hex>`: makes an admission that is sent again answer `exists`. */
export const admissions = table("admission", admissionEntry);
