import { describeConfig } from "@busbar/protocol/config";
import { stringify } from "yaml";
import { configSchema } from "../config/schema.ts";
import { blockPair, flowText } from "../config/yaml-text.ts";

const width = 78;

/**
 * A new edge.yaml with what each key is for, in the schema's words and order; what is left out stands
 * at the end with the values that hold.
 */
export function newConfigText(value: Readonly<Record<string, unknown>>): string {
  const keys = describeConfig(configSchema);
  const help = new Map(keys.map(({ path, help }) => [path, help]));
  const top = keys.filter(({ path }) => !/[.[]/.test(path));
  const given = top.filter(({ path }) => value[path] !== undefined);
  const absent = top.filter((key) => value[key.path] === undefined && key.default !== undefined);
  const parts = given.map(({ path }) => part(path, value[path], help));
  const defaults = absent.map(({ path, default: text = "" }) => {
    const about = help.get(path) ?? "";
    const lines = defaultLines(path, filled(path, JSON.parse(text)));
    return [...(about === "" ? [] : [comment(about, 0).replaceAll(/^#/gm, "##")]), ...lines].join(
      "\n",
    );
  });
  const head =
    "The configuration of a Busbar unit. Change it here or with busbar-edge setup, which keeps comments and layout; a running unit reads it again on SIGHUP (systemctl reload).";
  const tail = ["# What is left out is as in these lines:", ...defaults];
  return `${[comment(head, 0), ...parts, tail.join("\n")].join("\n\n")}\n`;
}

type Help = ReadonlyMap<string, string>;

function part(key: string, value: unknown, help: Help): string {
  const about = help.get(key) ?? "";
  const head = about === "" ? [] : [comment(about, 0)];
  if (Array.isArray(value)) return [...head, list(key, value, help)].join("\n");
  if (!isRecord(value)) return [...head, blockPair(key, value, 0)].join("\n");
  const below = inOrder(value, key, help).map(([name, part]) =>
    pair(`${key}.${name}`, name, part, help),
  );
  return [...head, `${key}:`, ...below].join("\n");
}

/** A map's entries in the schema's order. */
function inOrder(map: Readonly<Record<string, unknown>>, path: string, help: Help) {
  const order = [...help.keys()];
  const rank = (key: string) => order.indexOf(`${path}.${key}`);
  return Object.entries(map).toSorted(([a], [b]) => rank(a) - rank(b));
}

function pair(path: string, key: string, value: unknown, help: Help, column = 2): string {
  const about = help.get(path) ?? "";
  const below = isRecord(value) && path !== "" && key !== "connection" ? value : undefined;
  const text =
    below === undefined
      ? blockPair(key, value, column)
      : [
          `${" ".repeat(column)}${key}:`,
          ...inOrder(below, path, help).map(([name, part]) =>
            pair(`${path}.${name}`, name, part, help, column + 2),
          ),
        ].join("\n");
  return about === "" ? text : `${comment(about, column)}\n${text}`;
}

/** The first item's keys are explained; a second one has the same. */
function list(key: string, items: readonly unknown[], help: Help): string {
  const lines = items.map((item, i) => {
    if (!isRecord(item)) return `  - ${flowText(item)}`;
    const pairs = inOrder(item, `${key}[]`, help).map(([name, value]) =>
      pair(i === 0 ? `${key}[].${name}` : "", name, value, help, 4),
    );
    const text = pairs.join("\n");
    // The dash stands at the first key, below its explanation.
    const at = text.split("\n").findIndex((line) => !line.trim().startsWith("#"));
    return text
      .split("\n")
      .map((line, n) => (n > at ? line : `  ${n === at ? "- " : ""}${line.slice(4)}`))
      .join("\n");
  });
  return [`${key}:`, ...lines].join("\n");
}

/** A key with its default as a comment, in a line where it fits in one. */
function defaultLines(key: string, value: unknown): string[] {
  const line = `# ${key}: ${flowText(value)}`;
  if (line.length <= width) return [line];
  const block = stringify({ [key]: value }, { lineWidth: 0 }).trimEnd();
  return block.split("\n").map((text) => `# ${text}`);
}

/** Defaults of a group stand in its parts. */
function filled(key: string, value: unknown): unknown {
  const shape = configSchema.shape[key as keyof typeof configSchema.shape];
  const result = shape?.safeParse(value);
  return result?.success === true ? result.data : value;
}

function comment(text: string, column: number): string {
  const indent = `${" ".repeat(column)}# `;
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent.length + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((text) => indent + text).join("\n");
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
