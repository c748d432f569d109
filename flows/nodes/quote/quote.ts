import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type Positions, parseGates, parsePositions } from "@busbar/edge";
import { told } from "../link/errors.ts";
import { optional } from "../link/form.ts";
import { Inbox } from "../link/inbox.ts";
import { Portal } from "../link/portal.ts";
import type { Msg, NodeConfig, Red, RedNode } from "../link/red.ts";
import { noSite, type Site, siteOf, tieToSite } from "../link/site.ts";
import { numberIn, typedValue } from "../link/typed.ts";
import { type KeptQuote, QuoteBook } from "./book.ts";
import { Quoter } from "./quoter.ts";
import { openingsMax, Remembered } from "./remembered.ts";
import { priceRules, type Wish } from "./terms.ts";

/** Between two tries to open a quote, ms. */
const retryMs = 2_000;

/**
 * `busbar-quote`: seals a quote for a gate that is open, and opens it by itself when the gate has
 * closed. By message, or at each gate with what the last message said.
 */
export default function register(red: Red): void {
  function QuoteNode(this: RedNode, config: NodeConfig): void {
    red.nodes.createNode(this, config);
    const inbox = new Inbox(this);
    const stopped = new AbortController();
    const last = new Remembered<Msg>();
    let retry: NodeJS.Timeout | undefined;
    let quoter: Quoter | undefined;
    let unfollow = () => {};

    const failed = (error?: Error) => {
      if (error !== undefined && !stopped.signal.aborted) this.error(error, { topic: "quote" });
    };
    const wishOf = async (msg: Msg): Promise<Wish> => {
      const value = (property: string) => typedValue(red, { node: this, config, property }, msg);
      const rule = priceRules.find((known) => known === config.priceType);
      const [kwh, room] = [await value("kwh"), config.room];
      const price = rule === undefined ? await value("price") : undefined;
      return { side: await value("side"), kwh, price, rule, room, form: config.form };
    };
    const tell = (topic: string, kept: KeptQuote): Msg => {
      this.status({ fill: "green", shape: "dot", text: shown(kept) });
      return { topic: `quote/${topic}`, payload: payloadOf(kept) };
    };
    const open = async () => {
      if (quoter === undefined) return;
      const { opened, refused, again } = await quoter.open();
      for (const kept of opened) this.send(tell("opened", kept));
      for (const error of refused) this.warn(told(error).message);
      clearTimeout(retry);
      if (again) retry = setTimeout(() => inbox.take(open, failed), retryMs);
    };
    const quoteAll = async () => {
      const gates = quoter?.fresh ?? [];
      const asked = gates.length === 0 ? undefined : last.forOpening(gates);
      if (asked === undefined) return;
      if (asked === "stale") {
        this.status({ fill: "yellow", shape: "ring", text: "busbar.status.stale" });
        this.warn(`no message for ${openingsMax} gates: nothing is quoted until one comes`);
        return;
      }
      const wish = await wishOf(asked.msg);
      for (const gate of gates) {
        const kept = await quoter?.quoteRest(gate, wish);
        if (kept !== undefined) this.send({ ...asked.msg, ...tell("sealed", kept) });
      }
    };

    if (config.when === "gates") {
      unfollow = followPositions(red, { node: this, config }, (said) => {
        quoter?.heedPositions(said);
        if (said !== undefined) inbox.take(quoteAll, failed);
      });
    }
    const site = tieToSite(red, this, config, {
      topic: ({ topics }) => topics.gates,
      latest: true,
      onMessage: (payload) => {
        const said = parseGates(payload);
        if (said === undefined) {
          this.warn("dropped a message on market/gates that holds no gates");
          return;
        }
        quoter?.heed(said.gates);
        inbox.take(open, failed);
        if (config.when === "gates") inbox.take(quoteAll, failed);
      },
    });
    try {
      if (site !== undefined) quoter = quoterOf(red, { node: this, config, site, stopped });
      if (config.when === "gates" && horizonOf(config) !== "real-time") {
        this.warn(
          "the last message is quoted for every slot, whatever its hour: choose real-time gates",
        );
      }
    } catch (error) {
      this.status({ fill: "red", shape: "ring", text: "busbar.status.failed" });
      this.error(told(error));
    }

    this.on("input", (msg, send, done) => {
      last.take(msg);
      inbox.take(async () => {
        if (quoter === undefined) throw noSite();
        if (config.when === "gates") return await quoteAll();
        const asked = await typedValue(red, { node: this, config, property: "slot" }, msg);
        const slot = asked === undefined || asked === null ? undefined : slotOf(asked);
        const kept = await quoter.quote(await wishOf(msg), slot);
        if (kept !== undefined) send({ ...msg, ...tell("sealed", kept) });
      }, done);
    });
    this.on("close", (_removed, done) => {
      stopped.abort();
      unfollow();
      clearTimeout(retry);
      void inbox.close().then(done, done);
    });
  }
  red.nodes.registerType("busbar-quote", QuoteNode);
}

type Parts = {
  readonly node: RedNode;
  readonly config: NodeConfig;
  readonly site: Site;
  readonly stopped: AbortController;
};

function quoterOf(red: Red, { node, config, site, stopped }: Parts): Quoter {
  const { id: chain, identity: owner, signer, portal, link, topics, replayed } = site;
  const name = `${chain}-${owner}-${node.id.replaceAll(/[^\w-]/g, "_")}.json`;
  const book = new QuoteBook(join(red.settings.userDir ?? ".", "busbar", "quotes", name));
  // The portal says at once whether a rule refuses it; the broker takes it and says nothing.
  const door = portal === undefined || replayed ? undefined : new Portal(portal);
  const send = (frame: Uint8Array) =>
    door === undefined ? link.publish(topics.quotes, frame) : door.quote(frame, stopped.signal);
  const bound = (property: string, most: number, least = -most) => {
    const text = optional(config[property]);
    return text === "" ? undefined : numberIn(property, text, { least, most });
  };
  return new Quoter({
    chain,
    owner,
    signer,
    book,
    send,
    horizon: horizonOf(config),
    limits: {
      kwhMax: bound("kwhMax", 1_000_000_000, 0),
      askMin: bound("askMin", 1_000),
      bidMax: bound("bidMax", 1_000),
    },
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
  });
}

const horizonOf = ({ horizon }: NodeConfig): string => String(horizon ?? "real-time");

/** What the owner sold and bought already, whoever quoted it; undefined when the connection ends. */
function followPositions(
  red: Red,
  { node, config }: Pick<Parts, "node" | "config">,
  onPositions: (said: Positions | undefined) => void,
): () => void {
  const site = siteOf(red, config);
  if (site === undefined) return () => {};
  const unfollow = site.link.follow({
    topic: site.topics.positions(site.identity),
    latest: true,
    onRefused: () => node.warn(`what ${site.identity} sold already is not told here`),
    onMessage: (payload) => {
      const said = parsePositions(payload);
      if (said !== undefined) onPositions(said);
    },
  });
  // What was sold meanwhile is told when it is there again, and maybe after the gates.
  const unwatch = site.link.watch((state) => {
    if (state !== "connected") onPositions(undefined);
  });
  return () => {
    unwatch();
    unfollow();
  };
}

/** A slot's start from ms, or from a text with a time zone. */
function slotOf(value: unknown): number {
  const zoned = typeof value === "string" && /(Z|[+-]\d{2}:\d{2})$/.test(value);
  const time = zoned ? Date.parse(value) : value;
  return numberIn("slot", time, { least: 0, most: Number.MAX_SAFE_INTEGER });
}

function payloadOf({ slot, gate, revealUntil, terms }: KeptQuote) {
  const { side, form, quantity, limit } = terms;
  return { side, form, kwh: quantity / 1_000, price: limit / 1e6, slot, gate, revealUntil };
}

const shown = ({ terms: { side, quantity, limit } }: KeptQuote): string =>
  `${side} ${quantity / 1_000} @ ${(limit / 1e6).toFixed(2)}`.slice(0, 19);
