/** The part of Node-RED's runtime API that this palette uses; Node-RED ships no types of its own. */

/** A message on its way through a flow. */
export type Msg = { topic?: string; payload?: unknown; [property: string]: unknown };

/** What the editor shows below a node. A text that is a catalogue key is translated in the editor. */
export type NodeStatus = {
  readonly fill?: "red" | "green" | "yellow" | "blue" | "grey";
  readonly shape?: "ring" | "dot";
  readonly text?: string;
};

/** A node as Node-RED makes it from its configuration. */
export type RedNode = {
  readonly id: string;
  readonly name?: string;
  readonly credentials?: Readonly<Record<string, string>>;
  on(event: "input", handler: (msg: Msg, send: (msg: Msg) => void, done: Done) => void): void;
  on(event: "close", handler: (removed: boolean, done: () => void) => void): void;
  send(msg: Msg): void;
  status(status: NodeStatus): void;
  log(text: string): void;
  warn(text: string): void;
  error(text: string, msg?: Msg): void;
};

/** Ends the handling of one message, with the error if there was one. */
export type Done = (error?: Error) => void;

/** Configuration of a node as the flow file has it; every property is what a person typed. */
export type NodeConfig = { readonly id: string; readonly type: string } & Readonly<
  Record<string, unknown>
>;

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
  };
  readonly util: { cloneMessage<T>(msg: T): T };
};
