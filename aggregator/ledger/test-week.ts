import assert from "node:assert/strict";
import {
  type Correction,
  type DeviceChange,
  encodeMessage,
  type Kind,
  type Message,
  type Objection,
  openFrame,
  quality,
  utcMs,
  wh,
} from "@busbar/protocol";
import { randomFrom } from "../market/colony/random.ts";
import type { LedgerEvent } from "./events.ts";
import type { Genesis } from "./genesis.ts";
import { mandate, quote } from "./rules/market/test-chain.ts";
import { sha256 } from "./sha256.ts";
import { LedgerRun, type RunBlock } from "./test-run.ts";
import { entry, frameOf, MeterChain, signerOfName, startTime, testGenesis } from "./test-site.ts";

/** A site's life with everything that can happen to it, drawn from a seed: for the tests of the whole. */

const hourMs = 3_600_000;
const judges = ["member-a", "member-b", "member-c", "member-d"];

/** Four members that vote, one of them a bureau, and one more user than the small site. */
export function weekGenesis(): Genesis {
  const small = testGenesis();
  const key = (name: string) => signerOfName(name).publicKey;
  const user = { id: "user-b", party: "user", name: "B", key: key("user-b"), boxKey: key("b box") };
  return testGenesis({
    members: judges.map((id) => ({
      id,
      key: key(id),
      voting: true,
      role: id === "member-b" ? "bureau" : "company",
    })),
    owners: [...small.owners, user as (typeof small.owners)[number]],
    devices: [
      ...small.devices,
      {
        id: "user-b-unit",
        owner: "user-b",
        key: key("user-b-unit"),
        meters: [{ id: "user-b-meter", role: "connection", feeder: "feeder-1" }],
      },
    ],
  });
}

/** A unit with its meter: what it keeps until the ledger took it, and the key it signs with. */
class Unit {
  readonly owner: string;
  readonly chain: MeterChain;
  readonly kept: Message<"readings">[] = [];
  signer: string;
  wh = { importWh: 0, exportWh: 0 };
  anew = false;

  constructor(owner: string) {
    this.owner = owner;
    this.chain = new MeterChain(owner);
    this.signer = `${owner}-unit`;
  }
}

type Open = { slot: number; motion: Uint8Array; left: string[] };

/** Draws `hours` of blocks: only what the rules took of each stands in it. */
export class Week {
  readonly blocks: RunBlock[] = [];
  readonly run = LedgerRun.fromGenesis(weekGenesis());
  readonly kinds = new Map<Kind, number>();
  readonly events = new Map<LedgerEvent["type"], number>();
  readonly #random;
  readonly #units = ["company-a", "bureau-a", "user-a", "user-b"].map((owner) => new Unit(owner));
  readonly #open: Open[] = [];
  readonly #corrected = new Map<string, number>();
  #changes = 0;
  #suspended = false;
  #names = 0;

  constructor(seed: string, hours: number) {
    this.#random = randomFrom(sha256(Buffer.from(seed)));
    this.#block(
      1,
      ["company-a", "user-a", "user-b"].map((owner) => mandate(owner)),
    );
    this.#read(0);
    this.#deliver(2);
    for (let hour = 0; hour < hours; hour++) this.#hour(hour);
  }

  #draw(below: number): number {
    const out = new Float64Array(1);
    this.#random.fillSymmetric(out);
    return Math.floor((((out[0] ?? 0) + 1) / 2) * below);
  }

  #chance(percent: number): boolean {
    return this.#draw(100) < percent;
  }

  #block(minutes: number, frames: readonly Uint8Array[]): readonly LedgerEvent[] {
    const { taken, events } = this.run.block(minutes, frames);
    this.blocks.push({ minutes, frames: taken });
    for (const frame of taken) {
      const opened = openFrame(frame);
      if (opened.ok) count(this.kinds, opened.frame.kind);
    }
    for (const { type } of events) count(this.events, type);
    return events;
  }

  #hour(hour: number): void {
    const slot = startTime + (hour + 1) * hourMs;
    const quotes = ["company-a", "user-a", "user-b"].flatMap((owner) => {
      if (this.#chance(20)) return [];
      const side = owner === "company-a" ? "ask" : "bid";
      this.#names = (this.#names % 250) + 1;
      return [quote(owner, this.#names, { side, quantity: wh(1_000 + this.#draw(60_000)) }, slot)];
    });
    const at = hour * 60;
    this.#block(at + 11, []);
    this.#block(
      at + 12,
      quotes.map(({ seal }) => seal),
    );
    const opened = quotes.filter(() => this.#chance(90)).map(({ open }) => open);
    this.#block(at + 41, [...opened, ...this.#registry(), ...this.#corrections(hour)]);
    const signed = this.#block(at + 51, this.#rulings());
    this.#block(at + 55, this.#objections(signed));
    this.#read(hour + 1);
    this.#deliver(at + 61);
  }

  /** What the meters show at an hour: some are exchanged, some do not answer. */
  #read(hour: number): void {
    for (const unit of this.#units) {
      const time = startTime + hour * hourMs;
      unit.wh.importWh += this.#draw(30_000);
      unit.wh.exportWh += unit.owner === "company-a" ? this.#draw(60_000) : 0;
      if (this.#chance(8)) {
        unit.kept.push(
          unit.chain.batch(entry(time, 0, 0, { quality: quality.gap, registers: new Map() })),
        );
        continue;
      }
      const anew = this.#chance(3);
      if (anew) unit.wh = { importWh: this.#draw(500), exportWh: this.#draw(500) };
      const how = anew ? quality.reset : this.#chance(5) ? quality.substituted : quality.measured;
      const { importWh, exportWh } = unit.wh;
      unit.kept.push(unit.chain.batch(entry(time, importWh, exportWh, { quality: how })));
      if (!this.#chance(3)) continue;
      unit.wh = { importWh: this.#draw(500), exportWh: this.#draw(500) };
      const first = entry(time, unit.wh.importWh, unit.wh.exportWh, { quality: quality.replaced });
      unit.kept.push(unit.chain.batch(first));
    }
  }

  /** Most units send at once, some much later; what is refused stays where it is. */
  #deliver(minutes: number): void {
    const sent = this.#units.flatMap((unit) => {
      const isHeldBack = this.#chance(25) || (unit.owner === "user-b" && this.#suspended);
      return isHeldBack
        ? []
        : unit.kept.splice(0).map((batch) => frameOf(unit.signer, "readings", batch));
    });
    this.#block(minutes, sent);
    assert.equal(this.blocks.at(-1)?.frames.length, sent.length, "a unit's readings are taken");
  }

  /** Owners come, a unit is suspended, resumed, gets a new key. */
  #registry(): Uint8Array[] {
    const frames: Uint8Array[] = [];
    const change = (what: DeviceChange["change"]) => {
      this.#suspended = what === "suspend";
      const reason = what === "suspend" ? "tampering" : "cleared";
      const about = { by: "member-c", device: "user-b-unit", change: what, reason } as const;
      frames.push(frameOf("member-c", "device-change", { ...about, version: ++this.#changes }));
    };
    if (this.#suspended ? this.#chance(30) : this.#chance(5)) {
      change(this.#suspended ? "resume" : "suspend");
    }
    const unit = this.#units[3];
    if (unit !== undefined && this.#chance(6)) {
      unit.signer = `user-b-unit key ${++this.#names}`;
      const [device] = weekGenesis().devices.slice(-1);
      if (device !== undefined)
        frames.push(this.#admit([], [{ ...device, key: signerOfName(unit.signer).publicKey }]));
    }
    if (this.#chance(6)) {
      const id = `guest-${this.blocks.length}`;
      const key = signerOfName(id).publicKey;
      frames.push(this.#admit([{ id, party: "user", name: id, key, boxKey: key }], []));
    }
    return frames;
  }

  #admit(
    owners: Message<"admission">["owners"],
    devices: Message<"admission">["devices"],
  ): Uint8Array {
    const nonce = sha256(Buffer.from(`nonce ${this.blocks.length} ${owners.length}`)).slice(0, 16);
    return frameOf("member-a", "admission", { nonce, member: "member-a", owners, devices });
  }

  #corrections(hour: number): Uint8Array[] {
    if (hour < 2 || !this.#chance(20)) return [];
    const slot = startTime + (1 + this.#draw(hour - 1)) * hourMs;
    const meter = `${["company-a", "user-a", "user-b"][this.#draw(3)]}-meter`;
    const version = (this.#corrected.get(`${slot} ${meter}`) ?? 0) + 1;
    if (version > 1 && this.#open.some((open) => open.slot === slot)) return [];
    this.#corrected.set(`${slot} ${meter}`, version);
    const message: Correction = {
      member: "member-a",
      meter,
      slot: utcMs(slot),
      version,
      importWh: wh(this.#draw(40_000)),
      exportWh: wh(this.#draw(40_000)),
      reason: "meter-error",
    };
    this.#open.push(opened(slot, encodeMessage("correction", message)));
    return [frameOf("member-a", "correction", message)];
  }

  #objections(events: readonly LedgerEvent[]): Uint8Array[] {
    return events.flatMap((event) => {
      if (event.type !== "contract-signed" || !this.#chance(12)) return [];
      const message: Objection = {
        by: "member-b",
        contract: event.contract,
        against: "seller",
        reason: "price-abuse",
      };
      this.#open.push(opened(event.slot, encodeMessage("objection", message)));
      return [frameOf("member-b", "objection", message)];
    });
  }

  /** One member more gives its word in each case; some cases are left to lapse. */
  #rulings(): Uint8Array[] {
    return this.#open.flatMap(({ slot, motion, left }) => {
      const member = this.#chance(60) ? left.pop() : undefined;
      if (member === undefined) return [];
      const word = this.#chance(75) ? "uphold" : "reject";
      return [frameOf(member, "ruling", { member, slot: utcMs(slot), motion, word })];
    });
  }
}

function opened(slot: number, payload: Uint8Array): Open {
  return { slot, motion: sha256(payload), left: [...judges] };
}

function count<K>(counts: Map<K, number>, name: K): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
