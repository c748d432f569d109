import { type MemberEntry, parseTopic, topicsOf } from "@busbar/protocol";
import type { BrokerConfig } from "../config/schema.ts";
import { isDiskFault } from "../journal/database.ts";
import { Announcer, type AnnouncerOptions } from "./announcer.ts";
import { Answers } from "./answers.ts";
import type { BackOffBounds } from "./back-off.ts";
import { Connection, usualBackOff } from "./connection.ts";
import { Councils } from "./councils.ts";
import { DeviceState } from "./device-state.ts";
import { Hearing } from "./hearing.ts";
import { HostWatch } from "./host-watch.ts";
import type { LinkOptions, LinkStatus } from "./link-options.ts";
import { NearerBroker } from "./nearer-broker.ts";
import { probeBroker } from "./probe.ts";
import type { LinkProblem } from "./problem.ts";
import { Sender } from "./sender.ts";
import { brokerPassword } from "./token.ts";

/** Slow, so that two units with one id both get some of their readings through and fill no log. */
const rivalBackOffUsual: BackOffBounds = { msMin: 60_000, msMax: 300_000 };
const returnBackOffUsual: BackOffBounds = { msMin: 30_000, msMax: 300_000 };
/** How long frames in flight are waited for before a move to a nearer broker. */
const calmMsMax = 5_000;

/**
 * Brings signed frames to the ledger and receipts back. Nothing is done before the receipt verified:
 * neither a broker's PUBACK nor a refusal, which nobody signed, ends a frame's waiting.
 */
export class Link {
  readonly #options: LinkOptions;
  readonly #connection: Connection;
  readonly #sender: Sender;
  readonly #answers: Answers;
  readonly #councils: Councils;
  readonly #hearing: Hearing;
  readonly #watch: HostWatch;
  readonly #topics;
  readonly #state: DeviceState;
  readonly #nearer: NearerBroker;
  /** The nearer broker to go to as soon as no frame is under way. */
  #leavingFor: number | undefined;
  #calmTimer: NodeJS.Timeout | undefined;
  readonly #announcer: Announcer | undefined;
  #mandateSaid = false;
  #timer: NodeJS.Timeout | undefined;
  /** What was told of brokers since the last connection. */
  readonly #failures = new Set<string>();
  #pumping = false;
  #lastReceiptAt: number | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#topics = topicsOf(options.chain);
    this.#councils = new Councils(options.membership, options.stepNotes);
    this.#hearing = new Hearing({ ...options, councils: this.#councils });
    this.#watch = this.#makeWatch();
    this.#state = new DeviceState({
      ...options,
      topic: this.#topics.state(options.device),
      address: () => this.#connection.localAddress,
    });
    this.#sender = new Sender({
      outboxes: options.outboxes,
      now: () => Math.round(performance.now()),
      random: Math.random,
      ...(options.answerMsMax === undefined ? {} : { answerMsMax: options.answerMsMax }),
    });
    this.#answers = new Answers({
      ...options,
      sender: this.#sender,
      councils: this.#councils,
      onCouncil: () => this.#watch.heed(this.#members),
      onMember: (member, height) => this.#member(member, height),
      onAnswer: (kind) => this.#answered(kind),
    });
    this.#connection = this.#makeConnection();
    this.#nearer = this.#makeNearer();
    this.#announcer = this.#makeAnnouncer();
  }

  get status(): LinkStatus {
    const { up, url, problem } = this.#connection;
    return {
      connected: up,
      broker: url,
      reason: up ? undefined : problem.message,
      problem: this.#problem(),
      hostReady: this.#watch.ready,
      inFlight: this.#sender.inFlight,
      lastReceiptAt: this.#lastReceiptAt,
      receiptTimes: this.#sender.receiptTimes.view(),
      blocked: this.#sender.blocked,
    };
  }

  start(): void {
    this.#connection.start();
  }

  /** Something new waits in an outbox. */
  wake(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    // Receipts come in bursts: one look at the outboxes serves them all.
    setImmediate(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  /** A meter's newest values for people's tools; never billed, so never queued. */
  publishLive(meter: string, values: object): void {
    const { device } = this.#options;
    const payload = JSON.stringify(values);
    const topics = [this.#topics.live(device)];
    if (this.#announcer?.taken === true) topics.push(this.#topics.meterLive(device, meter));
    for (const topic of topics) {
      this.#connection.publish({ topic, payload, qos: 0, retain: false });
    }
  }

  /** What Home Assistant is to know has changed. */
  announce(): void {
    if (this.#connection.up) this.#guarded(() => this.#announcer?.say());
  }

  /** A part of an answer to who supports the unit; false where no connection stands. */
  publishSupport(payload: Uint8Array): boolean {
    const topic = this.#topics.supportAnswer(this.#options.device);
    return this.#connection.publish({ topic, payload, qos: 1, retain: false });
  }

  async stop(): Promise<void> {
    this.#clearTimers();
    await this.#connection.stop(this.#state.offline());
    this.#guarded(() => this.#answers.store());
    this.#clearTimers();
  }

  /** Whose word as a host counts. */
  get #members(): readonly { readonly id: string }[] {
    const proven = (this.#options.memberBrokers?.members ?? []).map((id) => ({ id }));
    return [...this.#councils.members, ...proven];
  }

  #member(member: MemberEntry, height: number): void {
    const { memberBrokers, counters, log } = this.#options;
    if (memberBrokers?.take(member, height) !== true) return;
    const { id, state, broker } = member;
    counters.count("link.member-learned");
    log.info({ member: id, state, broker }, "a member's broker, as the ledger proves it");
    this.#watch.heed(this.#members);
  }

  #problem(): LinkProblem | undefined {
    const standing = this.#connection.up ? this.#watch.problem : this.#connection.problem;
    return this.#state.problem ?? standing;
  }

  #makeWatch(): HostWatch {
    const { brokers, counters, hostMsMax = 30_000, silentMsMax = 90_000 } = this.#options;
    return new HostWatch({
      members: this.#members,
      hostMsMax,
      answerMsMax: silentMsMax,
      onNobody: (why) => {
        counters.count(why.code);
        if (brokers.length > 1) this.#connection.moveOn(why);
      },
    });
  }

  #makeNearer(): NearerBroker {
    const { chain, device, signer, brokers, returnBackOff } = this.#options;
    return new NearerBroker({
      isReady: async (index) => {
        const broker = brokers[index];
        const who = { chain, device, signer, label: "probe", members: this.#members };
        const probe = broker && (await probeBroker(broker, who));
        return probe?.ok === true && probe.hostReady;
      },
      onFound: (index) => this.#return(index),
      now: () => performance.now(),
      random: Math.random,
      bounds: returnBackOff ?? returnBackOffUsual,
    });
  }

  /** Frames whose answers are on their way here are let come home first. */
  #return(index: number): void {
    this.#leavingFor = index;
    this.#calmTimer = setTimeout(() => this.#moveBack(), calmMsMax);
    this.wake();
  }

  #moveBack(): void {
    const index = this.#leavingFor;
    if (index === undefined) return;
    this.#options.counters.count("link.returned");
    this.#connection.moveTo(index);
  }

  #makeAnnouncer(): Announcer | undefined {
    const { announcements, counters, log } = this.#options;
    if (announcements === undefined) return undefined;
    const publish: AnnouncerOptions["publish"] = (...message) =>
      this.#connection.publish(...message);
    return new Announcer({ ...announcements, publish, counters, log });
  }

  #makeConnection(): Connection {
    const { chain, device, signer, brokers, backOff, rivalBackOff, market, keepaliveSeconds } =
      this.#options;
    return new Connection({
      brokers,
      client: device,
      username: device,
      password: (broker) =>
        brokerPassword(broker, { chain, identity: device, client: device, signer }),
      will: () => this.#state.will(),
      subscriptions: [
        this.#topics.receipts(device),
        this.#topics.host("+"),
        ...(this.#options.onOrder === undefined ? [] : [this.#topics.commands(device)]),
        ...(market === undefined ? [] : [this.#topics.positions(market.owner), this.#topics.gates]),
      ],
      // A broker of an older member knows not all of them.
      wishes: [
        this.#topics.state(device),
        ...(this.#options.onRelease === undefined ? [] : [this.#topics.releases]),
        ...(this.#options.onSupport === undefined ? [] : [this.#topics.supportAsk(device)]),
      ],
      onUp: () => this.#up(),
      onDown: (why) => this.#down(why),
      onFailed: (broker, why) => this.#failed(broker, why),
      onMessage: (topic, payload) => this.#guarded(() => this.#take(topic, payload)),
      backOff: () =>
        this.#state.problem === undefined
          ? (backOff ?? usualBackOff)
          : (rivalBackOff ?? rivalBackOffUsual),
      ...(keepaliveSeconds === undefined ? {} : { keepaliveSeconds }),
    });
  }

  /** Told once for each broker and reason: attempts go on for days where nobody listens. */
  #failed({ url }: BrokerConfig, { code, message, remedy }: LinkProblem): void {
    const { counters, log } = this.#options;
    counters.count(code);
    const what = `${url} ${code}`;
    const level = this.#failures.has(what) ? "debug" : "warn";
    this.#failures.add(what);
    log[level]({ broker: url, code, reason: message, remedy }, "broker not usable");
  }

  #up(): void {
    const { log, counters } = this.#options;
    const { url = "" } = this.#connection;
    this.#mandateSaid = false;
    this.#failures.clear();
    counters.count("link.connected");
    log.info({ broker: url, session: this.#state.session }, "link up");
    this.#connection.publish(this.#state.birth(url));
    this.#nearer.watch(this.#connection.index);
    this.#guarded(() => this.#announcer?.up(url));
    this.#watch.up();
    this.wake();
  }

  #down({ code, message, remedy }: LinkProblem): void {
    this.#options.counters.count("link.lost");
    this.#options.counters.count(code);
    this.#options.log.warn({ code, reason: message, remedy }, "link down");
    this.#announcer?.down(code === "link.closed");
    this.#options.market?.onDown();
    this.#sender.connectionLost();
    this.#clearTimers();
  }

  #clearTimers(): void {
    this.#nearer.stop();
    this.#watch.down();
    this.#state.down();
    this.#leavingFor = undefined;
    clearTimeout(this.#timer);
    clearTimeout(this.#calmTimer);
  }

  #pump(): void {
    clearTimeout(this.#timer);
    this.#guarded(() => this.#work());
  }

  #work(): void {
    this.#answers.store();
    if (!this.#connection.up) return;
    if (this.#leavingFor !== undefined) {
      if (this.#sender.inFlight === 0) this.#moveBack();
      return;
    }
    if (this.#watch.ready) this.#send();
  }

  /** Does what writes to the disk. One that is full or gone is told of and tried again. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!isDiskFault(error)) throw error;
      this.#options.counters.count("journal.write-failed");
      this.#options.log.error({ err: error }, "the journal could not be written");
      // What was on its way is not noted as such: it goes again, which counts nothing twice.
      this.#sender.connectionLost();
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#pump(), this.#options.diskMs ?? 5_000);
    }
  }

  #send(): void {
    const { device } = this.#options;
    this.#sayMandate();
    const next = this.#sender.next();
    if (next.length > 0) this.#watch.sent();
    for (const { topic, frame } of next) {
      const name = topic === "readings" ? this.#topics.readings(device) : this.#topics.quotes;
      this.#connection.publish({ topic: name, payload: frame.frame, qos: 1, retain: false });
    }
    const at = this.#sender.wakeAt();
    if (at === undefined) return;
    this.#timer = setTimeout(() => this.#pump(), Math.max(1, at - performance.now() + 1));
  }

  #sayMandate(): void {
    const { mandate } = this.#options;
    if (mandate === undefined || this.#mandateSaid) return;
    const topic = this.#topics.quotes;
    this.#mandateSaid = this.#connection.publish({
      topic,
      payload: mandate,
      qos: 1,
      retain: false,
    });
  }

  #take(name: string, payload: Uint8Array): void {
    const topic = parseTopic(this.#options.chain, name);
    if (topic?.of === "device" && topic.name === "receipts") return this.#answer(payload);
    if (topic?.of === "device" && topic.name === "state") return this.#ownState(payload);
    if (topic?.of === "device" && topic.name === "commands") return this.#hearing.order(payload);
    if (topic?.of === "device" && topic.name === "support-ask") {
      return this.#options.onSupport?.(payload);
    }
    if (topic?.of === "market") {
      return topic.name === "releases"
        ? this.#hearing.release(payload)
        : this.#options.market?.onGates(payload);
    }
    if (topic?.of === "owner") return this.#options.market?.onPositions(payload);
    if (topic?.of === "host") this.#hostState(topic.id, payload);
  }

  #answered(kind: "receipt" | "refusal"): void {
    this.#watch.answered(this.#sender.inFlight);
    if (kind === "refusal") return;
    this.#lastReceiptAt = Date.now();
    this.#options.onCommitted?.();
  }

  #answer(payload: Uint8Array): void {
    this.#answers.take(payload);
    this.wake();
  }

  #ownState(payload: Uint8Array): void {
    const found = this.#state.take(this.#connection.url ?? "", payload);
    if (found === undefined) return;
    const { code, message, remedy } = found;
    this.#options.counters.count(code);
    this.#options.log.error({ code, remedy }, message);
  }

  #hostState(member: string, payload: Uint8Array): void {
    const wasReady = this.#watch.ready;
    if (!this.#watch.take(member, payload)) this.#options.counters.count("link.host-state");
    if (wasReady && !this.#watch.ready) {
      // It went before it answered: what it did not store nobody will answer for.
      this.#sender.connectionLost();
      this.#watch.answered(0);
    }
    this.wake();
  }
}
