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
};

type Bcrypt = { hashSync(password: string, rounds: number): string };

const require = createRequire(import.meta.url);

/** Throws: `Failure` `flows.node-red-missing`. */
export function loadNodeRed(): NodeRed {
  return require(nodeRedPath()) as NodeRed;
}

/** The bcrypt that Node-RED itself checks passwords with. */
export function bcrypt(): Bcrypt {
  return createRequire(nodeRedPath())("bcryptjs") as Bcrypt;
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
