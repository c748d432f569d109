import assert from "node:assert/strict";
import type { Timing } from "../../aggregator/consensus/pbft/limits.ts";
import type { Message, Proposal } from "../../aggregator/consensus/pbft/messages.ts";
import type { Evidence } from "../../aggregator/consensus/pbft/ports.ts";
import { isInForce, votes } from "../../aggregator/consensus/pbft/state.ts";
import { Auditor } from "./auditor.ts";
import { Byzantine, type Manner } from "./byzantine.ts";
import { Member, siteMs } from "./member.ts";
import { Agenda, Network } from "./network.ts";
import type { Random } from "./random.ts";
import { ToyKeys } from "./toy-crypto.ts";
import { frameOf } from "./toy-ledger.ts";
import { Words } from "./words.ts";

export type Place = { readonly member: Member; readonly byzantine: Byzantine | undefined };
export type Liar = { readonly id: string; readonly manner: Manner };

/** How often a member looks at the time, virtual ms. */
const tickMs = 50;

/** Members with links between them in virtual time; an auditor looks on after each step of each. */
export class Cluster {
  readonly agenda = new Agenda();
  readonly network: Network;
  readonly keys: ToyKeys;
  readonly places: Place[] = [];
  readonly auditor: Auditor;
  readonly words: Words;
  readonly frames: Uint8Array[] = [];
  readonly counts = new Map<string, number>();
  readonly accused = new Map<string, Evidence>();
  trace: ((line: string) => void) | undefined;
  /** Sees each message before it is sent. */
  onSend: (from: string, message: Message) => void = () => {};
  readonly #random: Random;

  /** `others`: keys of those who are no members yet. */
  constructor(options: {
    readonly random: Random;
    readonly ids: readonly string[];
    readonly others?: readonly string[];
    readonly liars?: readonly Liar[];
    readonly timing: Timing;
    readonly framesPerBlock?: number;
    readonly clockOffsetMs?: () => number;
  }) {
    const { random, ids, others = [], liars = [], timing, framesPerBlock = 4 } = options;
    this.#random = random;
    this.keys = new ToyKeys([...ids, ...others]);
    const skewMsMax = 2_000;
    this.auditor = new Auditor(
      this.keys,
      () => siteMs(this.agenda.now) + skewMsMax + timing.clockMsMax,
    );
    this.words = new Words(liars.map(({ id }) => id));
    this.network = new Network(this.agenda, random);
    const world = {
      now: () => this.agenda.now,
      keys: this.keys,
      timing,
      framesPerBlock,
      later: (ms: number, call: () => void) => this.agenda.at(this.agenda.now + ms, call),
      part: () => random.next(),
      run: (by: Member, proposal: Proposal) => this.#isHonest(by) && this.words.ran(by, proposal),
      send: (from: Member, to: string | "all", message: Message) => this.#send(from, to, message),
      report: (by: Member, evidence: Evidence) => this.#report(by, evidence),
      deviates: (by: Member, member: string) => this.#deviates(by, member),
      count: (reason: string) => this.count(reason),
    };
    const everybody = [...ids, ...others];
    const places = everybody.map((_, i) => i);
    for (const id of everybody) {
      const manner = liars.find((liar) => liar.id === id)?.manner;
      for (let twin = manner === "twin" ? 2 : 1; twin > 0; twin -= 1) {
        const member = new Member(id, ids, world);
        member.clockOffsetMs = options.clockOffsetMs?.() ?? 0;
        const tools = { random, keys: this.keys, places };
        const byzantine = manner === undefined ? undefined : new Byzantine(member, manner, tools);
        this.places.push({ member, byzantine });
        member.start();
      }
    }
    for (const [i, place] of this.places.entries()) this.agenda.at(i, () => this.#tick(place));
  }

  get honest(): Place[] {
    return this.places.filter(({ byzantine }) => byzantine === undefined);
  }

  member(id: string): Member {
    const place = this.places.find(({ member }) => member.id === id);
    if (place === undefined) throw new Error(`no member ${id}`);
    return place.member;
  }

  count(reason: string): void {
    this.counts.set(reason, (this.counts.get(reason) ?? 0) + 1);
  }

  /** A frame comes to a member, or to any honest one that is up; who is down is tried again later. */
  submit(line: string, id?: string): void {
    const up = this.honest.filter(({ member }) => member.runs && (id ?? member.id) === member.id);
    const place = this.#random.pick(up);
    if (place === undefined) {
      return this.agenda.at(this.agenda.now + 500, () => this.submit(line, id));
    }
    const frame = frameOf(line);
    this.frames.push(frame);
    place.member.submit(frame);
    this.#spread(place, frame);
    place.member.take({ kind: "tick" });
    this.#audit(place);
  }

  /** Lives until something holds; false when it does not within so much virtual time. */
  until(holds: () => boolean, msMax: number): boolean {
    return this.agenda.until(holds, msMax);
  }

  /** Lives for so much virtual time. */
  live(ms: number): void {
    this.until(() => false, ms);
  }

  /** Every frame stands in a block, and all honest members that are up have all blocks. */
  get isQuiet(): boolean {
    const heights = new Set(
      this.honest
        .filter(({ member }) => member.isUp)
        .map(({ member }) => member.disk.ledger.height),
    );
    return (
      heights.size === 1 &&
      heights.has(this.auditor.height) &&
      this.frames.every((frame) => this.auditor.placeOf(frame) !== undefined)
    );
  }

  /** Whether enough honest members are in one view to order something in it. */
  get hasQuorumInForce(): boolean {
    const inForce = new Map<string, number>();
    for (const { member } of this.honest) {
      const { replica } = member;
      if (replica === undefined || !votes(replica) || !isInForce(replica)) continue;
      const name = `${replica.council.epoch} ${replica.view}`;
      const count = (inForce.get(name) ?? 0) + 1;
      inForce.set(name, count);
      if (count >= replica.council.quorum) return true;
    }
    return false;
  }

  /** Where everybody stands, in words. */
  get standing(): string {
    const waiting = this.frames.filter((frame) => this.auditor.placeOf(frame) === undefined);
    const states = this.places.map(({ member: { id, replica, disk }, byzantine }) => {
      const view = replica === undefined ? "down" : `${replica.view}/${replica.asked}`;
      const manner = byzantine === undefined ? "" : ` (${byzantine.manner})`;
      return `${id}${manner} height ${disk.ledger.height} view ${view}`;
    });
    return `${waiting.length} frames in no block; ${states.join(", ")}`;
  }

  /** Tells the others of a frame that waits here. */
  #spread(place: Place, frame: Uint8Array): void {
    const from = this.places.indexOf(place);
    for (const [to, other] of this.places.entries()) {
      if (other === place) continue;
      this.network.send(from, to, () => other.member.isUp && other.member.submit(frame));
    }
  }

  #tick(place: Place): void {
    const { member } = place;
    member.take({ kind: "tick" });
    this.#audit(place);
    const [oldest] = member.disk.pool.values();
    if (member.runs && oldest !== undefined && this.#random.chance(0.1)) {
      this.#spread(place, oldest.frame);
    }
    this.agenda.at(this.agenda.now + tickMs, () => this.#tick(place));
  }

  #send(from: Member, to: string | "all", message: Message): void {
    this.onSend(from.id, message);
    const at = this.places.findIndex(({ member }) => member === from);
    const sender = this.places[at];
    if (sender?.byzantine === undefined) this.words.hear(from, message);
    this.trace?.(`${this.agenda.now.toFixed(1)} ${from.id} → ${to}: ${wordsOf(message)}`);
    for (const [i, place] of this.places.entries()) {
      if (place.member.id === from.id || (to !== "all" && place.member.id !== to)) continue;
      for (const said of sender?.byzantine?.say(message, i) ?? [message]) {
        const deliver = () => {
          place.byzantine?.hear(said);
          place.member.take({ kind: "message", from: from.id, message: said });
          this.#audit(place);
        };
        const lagMs = sender?.byzantine?.lagMs ?? 0;
        if (lagMs === 0) this.network.send(at, i, deliver);
        else this.agenda.at(this.agenda.now + lagMs, () => this.network.send(at, i, deliver));
      }
    }
  }

  #report(by: Member, evidence: Evidence): void {
    if (!this.#isHonest(by)) return;
    this.accused.set(evidence.member, evidence);
    this.count("reported");
  }

  #deviates(by: Member, id: string): void {
    if (!this.#isHonest(by)) return;
    const isHonest = this.honest.some(({ member }) => member.id === id);
    assert(!isHonest, `${by.id} says that ${id} signed another block, but that one is honest`);
    this.count("deviation");
  }

  #isHonest(by: Member): boolean {
    return this.honest.some(({ member }) => member === by);
  }

  #audit({ member, byzantine }: Place): void {
    if (byzantine === undefined) this.auditor.look(member);
  }
}

/** A message in a line. */
function wordsOf(message: Message): string {
  const body = (message.name === "pre-prepare" ? message.body.vote : message.body) as Record<
    string,
    unknown
  >;
  const parts = ["phase", "view", "height", "digest"].flatMap((key) => {
    const value = body[key];
    if (value === undefined) return [];
    return [
      value instanceof Uint8Array ? Buffer.from(value).toString("hex", 0, 4) : `${key} ${value}`,
    ];
  });
  return [message.name, ...parts].join(" ");
}
