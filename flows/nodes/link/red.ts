/** The part of Node-RED's runtime API that this palette uses; Node-RED ships no types of its own. */
import type { IncomingMessage, ServerResponse } from "node:http";

/** A message on its way through a flow. */
export type Msg = { topic?: string; payload?: unknown; [property: string]: unknown };

/** What the editor shows below a node. A text that is a catalogue key is translated in the editor. */
export type NodeStatus = {
  readonly fill?: "red" | "green" | "yellow" | "blue" | "grey";
  readonly shape?: "ring" | "dot";
  readonly text?: string;
};

/** Sends a message, or one for each output: null sends nothing there. */
export type Send = (msg: Msg | readonly (Msg | null)[]) => void;

/** A node as Node-RED makes it from its configuration. */
export type RedNode = {
  readonly id: string;
  readonly name?: string;
  readonly credentials?: Readonly<Record<string, string>>;
  on(event: "input", handler: (msg: Msg, send: Send, done: Done) => void): void;
  on(event: "close", handler: (removed: boolean, done: () => void) => void): void;
  /** What outlives a restart where the runtime keeps context in files. */
  context(): { get(key: string): unknown; set(key: string, value: unknown): void };
  send: Send;
  status(status: NodeStatus): void;
  log(text: string): void;
  warn(text: string): void;
  error(text: string | Error, msg?: Msg): void;
};

/** Ends the handling of one message, with the error if there was one. */
export type Done = (error?: Error) => void;

/** Configuration of a node as the flow file has it; every property is what a person typed. */
export type NodeConfig = { readonly id: string; readonly type: string } & Readonly<
  Record<string, unknown>
>;

/** A request to the admin API, its JSON body parsed. */
export type AdminRequest = IncomingMessage & { readonly body?: unknown };

type Handler = (request: AdminRequest, response: ServerResponse, next: () => void) => void;

/** The object that Node-RED gives to a node's module. */
export type Red = {
  readonly nodes: {
    createNode(node: RedNode, config: NodeConfig): void;
    registerType(
      type: string,
      make: (this: RedNode, config: NodeConfig) => void,
      options?: { readonly credentials: Record<string, { readonly type: "text" | "password" }> },
    ): void;
    getNode(id: string): unknown;
    /** What a deployed node's password fields hold. */
    getCredentials(id: string): Readonly<Record<string, string>> | null | undefined;
  };
  /** The runtime's settings; `busbarReplay` where a recorded day takes the place of the site. */
  readonly settings: { readonly userDir?: string; readonly busbarReplay?: unknown };
  readonly httpAdmin: {
    get(path: string, ...handlers: Handler[]): void;
    post(path: string, ...handlers: Handler[]): void;
  };
  readonly auth: { needsPermission(permission: string): Handler };
  readonly util: {
    cloneMessage<T>(msg: T): T;
    evaluateNodeProperty(
      value: unknown,
      type: string,
      node: RedNode,
      msg: Msg,
      done: (error: Error | null, value: unknown) => void,
    ): void;
  };
};
