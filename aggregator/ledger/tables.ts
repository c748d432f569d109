import type { Device, Meter, Owner } from "@busbar/protocol";
import { idPattern } from "@busbar/protocol";
import {
  array,
  bytes,
  type Codec,
  field,
  int,
  oneOf,
  optional,
  record,
  SchemaError,
  text,
} from "@busbar/protocol/schema";
import { table } from "./state/table.ts";

/** Who takes part: members, owners, devices, their keys and their meters, as the state holds them. */

const id = text(32, idPattern);
const key = bytes(32);
const meterRole = oneOf("connection", "generation", "load", "storage", "exchange");
const energyForm = oneOf("solar", "wind", "thermal", "nuclear", "storage", "any");

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

const owner: Codec<Owner> = record("owner", {
  id: field(1, id),
  party: field(2, oneOf("company", "bureau", "user", "operator")),
  name: field(3, text(80)),
  key: field(4, key),
  boxKey: field(5, key),
});

const meter: Codec<Meter> = record("meter", {
  id: field(1, id),
  role: field(2, meterRole),
  form: optional(3, energyForm),
  feeder: field(4, id),
});

const device: Codec<Device> = record("device", {
  id: field(1, id),
  owner: field(2, id),
  key: field(3, key),
  meters: field(4, array(meter, 0, 32)),
});

/** The form of an owner in the state and in genesis. */
export const ownerCodec = owner;
/** The form of a device in the state and in genesis. */
export const deviceCodec = device;
/** The form of a member in the state and in genesis. */
export const memberCodec: Codec<MemberEntry> = record("member", {
  id: field(1, id),
  key: field(2, key),
  voting: field(3, flag),
  role: field(4, text(32)),
});

const meterEntry: Codec<MeterEntry> = record("meter-entry", {
  id: field(1, id),
  role: field(2, meterRole),
  form: optional(3, energyForm),
  feeder: field(4, id),
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
export const owners = table("owner", ownerCodec);
/** `device/<id>` */
export const devices = table("device", deviceCodec);
/** `meter/<id>` */
export const meters = table("meter", meterEntry);
/** `key/<key id, hex>`: whose key it is. */
export const keys = table("key", keyEntry);

const admissionEntry = record("admission-entry", {
  hash: field(1, bytes(32)),
  height: field(2, int(0, Number.MAX_SAFE_INTEGER)),
});

/** `admission/<member>/<nonce, hex>`: makes an admission that is sent again answer `exists`. */
export const admissions = table("admission", admissionEntry);
