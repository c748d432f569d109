import { optional } from "../link/form.ts";
import type { Msg, NodeConfig, Red, RedNode } from "../link/red.ts";
import { type Site, tieToSite } from "../link/site.ts";
import { type Choice, parseTrade, passes } from "./trades.ts";

const choices: readonly Choice[] = ["all", "contract-signed", "contract-settled"];

/** `busbar-trade`: each event of an owner's (or, for an operator, the site's) trades is a message. */
export default function register(red: Red): void {
  function TradeNode(this: RedNode, config: NodeConfig): void {
    red.nodes.createNode(this, config);
    const choice = choices.find((known) => known === config.events) ?? "all";
    const wholeSite = config.scope === "site";
    const named = wholeSite ? "" : optional(config.owner);
    // The broker gives an owner's own topic to that owner alone; an operator picks from the site's.
    const isOwn = ({ identity }: Site) => !wholeSite && (named === "" || named === identity);

    tieToSite(red, this, config, {
      topic: (site) => (isOwn(site) ? site.topics.ownTrades(site.identity) : site.topics.trades),
      latest: false,
      onMessage: (payload, site) => {
        const event = parseTrade(payload);
        if (event === undefined) {
          this.warn("dropped a message that is no trade event");
          return;
        }
        const owner = named === "" || isOwn(site) ? undefined : named;
        if (!passes({ choice, owner }, event)) return;
        this.status({ fill: "green", shape: "dot", text: event.type.slice(0, 19) });
        const msg: Msg = { topic: event.type, payload: event };
        this.send(site.portal === undefined ? msg : { ...msg, portal: site.portal });
      },
    });
  }
  red.nodes.registerType("busbar-trade", TradeNode);
}
