import { flowError } from "../link/errors.ts";
import type { Msg, NodeConfig, NodeStatus, Red, RedNode } from "../link/red.ts";
import { tieToSite } from "../link/site.ts";
import { choose, type Prices, parsePrices, routes, type Which } from "./prices.ts";

/** `busbar-price`: the market's prices become messages; an input asks for the last ones. */
export default function register(red: Red): void {
  function PriceNode(this: RedNode, config: NodeConfig): void {
    red.nodes.createNode(this, config);
    const which = whichOf(config.price);
    const horizon = String(config.horizon ?? "any");
    let last: Msg | undefined;

    tieToSite(red, this, config, {
      topic: ({ topics }) => topics.prices,
      latest: true,
      onMessage: (payload) => {
        const prices = parsePrices(payload);
        if (prices === undefined) {
          this.warn("dropped a message on market/prices that holds no prices");
          return;
        }
        if (horizon !== "any" && prices.horizon !== horizon) return;
        last = messageOf(prices, which);
        this.status(shown(prices, which));
        this.send(red.util.cloneMessage(last));
      },
    });
    this.on("input", (msg, send, done) => {
      if (last === undefined) return done(untold());
      send({ ...msg, ...red.util.cloneMessage(last) });
      done();
    });
  }
  red.nodes.registerType("busbar-price", PriceNode);
}

function whichOf(value: unknown): Which {
  const known: readonly Which[] = [...routes, "clearing", "all"];
  return known.find((name) => name === value) ?? "clearing";
}

function messageOf(prices: Prices, which: Which): Msg {
  const { start, end, horizon, reference, clearing, feedIn, retail, gate, revealUntil } = prices;
  const payload = choose(prices, which);
  const slot = { start, end, horizon, gate, revealUntil };
  return { topic: `price/${which}`, payload, slot, reference, clearing, feedIn, retail };
}

function shown(prices: Prices, which: Which): NodeStatus {
  const price = choose(prices, which === "all" ? "clearing" : which);
  if (typeof price !== "number") {
    return { fill: "grey", shape: "dot", text: "busbar.status.not-traded" };
  }
  return { fill: "green", shape: "dot", text: `${price.toFixed(4)} /kWh` };
}

const untold = () =>
  flowError("flows.price-unknown", "the market has told no price yet", { retry: "later" });
