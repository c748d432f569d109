import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

/** A node of a flow file. */
export type FlowNode = {
  readonly id: string;
  readonly type: string;
  readonly name?: string;
  readonly wires?: readonly (readonly string[])[];
  readonly [property: string]: unknown;
};

/** A message as a node of the flow sent it. */
export type Probed = { readonly topic: string; readonly payload: unknown } & Record<
  string,
  unknown
>;

/** Listens to nodes of a flow: their messages are posted here by http request nodes of the flow. */
export class Probe {
  readonly #server: Server;
  readonly #waiting = new Map<string, ((msg: Probed) => void)[]>();
  readonly #heard = new Map<string, Probed[]>();

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", async (request, response) => {
      const name = decodeURIComponent(request.url?.slice(1) ?? "");
      const msg = (await json(request)) as Probed;
      response.end();
      const waiting = this.#waiting.get(name)?.shift();
      if (waiting !== undefined) waiting(msg);
      else this.#heard.set(name, [...(this.#heard.get(name) ?? []), msg]);
    });
  }

  static async start(): Promise<Probe> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Probe(server);
  }

  /** The flow with a probe wired to each named node; one with no outputs is listened to beside. */
  tap(flow: readonly FlowNode[], names: readonly string[], prefix = ""): FlowNode[] {
    const probes = new Map(names.map((name) => [name, `probe-${prefix}${name}`]));
    const ends = flow.filter(({ name = "", wires }) => probes.has(name) && wires?.length === 0);
    const tapped = flow.map((node) => {
      const own = probes.get(node.name ?? "");
      const wires = (node.wires ?? []).map((wire) => {
        // What goes into an end goes into its probe too.
        const beside = ends.filter(({ id }) => wire.includes(id)).map(({ name }) => name ?? "");
        const added = beside.flatMap((name) => probes.get(name) ?? []);
        return [...wire, ...added, ...(own === undefined ? [] : [own])];
      });
      return node.wires === undefined ? node : { ...node, wires };
    });
    const tab = flow.find(({ type }) => type === "tab");
    assert(tab !== undefined, "a flow has a tab");
    return [...tapped, ...names.flatMap((name) => this.#nodes(`${prefix}${name}`, tab.id))];
  }

  /** The next message of a node that nobody has taken yet. */
  next(name: string): Promise<Probed> {
    const [heard, ...later] = this.#heard.get(name) ?? [];
    if (heard !== undefined) {
      this.#heard.set(name, later);
      return Promise.resolve(heard);
    }
    return new Promise((done) => {
      this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), done]);
    });
  }

  /** Forgets what was heard and nobody took. */
  forget(): void {
    this.#heard.clear();
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #nodes(name: string, z: string): FlowNode[] {
    const { port } = this.#server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/${encodeURIComponent(name)}`;
    const func = "return { payload: { ...msg } };";
    const whole = { id: `probe-${name}`, type: "function", z, func, outputs: 1 };
    const post = { id: `post-${name}`, type: "http request", z, method: "POST", ret: "txt", url };
    return [
      { ...whole, wires: [[post.id]] },
      { ...post, wires: [[]] },
    ];
  }
}
