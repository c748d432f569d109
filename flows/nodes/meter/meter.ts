import type { Meter } from "@busbar/edge";
import { Failure } from "@busbar/protocol";
import { flowError, told } from "../link/errors.ts";
import { optional } from "../link/form.ts";
import { Inbox } from "../link/inbox.ts";
import { type Output, outputOf, shownValue } from "../link/live.ts";
import type { Msg, NodeConfig, Red, RedNode } from "../link/red.ts";
import { openMeterAt } from "./buses.ts";
import { addMeterEndpoints } from "./endpoints.ts";
import { everyMsOf, placeOfForm } from "./place.ts";
import { measured, readingMessage } from "./reading.ts";

/** Whoever asked gets an answer: a value, or why there is none. */
function noValue(name: string, { kind, code }: Output) {
  return flowError("flows.value", `${name} has no ${code || kind}; choose a value that it shows`);
}

/** `busbar-meter`: reads a meter by the edge's own driver, by its clock or when a message asks. */
export default function register(red: Red): void {
  function MeterNode(this: RedNode, config: NodeConfig): void {
    red.nodes.createNode(this, config);
    const output = outputOf(config);
    const name = optional(config.meter) || optional(config.profile) || "meter";
    const inbox = new Inbox(this);
    const reader = new Reader(config);
    let timer: NodeJS.Timeout | undefined;
    let closed = false;

    const read = async (): Promise<Msg | undefined> => {
      const { reading, serial } = await reader.read();
      const msg = readingMessage({ meter: name, serial, reading }, output);
      if (msg === undefined) {
        this.status({ fill: "yellow", shape: "dot", text: "busbar.status.no-value" });
        return undefined;
      }
      const text = shownValue({ ...measured(reading), meter: name }, msg.payload, output);
      this.status({ fill: "green", shape: "dot", text });
      return msg;
    };

    this.on("input", (msg, send, done) => {
      inbox.take(async () => {
        const answer = await read();
        if (answer === undefined) throw noValue(name, output);
        send({ ...msg, ...answer });
      }, done);
    });

    // One trouble is told once, not at each poll; the status shows it all the time.
    let trouble = "";
    const poll = (everyMs: number) => {
      const began = performance.now();
      const again = (error?: Error) => {
        const code = error instanceof Failure ? error.code : (error?.message ?? "");
        if (error !== undefined && code !== trouble && !closed) this.error(error, { topic: name });
        trouble = code;
        if (closed) return;
        // The next one in its rhythm; a meter that answers slowly is never asked twice at once.
        timer = setTimeout(poll, Math.max(0, everyMs - (performance.now() - began)), everyMs);
      };
      inbox.take(async () => {
        const msg = await read();
        if (msg !== undefined && !closed) this.send(msg);
      }, again);
    };
    try {
      placeOfForm(config);
      const everyMs = everyMsOf(config);
      if (everyMs !== undefined) poll(everyMs);
    } catch (error) {
      this.status({ fill: "red", shape: "ring", text: "busbar.status.no-meter" });
      this.error(told(error));
    }
    this.on("close", (_removed, done) => {
      closed = true;
      clearTimeout(timer);
      void inbox
        .close()
        .then(() => reader.close())
        .then(done, done);
    });
  }
  addMeterEndpoints(red);
  red.nodes.registerType("busbar-meter", MeterNode);
}

/** A meter that is opened when it is first read, and asked who it is again after a failure. */
class Reader {
  readonly #config: NodeConfig;
  #meter: Meter | undefined;
  #serial: string | undefined;
  #known = false;

  constructor(config: NodeConfig) {
    this.#config = config;
  }

  /** Throws: `Failure` `flows.*`, `meter.*`. */
  async read() {
    this.#meter ??= await openMeterAt(placeOfForm(this.#config));
    try {
      if (!this.#known) this.#serial = (await this.#meter.identify()).serialNumber;
      this.#known = true;
      return { reading: await this.#meter.read(), serial: this.#serial };
    } catch (error) {
      // It may be another one now, whose registers go on from elsewhere.
      this.#known = false;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#meter?.close();
  }
}
