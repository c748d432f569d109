import { type Failure, parseTopic, topicsOf } from "@busbar/protocol";
import { decodeBeat, decodeWill, encodeBeat, encodeWill, type WorkerName } from "./beat.ts";
import type { Both } from "./both-sessions.ts";
import type { ExternalCode } from "./codes.ts";
import { Group } from "./group.ts";
import { Holdings } from "./holdings.ts";
import { groupFilters, inward, outward, siteFilters, siteKey } from "./passage.ts";
import type { Message, Publication } from "./session.ts";
import type { WorkerOptions } from "./worker-options.ts";

type LifeOptions = WorkerOptions & { readonly instance: string };

/** Devices that one group takes care of: births of any number of names would fill the memory. */
const devicesMax = 100_000;
/** Filters of one SUBSCRIBE: brokers bound a packet, and answer one after the other. */
const filtersAtOnce = 50;
/** Answers on their way to the broker, beyond which the member's is read no more, and below which again. */
const answersMax = { pause: 512, resume: 128 };
/** Frames of QoS 0 on their way to the member; those of QoS 1 the broker bounds. */
const unaskedMax = 1_024;
/** How often the member's readiness is said again: a broker may keep nothing for wildcards. */
const hostEveryMs = 5_000;
const hostSoonMs = 500;

/** What a worker does between the moment when both connections stand and the end of one of them. */
export class WorkerLife {
  readonly #options: LifeOptions;
  readonly #topics: ReturnType<typeof topicsOf>;
  readonly #own: { readonly worker: WorkerName; readonly instance: string };
  readonly #group: Group;
  readonly #holdings = new Holdings(devicesMax);
  /** Devices whose answers are heard at the member's broker. */
  readonly #listening = new Set<string>();
  /** By key: frames that wait until their answers can be heard. */
  readonly #preparing = new Map<string, Promise<void>>();
  #both: Both | undefined;
  /** What came in one piece with the broker's answer to CONNECT. */
  readonly #early: (() => void)[] = [];
  #joined = false;
  #leaving = false;
  #arranging: Promise<void> | undefined;
  #again = false;
  #lastHost: Uint8Array | undefined;
  #hostToldAt = Number.NEGATIVE_INFINITY;
  #holdsHost = false;
  #forwards = 0;
  #paused = false;
  #ready = "";

  constructor(options: LifeOptions) {
    this.#options = options;
    this.#topics = topicsOf(options.site);
    const { member, name, instance, leaseMs } = options;
    this.#own = { worker: `${member}/${name}`, instance };
    this.#group = new Group({ own: this.#own, leaseMs });
    this.#holdings.learn(siteKey);
  }

  /** Resolves when one of the connections is over, or what it asked was refused. */
  async begin(both: Both): Promise<Failure> {
    this.#both = both;
    for (const handle of this.#early.splice(0)) handle();
    const { leaseMs, site, split } = this.#options;
    // Four beats fit into a lease: three may get lost.
    const beatMs = leaseMs / 4;
    const timers: NodeJS.Timeout[] = [];
    const work = async () => {
      const all = split === "wildcard" ? [this.#topics.readings("+")] : [];
      // Of what was said while it was away the newest comes again; old beats must not wait for it.
      await both.outer.insist(groupFilters(site), 0);
      await both.outer.insist(all);
      this.#beat();
      timers.push(setInterval(() => this.#tick(), beatMs));
      // Whoever is there says so within one beat.
      timers.push(setTimeout(() => this.#join(), beatMs * 1.5));
    };
    work().catch((error: unknown) => this.#broken(error));
    const reason = await both.ended;
    for (const timer of timers) clearTimeout(timer);
    both.cut();
    return reason;
  }

  /** Ends it as one that has nothing more to do: the others take over at once. */
  end(): void {
    const both = this.#both;
    if (both === undefined || both.outer.over) return;
    this.#leaving = true;
    // After a good-bye the broker publishes no last will, so it is said before.
    const topic = this.#topics.host(this.#options.member);
    const said = both.outer.publish({
      topic,
      payload: encodeWill(this.#own),
      qos: 1,
      retain: true,
    });
    const close = () => both.close();
    said.then(close, close);
  }

  /** A message of the external broker. */
  outer(message: Message): void {
    if (this.#both === undefined) return void this.#early.push(() => this.outer(message));
    const topic = parseTopic(this.#options.site, message.topic);
    if (topic?.of === "host") {
      message.acknowledge();
      if (topic.name === "workers") this.#hearBeat(topic.id, message.payload);
      if (topic.name === "state") this.#hearState(topic.id, message.payload);
      return;
    }
    if (topic?.of === "device" && topic.name === "state") {
      message.acknowledge();
      this.#born(topic.id, message.payload);
      return;
    }
    this.#frame(message);
  }

  /** A message of the member's own broker. */
  inner(message: Message): void {
    if (this.#both === undefined) return void this.#early.push(() => this.inner(message));
    message.acknowledge();
    const { site, member } = this.#options;
    const { topic, payload } = message;
    const passed = outward(site, member, topic, payload);
    if (passed === undefined) return this.#count("worker.not-ours");
    if (topic === this.#topics.host(member)) {
      this.#lastHost = payload;
      return this.#tellHost();
    }
    this.#outward({ topic, payload, qos: 1, ...passed });
  }

  #frame(message: Message): void {
    const { topic, payload, qos } = message;
    const passed = inward(this.#options.site, topic, payload);
    const drop = (code: ExternalCode) => {
      this.#count(code);
      // Acknowledged, or it would come again for ever.
      message.acknowledge();
    };
    if (!passed.ok) return drop(passed.code);
    if (qos === 0 && this.#forwards >= unaskedMax) return drop("worker.too-many-unacknowledged");
    const { key } = passed;
    if (this.#holdings.learn(key) === "too-many") return drop("worker.too-many-devices");
    // A device's frames have an order: none overtakes one that waits.
    const before = this.#preparing.get(key);
    if (before !== undefined) return this.#after(key, before, message);
    if (this.#holdings.held.has(key)) return this.#forward(message);
    // What the broker kept for this worker comes before it knows the others.
    if (!this.#joined) return this.#after(key, this.#listen([key]), message);
    if (this.#group.holds(key)) return this.#after(key, this.#arrange(), message);
    if (this.#options.split === "wildcard") return message.acknowledge();
    // The broker gave it to this one, maybe to nobody else: a reading twice is none lost.
    this.#forward(message);
    if (!this.#group.mayLetGo(key)) return;
    const old = this.#both?.outer.unsubscribe(this.#framesOf([key]));
    old?.catch((error: unknown) => this.#broken(error));
  }

  #after(key: string, prepared: Promise<void>, message: Message): void {
    const done = prepared.then(() => this.#forward(message));
    this.#preparing.set(key, done);
    done.then(
      () => {
        if (this.#preparing.get(key) === done) this.#preparing.delete(key);
      },
      (error: unknown) => this.#broken(error),
    );
  }

  /** To the member, who has it on its disk when it acknowledges; only then it is the broker's no more. */
  #forward(message: Message): void {
    const { topic, payload } = message;
    this.#forwards += 1;
    const stored = this.#both?.inner.publish({ topic, payload, qos: 1 });
    stored?.then(
      () => {
        this.#forwards -= 1;
        this.#options.counters.count("worker-forwarded");
        message.acknowledge();
      },
      (error: unknown) => this.#broken(error),
    );
  }

  #outward(publication: Publication): void {
    const both = this.#both;
    if (both === undefined) return;
    const { outer, inner } = both;
    outer.publish(publication).then(
      () => {
        if (!this.#paused || outer.unanswered > answersMax.resume) return;
        this.#paused = false;
        inner.resume();
      },
      (error: unknown) => this.#broken(error),
    );
    if (this.#paused || outer.unanswered <= answersMax.pause) return;
    this.#paused = true;
    inner.pause();
  }

  #hearBeat(member: string, payload: Uint8Array): void {
    const beat = decodeBeat(member, payload);
    if (beat === undefined) return this.#count("worker.not-ours");
    const heard = this.#group.hear(beat, performance.now());
    if (heard === "duplicate") return this.#duplicate(beat.instance);
    if (heard !== "changed") return;
    // Whoever is new has to hear of all others before it takes anything.
    this.#beat();
    this.#rearrange();
  }

  #duplicate(instance: string): void {
    const { name, log } = this.#options;
    const code: ExternalCode = "worker.duplicate";
    this.#count(code);
    const message = `another worker runs as ${name} (instance ${instance}): give each its own --name`;
    log.warn({ event: "worker-duplicate", code, message });
  }

  #hearState(member: string, payload: Uint8Array): void {
    const gone = decodeWill(member, payload);
    if (gone === undefined || gone.instance === this.#own.instance) return;
    const changed = this.#group.lost(gone);
    if (changed) {
      this.#options.log.info({ event: "worker-gone", worker: gone.worker });
      this.#rearrange();
    }
    // A worker that is gone says for its member that it is: not so while this one is here.
    if (member === this.#options.member) this.#tellHost();
  }

  /** A device signed in at the broker. */
  #born(device: string, payload: Uint8Array): void {
    if (payload.length === 0) return;
    const learned = this.#holdings.learn(device);
    if (learned === "too-many") return this.#count("worker.too-many-devices");
    if (learned === "new") this.#rearrange();
    else if (this.#holdings.held.has(device)) {
      // It signed in again: the member tells it what it missed, as whoever subscribes.
      this.#listening.delete(device);
      this.#listen([device]).catch((error: unknown) => this.#broken(error));
    }
    if (performance.now() - this.#hostToldAt > hostSoonMs) this.#tellHost();
  }

  /** To hear devices' answers at the member's broker. */
  async #listen(keys: readonly string[]): Promise<void> {
    const devices = keys.filter((key) => key !== siteKey && !this.#listening.has(key));
    for (const device of devices) this.#listening.add(device);
    await inParts(this.#answersOf(devices), (part) => this.#both?.inner.insist(part));
  }

  #join(): void {
    this.#joined = true;
    this.#rearrange();
  }

  #rearrange(): void {
    if (!this.#joined) return;
    this.#arrange().catch((error: unknown) => this.#broken(error));
  }

  /** Brings subscriptions to what the group says now; one run at a time, again where it changed. */
  #arrange(): Promise<void> {
    this.#again = true;
    this.#arranging ??= this.#arrangeAll().finally(() => {
      this.#arranging = undefined;
    });
    return this.#arranging;
  }

  async #arrangeAll(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      const { view } = this.#group;
      const { take, letGo } = this.#holdings.changes(this.#group);
      await this.#take(take);
      await this.#takeHost();
      await this.#letGo(letGo);
      if (this.#group.view === view) this.#settled(view);
      else this.#again = true;
    }
  }

  #settled(view: string): void {
    this.#group.settle(view);
    if (this.#ready === view) return;
    this.#ready = view;
    this.#beat();
    const { log, onReady } = this.#options;
    const { live } = this.#group;
    log.info({ event: "worker-settled", live, devices: this.#holdings.held.size });
    onReady?.(live);
  }

  /** First the answers' way, then the frames': no frame is answered that could not be heard. */
  async #take(keys: readonly string[]): Promise<void> {
    await this.#listen(keys);
    if (keys.includes(siteKey)) await this.#both?.inner.insist(siteFilters(this.#options.site));
    await inParts(this.#framesOf(keys), (part) => this.#both?.outer.insist(part));
    this.#holdings.took(keys);
  }

  async #letGo(keys: readonly string[]): Promise<void> {
    this.#holdings.letGo(keys);
    await inParts(this.#framesOf(keys), (part) => this.#both?.outer.unsubscribe(part));
    const { held } = this.#holdings;
    const deaf = [...this.#listening].filter((id) => !held.has(id) && !this.#group.holds(id));
    for (const id of deaf) this.#listening.delete(id);
    const ofSite = keys.includes(siteKey) ? siteFilters(this.#options.site) : [];
    const filters = [...ofSite, ...this.#answersOf(deaf)];
    await inParts(filters, (part) => this.#both?.inner.unsubscribe(part));
  }

  #answersOf(devices: readonly string[]): readonly string[] {
    const { receipts, commands } = this.#topics;
    return devices.flatMap((id) => [receipts(id), commands(id)]);
  }

  #framesOf(keys: readonly string[]): readonly string[] {
    const { readings, quotes } = this.#topics;
    return keys.flatMap((key) => {
      if (key === siteKey) return [quotes];
      return this.#options.split === "topics" ? [readings(key)] : [];
    });
  }

  /** One of a member's workers says whether it is ready; all hear it, to be able to take over. */
  async #takeHost(): Promise<void> {
    const { member } = this.#options;
    if (!this.#holdsHost) await this.#both?.inner.insist([this.#topics.host(member)]);
    this.#holdsHost = true;
  }

  #tellHost(): void {
    const { member } = this.#options;
    if (!this.#joined || this.#leaving || this.#lastHost === undefined) return;
    if (!this.#group.holds("host", member)) return;
    this.#hostToldAt = performance.now();
    const topic = this.#topics.host(member);
    this.#outward({ topic, payload: this.#lastHost, qos: 1, retain: true });
  }

  #tick(): void {
    const over = this.#group.lapse(performance.now());
    for (const worker of over) this.#options.log.warn({ event: "worker-silent", worker });
    this.#beat();
    this.#rearrange();
    if (performance.now() - this.#hostToldAt > hostEveryMs) this.#tellHost();
  }

  #beat(): void {
    if (this.#leaving) return;
    const topic = this.#topics.workers(this.#options.member);
    const payload = encodeBeat(this.#group.beat());
    this.#both?.outer.publish({ topic, payload, qos: 0 }).catch((error) => this.#broken(error));
  }

  /** What was asked of a connection failed: the next life begins with what the brokers still have. */
  #broken(error: unknown): void {
    const both = this.#both;
    if (both === undefined || both.outer.over || both.inner.over) return;
    this.#options.log.warn({ event: "worker-broken", err: error });
    both.cut();
  }

  #count(code: ExternalCode): void {
    this.#options.counters.count(code);
  }
}

/** One part after the other: a broker bounds the packet that it takes. */
async function inParts(
  filters: readonly string[],
  ask: (part: readonly string[]) => Promise<void> | undefined,
): Promise<void> {
  for (let at = 0; at < filters.length; at += filtersAtOnce) {
    await ask(filters.slice(at, at + filtersAtOnce));
  }
}
