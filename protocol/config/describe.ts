import { z } from "zod";

/** One key of a configuration file, as its schema describes it. */
export type ConfigKey = {
  /** Path from the top, `[]` after a list: `meters[].unit`. */
  readonly path: string;
  readonly type: string;
  /** As JSON; undefined where the key has to be said or may be left out without a stand-in. */
  readonly default: string | undefined;
  readonly help: string;
};

type Node = {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
};

/** Every key that a schema knows, in its order: the documentation of its file. */
export function describeConfig(schema: z.ZodType): ConfigKey[] {
  const root = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Node;
  const keys = keysOf(root, "");
  // The branches of a choice repeat the keys they share.
  return keys.filter(({ path }, i) => keys.findIndex((key) => key.path === path) === i);
}

function keysOf(node: Node, path: string): ConfigKey[] {
  const below = Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const at = path === "" ? name : `${path}.${name}`;
    return [describe(child, at), ...keysOf(child, at)];
  });
  const items = node.items === undefined ? [] : keysOf(node.items, `${path}[]`);
  const branches = (node.anyOf ?? node.oneOf ?? []).flatMap((branch) => keysOf(branch, path));
  return [...below, ...items, ...branches];
}

function describe(node: Node, path: string): ConfigKey {
  const value = node.default === undefined ? undefined : JSON.stringify(node.default);
  return { path, type: typeOf(node), default: value, help: node.description ?? "" };
}

function typeOf(node: Node): string {
  if (node.const !== undefined) return String(node.const);
  if (node.enum !== undefined) return node.enum.map(String).join(" | ");
  const branches = node.anyOf ?? node.oneOf;
  if (branches !== undefined) return [...new Set(branches.map(typeOf))].join(" | ");
  if (node.type === "array")
    return `list of ${node.items === undefined ? "values" : typeOf(node.items)}`;
  return node.type ?? "value";
}
