import { type Document, isMap, isSeq, LineCounter, type Node, parseDocument, visit } from "yaml";
import { z } from "zod";
import { Failure } from "../failure.ts";
import { nearest } from "../nearest.ts";

/** One thing wrong with a configuration file, with the line a person has to look at. */
export type ConfigProblem = { readonly line: number; readonly message: string };

/** A configuration file that cannot be used; `problems` lists all that is wrong with it. */
export class ConfigError extends Failure {
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ line, message }) => `${file}:${line}: ${message}`);
    super("config.invalid", lines.join("\n"), { retry: "never" });
    this.problems = problems;
  }
}

type Path = readonly PropertyKey[];

/**
 * Parses YAML text by a schema that gives types, defaults and help. Unknown keys are refused with the
 * nearest known one; every message names the line, what was expected and what came.
 * Throws: `ConfigError`.
 */
export function parseConfig<S extends z.ZodType>(
  file: string,
  text: string,
  schema: S,
): z.output<S> {
  const lines = new LineCounter();
  // `uniqueKeys` makes a key that stands twice an error; the later one would win in silence.
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, strict: true });
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ pos, message }) => ({
      line: lines.linePos(pos[0]).line,
      message: (message.split("\n")[0] ?? message).replace(/ at line.*$/, ""),
    }));
    throw new ConfigError(file, problems);
  }
  const result = schema.safeParse(plain(document, lines, file), { reportInput: true });
  if (result.success) return result.data;

  const lineOf = (path: Path): number => {
    for (let length = path.length; length > 0; length--) {
      const at = offsetOf(document.contents, path.slice(0, length));
      if (at !== undefined) return lines.linePos(at).line;
    }
    return 1;
  };
  throw new ConfigError(
    file,
    result.error.issues.flatMap((issue) => explain(issue, schema, lineOf)),
  );
}

/** The document's value. An alias that leads nowhere, or to its own anchor, is found only here. */
function plain(document: Document, lines: LineCounter, file: string): unknown {
  try {
    const value: unknown = document.toJS() ?? {};
    JSON.stringify(value);
    return value;
  } catch (error) {
    let alias: number | undefined;
    visit(document, {
      Alias: (_, { range }) => {
        alias = range?.[0] ?? 0;
        return visit.BREAK;
      },
    });
    if (alias === undefined || !(error instanceof Error)) throw error;
    const reason = error.message.split("\n")[0] ?? error.message;
    throw new ConfigError(file, [
      { line: lines.linePos(alias).line, message: `an alias cannot be used: ${reason}` },
    ]);
  }
}

function explain(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  lineOf: (path: Path) => number,
): ConfigProblem[] {
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(schema, issue.path);
    return issue.keys.map((key) => {
      const near = nearest(key, known);
      const hint = near === undefined ? `known keys: ${known.join(", ")}` : `did you mean ${near}?`;
      return {
        line: lineOf([...issue.path, key]),
        message: `unknown key ${[...issue.path, key].join(".")}; ${hint}`,
      };
    });
  }
  const where = issue.path.join(".") || "the file";
  return [{ line: lineOf(issue.path), message: `${where}: ${sentenceOf(issue)}` }];
}

/** What was expected and what stands there, in words that need no knowledge of the schema's library. */
function sentenceOf(issue: z.core.$ZodIssue): string {
  const { code, input } = issue;
  const expected = plainly(issue.message);
  if (input === undefined) return code === "custom" ? expected : `missing; ${expected}`;
  // A rule of several keys says itself what is wrong; all of the file behind it helps nobody.
  if (code === "custom" && typeof input === "object") return expected;
  const choices = code === "invalid_value" ? issue.values.map(String) : [];
  const near = typeof input === "string" ? nearest(input, choices) : undefined;
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  return `${expected}, got ${shortened(JSON.stringify(input))}${hint}`;
}

const limits: Readonly<Record<string, string>> = {
  "<": "below ",
  "<=": "at most ",
  ">": "above ",
  ">=": "at least ",
};

/** The library's messages without its terms. */
function plainly(message: string): string {
  return message
    .replace(/^Invalid (input|option): /, "")
    .replace(/, received .*$/, "")
    .replace(/^Too (?:big|small): expected \w+ to (?:be|have) ([<>]=?)/, (_, sign: string) => {
      return `expected ${limits[sign] ?? sign}`;
    })
    .replace(/^(expected one of )(.*)$/, (_, head: string, choices: string) => {
      return head + choices.replaceAll(/"([^"]+)"/g, "$1").replaceAll("|", ", ");
    });
}

const gotMax = 60;

const shortened = (text: string): string =>
  text.length > gotMax ? `${text.slice(0, gotMax)}…` : text;

type SchemaNode = {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
};

/** Key names that a schema allows at a path, in any branch of its choices. */
function keysAt(schema: z.ZodType, path: Path): string[] {
  const root = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as SchemaNode;
  const at = path.reduce<readonly SchemaNode[]>((nodes, step) => {
    const next = nodes.map(({ properties, items }) =>
      typeof step === "number" ? items : properties?.[String(step)],
    );
    return next.flatMap((node) => (node === undefined ? [] : branchesOf(node)));
  }, branchesOf(root));
  return [...new Set(at.flatMap(({ properties }) => Object.keys(properties ?? {})))];
}

/** A node and, where it is a choice, what it may be. */
function branchesOf(node: SchemaNode): readonly SchemaNode[] {
  return [node, ...(node.anyOf ?? node.oneOf ?? []).flatMap(branchesOf)];
}

/** Offset of the key or item at a path, or undefined where the file has nothing there. */
function offsetOf(contents: Node | null, path: Path): number | undefined {
  let at: unknown = contents;
  let offset: number | undefined;
  for (const step of path) {
    if (isMap(at)) {
      const pair = at.items.find(({ key }) => String(key) === String(step));
      if (pair === undefined) return undefined;
      offset = (pair.key as Node).range?.[0];
      at = pair.value;
    } else if (isSeq(at)) {
      at = at.items[Number(step)];
      offset = (at as Node | undefined)?.range?.[0];
    } else {
      return undefined;
    }
  }
  return offset;
}
