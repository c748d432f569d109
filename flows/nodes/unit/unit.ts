import { isId } from "@busbar/protocol";
import { flowError } from "../link/errors.ts";
import { entered, optional } from "../link/form.ts";
import { type Live, outputOf, parseLive, pick, shownValue } from "../link/live.ts";
import type { Msg, NodeConfig, Red, RedNode } from "../link/red.ts";
import { tieToSite } from "../link/site.ts";

/** A live meter reports every few seconds; after this long its last value is no news, ms. */
const silentMs = 60_000;

/** `busbar-unit`: an edge unit's live readings become messages; an input asks for the last one. */
export default function register(red: Red): void {
  function UnitNode(this: RedNode, config: NodeConfig): void {
    red.nodes.createNode(this, config);
    const device = entered(config.device);
    const meter = optional(config.meter);
    const output = outputOf(config);
    if (!isId(device)) {
      this.status({ fill: "red", shape: "ring", text: "busbar.status.no-device" });
      this.error(`device: expected the id of an edge unit, got ${JSON.stringify(device)}`);
      return;
    }
    let last: Msg | undefined;
    let watchdog: NodeJS.Timeout | undefined;
    // While the connection is away, that is the news, not the meter's silence.
    const silent = () => {
      if (!site?.link.connected) return;
      this.status({ fill: "yellow", shape: "ring", text: "busbar.status.silent" });
    };

    const site = tieToSite(red, this, config, {
      topic: ({ topics }) => topics.live(device),
      latest: true,
      onMessage: (payload) => {
        const live = parseLive(payload);
        if (live === undefined) {
          this.warn(`${device}: dropped a message that is no live reading`);
          return;
        }
        if (meter !== "" && live.meter !== meter) return;
        const chosen = pick(live, output);
        if (chosen === undefined) {
          this.status({ fill: "yellow", shape: "dot", text: "busbar.status.no-value" });
          return;
        }
        last = messageOf(live, chosen);
        this.status({ fill: "green", shape: "dot", text: shownValue(live, chosen, output) });
        clearTimeout(watchdog);
        watchdog = setTimeout(silent, silentMs);
        this.send(red.util.cloneMessage(last));
      },
    });
    this.on("input", (msg, send, done) => {
      if (last === undefined) return done(silence(device));
      send({ ...msg, ...red.util.cloneMessage(last) });
      done();
    });
    this.on("close", (_removed, done) => {
      clearTimeout(watchdog);
      done();
    });
  }
  red.nodes.registerType("busbar-unit", UnitNode);
}

function messageOf(live: Live, payload: unknown): Msg {
  const { device, meter, time, seq, quality } = live;
  return { topic: `${device}/${meter}`, payload, device, meter, time, seq, quality };
}

const silence = (device: string) =>
  flowError("flows.meter-silent", `${device}: no reading has come yet`, { retry: "later" });
