import type { EventEmitter } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { Failure } from "@busbar/protocol";

/** An express application, as Node-RED exports two of them. */
export type HttpApp = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** The part of Node-RED's embedding API that we use; it ships no types. */
export type NodeRed = {
  init(server: Server, settings: Record<string, unknown>): void;
  start(): Promise<void>;
  stop(): Promise<void>;
  readonly httpAdmin: HttpApp;
  readonly httpNode: HttpApp;
  readonly events: EventEmitter;
  readonly version: string;
  readonly hooks: {
    add(name: `onReceive.${string}`, hook: (event: HookEvent) => void): void;
    add(name: `onSend.${string}`, hook: (events: readonly SendEvent[]) => void): void;
  };
  readonly nodes: { getNode(id: string): { receive(msg: object): void } | null | undefined };
  readonly runtime: {
    readonly flows: {
      setFlows(options: {
        readonly flows?: { readonly flows: readonly object[] };
        readonly deploymentType: "full" | "reload";
        readonly user?: { readonly username: string };
      }): Promise<unknown>;
    };
  };
};

/** What a messaging hook is told: a message on its way into a node. */
export type HookEvent = {
  readonly msg: Readonly<Record<string, unknown>>;
  readonly destination: { readonly id: string };
};

/** A message on its way out of a node, by one wire. */
export type SendEvent = {
  readonly msg: Readonly<Record<string, unknown>>;
  readonly source: {
    readonly id: string;
    readonly node?: { readonly type: string; readonly name?: string };
  };
};

type Bcrypt = {
  hashSync(password: string, rounds: number): string;
  compare(password: string, hash: string): Promise<boolean>;
};

const require = createRequire(import.meta.url);

/** Throws: `Failure` `flows.node-red-missing`. */
export function loadNodeRed(): NodeRed {
  return require(nodeRedPath()) as NodeRed;
}

/**
 * Resolves when flows run, or are known not to: Node-RED starts them after `start` and `setFlows` have
 * resolved, and tells as an event what holds them up, such as a node of an unknown type.
 */
export function untilFlowsKnown(red: NodeRed, onHeldUp: (reason: string) => void): Promise<void> {
  return new Promise((known) => {
    const onState = ({ id, payload }: { id: string; payload?: { error?: string } }) => {
      if (id !== "runtime-state" || payload?.error === undefined) return;
      onHeldUp(payload.error);
      finish();
    };
    const finish = () => {
      red.events.off("flows:started", finish);
      red.events.off("runtime-event", onState);
      known();
    };
    red.events.on("flows:started", finish);
    red.events.on("runtime-event", onState);
  });
}

/** A part of Node-RED by its own name. */
export function requireFromNodeRed(name: string): unknown {
  return createRequire(nodeRedPath())(name);
}

/** The bcrypt that Node-RED itself checks passwords with. */
export function bcrypt(): Bcrypt {
  return requireFromNodeRed("bcryptjs") as Bcrypt;
}

function nodeRedPath(): string {
  try {
    return require.resolve("node-red");
  } catch (cause) {
    throw new Failure("flows.node-red-missing", "Node-RED is not installed: npm install node-red", {
      retry: "never",
      cause,
    });
  }
}
