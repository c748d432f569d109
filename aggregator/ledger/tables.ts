import { type MemberEntry, type Meter, memberTable, type UtcMs } from "@busbar/protocol";
import {
  bytes,
  type Codec,
  device,
  field,
  id,
  instant,
  int,
  memberEntry,
  meter,
  oneOf,
  optional,
  owner,
  record,
  type TypeOf,
  text,
} from "@busbar/protocol/schema";
import { table } from "./state/table.ts";

/** Who takes part: members, owners, devices, their keys and their meters, as the state holds them. */

/**
 * A meter with the unit that reads it and the owner whom it counts for; `until`: when it was taken
 * out of the market, where it was.
 */
export type MeterEntry = Meter & {
  readonly device: string;
  readonly owner: string;
  readonly until?: UtcMs;
};

const meterEntry: Codec<MeterEntry> = record("meter-entry", {
  ...meter.fields,
  device: field(5, id),
  owner: field(6, id),
  until: optional(7, instant),
});

const keyEntry = record("key-entry", {
  kind: field(1, oneOf("member", "owner", "device", "label")),
  id: field(2, id),
});

/** `member/<id>` */
export const members = table(memberTable, memberEntry);
export type { MemberEntry };
/** `owner/<id>` */
export const owners = table("owner", owner);
/** `device/<id>` */
export const devices = table("device", device);
/** `meter/<id>` */
export const meters = table("meter", meterEntry);
const connection = record("connection", {
  meter: field(1, id),
  /** It counts in slots that lie in [from, until): from genesis on where absent, to this day. */
  from: optional(2, instant),
  until: optional(3, instant),
});

/**
 * `connection/<owner>/<meter>`: the meters that connect an owner to the feeder, or lately did; one that was out for a
 * while has its time before that at `connection/<owner>/<meter>/<until>`.
 */
export const connections = table("connection", connection);
export type Connection = TypeOf<typeof connection>;
/** `bureau/<owner>`: the owners that are bureaus. */
export const bureaus = table("bureau", record("bureau", { owner: field(1, id) }));
/** `key/<key id, hex>`: whose key it is. */
export const keys = table("key", keyEntry);

const admissionEntry = record("admission-entry", {
  hash: field(1, bytes(32)),
  height: field(2, int(0, Number.MAX_SAFE_INTEGER)),
});

/** `admission/<member>/<nonce, hex>`: makes an admission that is sent again answer `exists`. */
export const admissions = table("admission", admissionEntry);

/** `admission-expiry/<instant, 15 digits>/<member>/<nonce, hex>`: from when on an admission counts no
 * more, so that its nonce need not be known. */
export const admissionExpiries = table(
  "admission-expiry",
  record("admission-expiry", { admission: field(1, text(120)) }),
);
