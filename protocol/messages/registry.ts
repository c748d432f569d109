import { array, bytes, int, oneOf, type TypeOf, text } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { id } from "./id.ts";
import { energyForm } from "./market.ts";
import { instant } from "./readings.ts";

const most = Number.MAX_SAFE_INTEGER;

/** A raw Ed25519 or X25519 public key. */
export const publicKey = bytes(32);

/** What an owner is in the market (eq. 9 of Liu & Zhou); an operator only looks on. */
export const party = oneOf("company", "bureau", "user", "operator");

/** An owner's entry in the ledger. `boxKey` (X25519) receives notices. */
export const owner = record("owner", {
  id: field(1, id),
  party: field(2, party),
  name: field(3, text(80)),
  key: field(4, publicKey),
  boxKey: field(5, publicKey),
});

/** What a meter measures: the party's connection to the feeder (billed), or something behind it. */
export const meterRole = oneOf("connection", "generation", "load", "storage", "exchange");

export const meter = record("meter", {
  id: field(1, id),
  role: field(2, meterRole),
  form: optional(3, energyForm),
  feeder: field(4, id),
});

/** An edge unit's entry in the ledger: its key, whose it is, which meters it reads. */
export const device = record("device", {
  id: field(1, id),
  owner: field(2, id),
  key: field(3, publicKey),
  meters: field(4, array(meter, 0, 32)),
});

/**
 * A member admits owners and devices after genesis. `nonce` makes each admission its own; before
 * `until` (site time) it counts, so that nobody has to remember its nonce for longer.
 */
export const admission = record("admission", {
  nonce: field(1, bytes(16)),
  member: field(2, id),
  owners: field(3, array(owner, 0, 16)),
  devices: field(4, array(device, 0, 16)),
  until: optional(5, instant),
});

/**
 * MQTT password: proves an identity to one broker for a short time. `at` and `until` are wall-clock
 * ms, also on a simulated site.
 */
export const login = record("login", {
  identity: field(1, id),
  client: field(2, text(65)),
  broker: field(3, id),
  at: field(4, instant),
  until: field(5, int(0, most)),
});

export type Party = TypeOf<typeof party>;
export type Owner = TypeOf<typeof owner>;
export type Meter = TypeOf<typeof meter>;
export type Device = TypeOf<typeof device>;
export type Admission = TypeOf<typeof admission>;
export type Login = TypeOf<typeof login>;
