import { openPublisher, type Publisher, type PublisherStatus } from "@busbar/edge";
import { told } from "../link/errors.ts";
import { Inbox } from "../link/inbox.ts";
import type { NodeConfig, NodeStatus, Red, RedNode } from "../link/red.ts";
import { noSite, siteOf } from "../link/site.ts";
import { typedValue } from "../link/typed.ts";
import { handedReading } from "./handed.ts";
import { readSignSettings } from "./settings.ts";

/** How often the status is looked at, ms. */
const lookMs = 2_000;

/**
 * `busbar-sign`: readings go into a journal on disk, are signed as a device, sent, and kept until the
 * ledger's receipt has been verified.
 */
export default function register(red: Red): void {
  function SignNode(this: RedNode, config: NodeConfig): void {
    red.nodes.createNode(this, config);
    const inbox = new Inbox(this);
    const site = siteOf(red, config);
    let publisher: Publisher | undefined;
    let looking: NodeJS.Timeout | undefined;
    if (site === undefined) {
      this.status({ fill: "red", shape: "ring", text: "busbar.status.no-site" });
    } else {
      try {
        const userDir = red.settings.userDir ?? ".";
        const settings = readSignSettings(config, { site: site.id, userDir });
        // A recorded day is for looking at what would have been signed, not for signing it.
        if (!site.replayed) {
          const { url: broker, member } = site;
          const brokers = [{ url: broker, id: member, allowPlainText: false }];
          const report = (text: string) => this.warn(text);
          publisher = openPublisher({ site: site.id, ...settings, brokers, report });
          looking = setInterval(() => show(), lookMs);
        }
      } catch (error) {
        this.status({ fill: "red", shape: "ring", text: "busbar.status.not-ready" });
        this.error(told(error));
      }
    }
    const show = () => {
      if (publisher !== undefined) this.status(statusOf(publisher.status));
    };

    this.on("input", (msg, send, done) => {
      inbox.take(async () => {
        if (site === undefined) throw noSite();
        const named = await typedValue(red, { node: this, config, property: "meter" }, msg);
        const reading = handedReading(msg, String(named ?? msg.meter ?? msg.topic ?? ""));
        if (publisher === undefined && !site.replayed) throw noSite();
        const seq = publisher?.take(reading) ?? 0;
        show();
        send({ ...msg, meter: reading.meter, time: reading.time, seq });
      }, done);
    });
    this.on("close", (_removed, done) => {
      clearInterval(looking);
      const end = async () => {
        await inbox.close();
        await publisher?.stop();
      };
      end().then(done, (error: unknown) => {
        this.warn(`the journal did not close cleanly: ${String(error)}`);
        done();
      });
    });
  }
  red.nodes.registerType("busbar-sign", SignNode);
}

/** Green only where the ledger can have what was signed. */
function statusOf({ connected, problem, waiting, refused }: PublisherStatus): NodeStatus {
  if (refused !== undefined) return { fill: "red", shape: "dot", text: refused.slice(0, 19) };
  if (!connected && problem !== undefined) {
    return { fill: "red", shape: "ring", text: "node-red:common.status.disconnected" };
  }
  if (!connected)
    return { fill: "yellow", shape: "ring", text: "node-red:common.status.connecting" };
  if (waiting > 0) return { fill: "yellow", shape: "dot", text: "busbar.status.waiting" };
  return { fill: "green", shape: "dot", text: "busbar.status.ready" };
}
