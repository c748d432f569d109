import { loadMembership } from "@busbar/edge";
import { type DemandAnswer, sealFrame } from "@busbar/protocol";
import { flowError, told } from "../link/errors.ts";
import { Inbox } from "../link/inbox.ts";
import { parseLive } from "../link/live.ts";
import type { Msg, NodeConfig, Red, RedNode, Send } from "../link/red.ts";
import { noSite, siteOf, statusOf } from "../link/site.ts";
import type { SiteConnection } from "../link/site-link.ts";
import { numberIn, wordIn } from "../link/typed.ts";
import { readDevice } from "../sign/settings.ts";
import { OrderDesk } from "./orders.ts";

const words = ["ack", "refuse", "done"] as const;
const reasons = ["unsafe", "impossible", "unwanted", "dry-run"] as const;

type Parts = {
  readonly desk: OrderDesk;
  readonly link: SiteConnection;
  unfollow(): void;
  answer(order: string, word: DemandAnswer["word"], reason?: DemandAnswer["reason"]): Promise<void>;
};

/**
 * `busbar-order`: orders of demand response to a unit, each proven by the ledger, become messages; the
 * flow's word goes back signed. What is unproven, for others or over is refused and told.
 */
export default function register(red: Red): void {
  function OrderNode(this: RedNode, config: NodeConfig): void {
    red.nodes.createNode(this, config);
    const inbox = new Inbox(this);
    let parts: Parts | undefined;
    const failed = (error?: Error) => {
      if (error !== undefined) this.error(error, { topic: "order" });
    };
    const busy = (text: string) =>
      this.status({ fill: "blue", shape: "dot", text: text.slice(0, 19) });

    const onCommand = (payload: Buffer) => {
      const heard = parts?.desk.take(new Uint8Array(payload));
      if (parts === undefined || heard === undefined) return;
      keep(this, parts.desk);
      if (!heard.ok) {
        this.status({ fill: "red", shape: "dot", text: heard.code.slice(0, 19) });
        const why = flowError("flows.order-refused", `${heard.message}; ${heard.code}`);
        return this.error(why, { topic: "order/refused" });
      }
      const { what, order } = heard;
      const msg: Msg = { topic: `order/${order.action}`, payload: order, order: order.order };
      if (what === "begins") {
        busy(`${order.action} ${order.slots[0]?.limitW ?? ""} W`);
        this.send([msg, null]);
        if (config.answer !== "message" && order.status === "contracted") {
          inbox.take(async () => parts?.answer(order.order, "accept"), failed);
        }
      } else if (what === "offered") {
        busy("busbar.status.offered");
        this.send([{ ...msg, topic: "order/offered" }, null]);
      } else if (what === "ended") {
        this.status({ fill: "grey", shape: "dot", text: order.status });
        this.send([null, { ...msg, topic: "order/ended" }]);
      }
    };

    try {
      parts = openParts(red, { node: this, config, onCommand });
    } catch (error) {
      this.status({ fill: "red", shape: "ring", text: "busbar.status.not-ready" });
      this.error(told(error));
    }
    this.on("input", (msg, send, done) => {
      inbox.take(async () => {
        await answerOf(parts, msg, send);
        if (parts !== undefined) keep(this, parts.desk);
      }, done);
    });
    this.on("close", (_removed, done) => {
      const end = async () => {
        await inbox.close();
        parts?.unfollow();
        await parts?.link.close();
      };
      void end().then(done, done);
    });
  }
  red.nodes.registerType("busbar-order", OrderNode);
}

/** Where a node keeps which orders it has seen. */
const memory = "orders";

function keep(node: RedNode, desk: OrderDesk): void {
  node.context().set(memory, desk.remembered);
}

async function answerOf(parts: Parts | undefined, msg: Msg, send: Send): Promise<void> {
  if (parts === undefined) throw noSite();
  const id = String(msg.order ?? "");
  const known = parts.desk.known(id);
  if (known === undefined) {
    throw flowError("flows.order-unknown", `no open order ${id || "in msg.order"}`);
  }
  const word = wordIn("topic", msg.topic, words);
  if (word === "ack") await parts.answer(id, "accept");
  else if (word === "refuse") {
    await parts.answer(id, "refuse", wordIn("reason", msg.reason ?? "unwanted", reasons));
  }
  if (word !== "ack") {
    parts.desk.forget(id);
    send([null, { ...msg, topic: "order/ended", payload: known }]);
  }
}

type Opening = {
  readonly node: RedNode;
  readonly config: NodeConfig;
  onCommand(payload: Buffer): void;
};

/** Throws: `Failure` `flows.*`, `key.*`, `membership.*`. */
function openParts(red: Red, { node, config, onCommand }: Opening): Parts {
  const site = siteOf(red, config);
  if (site === undefined) throw noSite();
  const { device, signer, membership } = readDevice(config);
  const members = loadMembership(membership, site.id);
  if (members === undefined) {
    throw flowError("flows.field-missing", `membership: there is no file at ${membership}`);
  }
  const minutes = numberIn("slotMinutes", config.slotMinutes ?? 60, { least: 5, most: 60 });
  const desk = new OrderDesk({
    device,
    slotMs: minutes * 60_000,
    membership: members,
    remembered: node.context().get(memory),
  });
  // A unit's topics are the unit's alone: the node signs in as the unit, beside its own connection.
  const link = site.open({ identity: device, signer }, (text) => node.warn(text));
  const { topics, id: chain } = site;
  const unfollow = site.link.follow({
    topic: topics.live(device),
    latest: true,
    onRefused: () => node.warn(`${site.identity} may not follow the readings of ${device}`),
    onMessage: (payload) => {
      const live = parseLive(payload);
      if (live !== undefined) desk.heed(live.time);
    },
  });
  const onRefused = () =>
    node.status({ fill: "red", shape: "ring", text: "busbar.status.not-allowed" });
  link.watch((state) => node.status(statusOf(state)));
  link.follow({
    topic: topics.receipts(device),
    latest: false,
    onRefused,
    onMessage: (payload) => desk.takeAnswer(new Uint8Array(payload)),
  });
  link.follow({ topic: topics.commands(device), latest: false, onRefused, onMessage: onCommand });
  return {
    desk,
    link,
    unfollow,
    async answer(order, word, reason) {
      const owner = site.identity;
      const id = new Uint8Array(Buffer.from(order, "hex"));
      const message = { id, owner, word, ...(reason === undefined ? {} : { reason }) };
      await link.publish(topics.quotes, sealFrame("demand-answer", message, { chain, signer }));
    },
  };
}
