import { randomUUID } from "node:crypto";
import { told } from "../link/errors.ts";
import { optional } from "../link/form.ts";
import { Inbox } from "../link/inbox.ts";
import type { Msg, NodeConfig, Red, RedNode } from "../link/red.ts";
import { tieToSite } from "../link/site.ts";
import { numberIn } from "../link/typed.ts";
import { readNotice } from "./notices.ts";
import { type PhoneNotice, type PushTarget, push } from "./push.ts";

/** Ids of notices that were passed on: the site sends one again until it is acknowledged. */
const knownMax = 500;

/**
 * `busbar-notice`: the owner's notices, opened with its key, become messages; a message at the input
 * goes to a phone.
 */
export default function register(red: Red): void {
  function NoticeNode(this: RedNode, config: NodeConfig): void {
    red.nodes.createNode(this, config);
    const inbox = new Inbox(this);
    const stopped = new AbortController();
    const known = new Set<string>();
    const target: PushTarget = {
      kind: config.push === "webhook" ? "webhook" : "ntfy",
      url: optional(config.url),
      secret: this.credentials?.secret ?? "",
    };

    // A node without a site only tells a phone.
    if (optional(config.site) !== "") {
      tieToSite(red, this, config, {
        topic: ({ topics, identity }) => topics.notices(identity),
        latest: false,
        onMessage: (payload, site) => {
          const read = readNotice(payload, site.boxSecret);
          if (!read.ok) return this.warn(`dropped a notice: ${read.message} (${read.code})`);
          const { notice } = read;
          if (known.has(notice.id)) return;
          known.add(notice.id);
          for (const oldest of known) {
            if (known.size <= knownMax) break;
            known.delete(oldest);
          }
          this.status({ fill: "green", shape: "dot", text: notice.title.slice(0, 19) });
          const { title, text, time, type } = notice;
          this.send({ topic: type, title, payload: text, time, notice });
        },
      });
    }
    this.on("input", (msg, _send, done) => {
      inbox.take(async () => {
        const notice = phoneNotice(msg);
        // A day that is replayed happened already: nobody is told of it again.
        if (red.settings.busbarReplay === undefined) await push(target, notice, stopped.signal);
        this.status({ fill: "green", shape: "ring", text: notice.title.slice(0, 19) });
      }, done);
    });
    this.on("close", (_removed, done) => {
      stopped.abort();
      inbox.close().then(done, (error: unknown) => {
        this.warn(told(error).message);
        done();
      });
    });
  }
  red.nodes.registerType("busbar-notice", NoticeNode, {
    credentials: { secret: { type: "password" } },
  });
}

/** What a message tells: its payload's text, and the title, priority and link beside it. */
function phoneNotice(msg: Msg): PhoneNotice {
  const { payload, title, topic, priority = 3, click } = msg;
  const text = typeof payload === "string" ? payload : (JSON.stringify(payload) ?? "");
  const id = (msg.notice as { id?: unknown } | undefined)?.id;
  return {
    id: typeof id === "string" ? id : randomUUID(),
    title: typeof title === "string" ? title : (topic ?? "Busbar"),
    text,
    priority: numberIn("priority", priority, { least: 1, most: 5 }),
    click: typeof click === "string" ? click : undefined,
  };
}
