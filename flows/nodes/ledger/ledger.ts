import { optional } from "../link/form.ts";
import { Inbox } from "../link/inbox.ts";
import { Portal } from "../link/portal.ts";
import type { NodeConfig, Red, RedNode } from "../link/red.ts";
import { noSite, siteOf } from "../link/site.ts";
import { numberIn, typedValue, wordIn } from "../link/typed.ts";
import { verifyProofOf } from "./verify.ts";

/** What the portal tells, and whether it takes a limit. */
const questions = {
  status: false,
  meters: false,
  gates: false,
  membership: false,
  slots: true,
  trades: true,
  blocks: true,
} as const;
type Question = keyof typeof questions;
const words = Object.keys(questions) as Question[];

/** `busbar-ledger`: asks a member's portal what the ledger holds, or checks a proof offline. */
export default function register(red: Red): void {
  function LedgerNode(this: RedNode, config: NodeConfig): void {
    red.nodes.createNode(this, config);
    const inbox = new Inbox(this);
    const stopped = new AbortController();
    const site = siteOf(red, config);
    if (site === undefined) {
      this.status({ fill: "red", shape: "ring", text: "busbar.status.no-site" });
    }
    const value = (property: string, msg: Parameters<typeof typedValue>[2]) =>
      typedValue(red, { node: this, config, property }, msg);

    this.on("input", (msg, send, done) => {
      inbox.take(async () => {
        if (site === undefined) throw noSite();
        if (config.operation === "verify") {
          const checked = verifyProofOf(msg.payload, site.id, optional(config.membership));
          this.status({ fill: "green", shape: "dot", text: `block ${checked.height}` });
          return send({ ...msg, topic: "ledger/verified", payload: checked });
        }
        const what = wordIn("question", await value("what", msg), words);
        const limit = questions[what] && msg.limit !== undefined ? limitOf(msg.limit) : "";
        const answer = await new Portal(site.portal).get(`${what}${limit}`, stopped.signal);
        this.status({ fill: "green", shape: "dot", text: what });
        send({ ...msg, topic: `ledger/${what}`, payload: answer });
      }, done);
    });
    this.on("close", (_removed, done) => {
      stopped.abort();
      void inbox.close().then(done, done);
    });
  }
  red.nodes.registerType("busbar-ledger", LedgerNode);
}

const limitOf = (limit: unknown) => `?limit=${numberIn("limit", limit, { least: 1, most: 1_000 })}`;
