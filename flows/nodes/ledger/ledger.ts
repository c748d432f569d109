import { flowError } from "../link/errors.ts";
import { optional } from "../link/form.ts";
import { Inbox } from "../link/inbox.ts";
import { Portal } from "../link/portal.ts";
import type { Msg, NodeConfig, Red, RedNode } from "../link/red.ts";
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

/** `busbar-ledger`: asks a member's portal what the ledger holds, or for a proof, or checks one offline. */
export default function register(red: Red): void {
  function LedgerNode(this: RedNode, config: NodeConfig): void {
    red.nodes.createNode(this, config);
    const inbox = new Inbox(this);
    const stopped = new AbortController();
    const site = siteOf(red, config);
    if (site === undefined) {
      this.status({ fill: "red", shape: "ring", text: "busbar.status.no-site" });
    }
    let portal: Portal | undefined;
    const asked = (): Portal => {
      if (site === undefined) throw noSite();
      portal ??= new Portal(site.portal, { chain: site.id, signer: site.signer });
      return portal;
    };
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
        if (config.operation === "prove") {
          const proof = await asked().proof(proofPath(msg), stopped.signal);
          this.status({ fill: "green", shape: "dot", text: `${proof.length} bytes` });
          return send({ ...msg, topic: "ledger/proof", payload: Buffer.from(proof) });
        }
        const what = wordIn("question", await value("what", msg), words);
        const limit = questions[what] && msg.limit !== undefined ? limitOf(msg.limit) : "";
        const answer = await asked().get(`${what}${limit}`, stopped.signal);
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

/** What is to be proved: a reading of a meter, or what the state holds under a key. */
function proofPath({ meter, seq, payload }: Msg): string {
  if (typeof meter === "string" && seq !== undefined) {
    const sequence = numberIn("seq", seq, { least: 1, most: Number.MAX_SAFE_INTEGER });
    return `proofs/reading?${new URLSearchParams({ meter, sequence: String(sequence) })}`;
  }
  if (typeof payload === "string" && payload !== "") {
    return `proofs/state?${new URLSearchParams({ key: payload })}`;
  }
  const message = "expected msg.meter and msg.seq, or a key like contract/… as the payload";
  throw flowError("flows.value", message);
}
