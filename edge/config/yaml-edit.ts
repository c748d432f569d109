import { isDeepStrictEqual } from "node:util";
import { Failure } from "@busbar/protocol";
import {
  Document,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { blockItem, blockPair, flowText } from "./yaml-text.ts";

type Path = readonly (string | number)[];
type Change =
  | { readonly kind: "set"; readonly path: Path; readonly value: unknown }
  | { readonly kind: "insert"; readonly path: Path; readonly value: unknown }
  | { readonly kind: "remove"; readonly path: Path };
type Splice = { readonly from: number; readonly to: number; readonly text: string };

/**
 * YAML text changed so that its value is `target`. What stays the same stays byte for byte: comments,
 * order, quotes, spacing. Lists are compared by their items' `id` where they have one. A file so
 * unusual that its parts cannot be found in the text is written anew, comments kept.
 * Throws: `Failure` `config.edit` when not even that gives the target.
 */
export function editYaml(text: string, target: unknown): string {
  let edited = text;
  for (const change of changes(parsed(text), target, [])) {
    const splice = spliceOf(edited, change);
    edited =
      splice === undefined
        ? rewritten(edited, change)
        : edited.slice(0, splice.from) + splice.text + edited.slice(splice.to);
    if (splice !== undefined && !reads(edited)) return wholly(text, target);
  }
  return isDeepStrictEqual(parsed(edited), target) ? edited : wholly(text, target);
}

/** All changes as edits of the document, which lays it out anew. */
function wholly(text: string, target: unknown): string {
  let edited = text;
  for (const change of changes(parsed(text), target, [])) edited = rewritten(edited, change);
  if (isDeepStrictEqual(parsed(edited), target)) return edited;
  const message = "the file is written in a way that cannot be changed here; edit it by hand";
  throw new Failure("config.edit", message, { retry: "never" });
}

const parsed = (text: string): unknown => parseDocument(text).toJS() ?? {};

const reads = (text: string): boolean => parseDocument(text).errors.length === 0;

/** What has to happen, in an order in which earlier changes do not move what later ones name. */
function changes(old: unknown, now: unknown, path: Path): Change[] {
  if (isDeepStrictEqual(old, now)) return [];
  if (isRecord(old) && isRecord(now)) return mapChanges(old, now, path);
  if (Array.isArray(old) && Array.isArray(now)) return listChanges(old, now, path);
  return [{ kind: "set", path, value: now }];
}

function mapChanges(
  old: Record<string, unknown>,
  now: Record<string, unknown>,
  path: Path,
): Change[] {
  const gone = Object.keys(old).filter((key) => now[key] === undefined);
  const kept = Object.entries(now).flatMap(([key, value]): Change[] => {
    if (value === undefined) return [];
    if (Object.hasOwn(old, key)) return changes(old[key], value, [...path, key]);
    return [{ kind: "insert", path: [...path, key], value }];
  });
  return [...kept, ...gone.map((key): Change => ({ kind: "remove", path: [...path, key] }))];
}

function listChanges(old: readonly unknown[], now: readonly unknown[], path: Path): Change[] {
  const set: Change = { kind: "set", path, value: now };
  // A list that comes to be or ends changes its form too.
  if (old.length === 0 || now.length === 0) return [set];
  const ids = now.map(idOf);
  const stays = (item: unknown, i: number) =>
    idOf(item) === undefined ? i < now.length : ids.includes(idOf(item));
  const kept = old.filter(stays);
  const inOrder = kept.every((item, i) => idOf(item) === undefined || idOf(item) === ids[i]);
  if (!inOrder || kept.length === 0) return [set];
  const gone = old.flatMap((item, i) => (stays(item, i) ? [] : [i])).toReversed();
  return [
    ...gone.map((i): Change => ({ kind: "remove", path: [...path, i] })),
    ...kept.flatMap((item, i) => changes(item, now[i], [...path, i])),
    ...now
      .slice(kept.length)
      .map((value, i): Change => ({ kind: "insert", path: [...path, kept.length + i], value })),
  ];
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const idOf = (item: unknown): unknown => (isRecord(item) ? item.id : undefined);

function rewritten(text: string, change: Change): string {
  const document = text.trim() === "" ? new Document({}) : parseDocument(text);
  if (change.kind === "remove") document.deleteIn(change.path);
  else document.setIn(change.path, document.createNode(change.value));
  return document.toString({ lineWidth: 0 });
}

/** Where in the text a change is made; undefined where that cannot be told. */
function spliceOf(text: string, change: Change): Splice | undefined {
  const document = parseDocument(text);
  const { path } = change;
  const parent = document.getIn(path.slice(0, -1), true);
  const step = path.at(-1);
  if (step === undefined) return undefined;
  const at = { text, newline: text.includes("\r\n") ? "\r\n" : "\n" };
  if (isMap(parent)) return inMap(at, parent, String(step), change);
  if (isSeq(parent)) return inList(at, parent, Number(step), change);
  return undefined;
}

type At = { readonly text: string; readonly newline: string };

function inMap(at: At, map: YAMLMap, key: string, change: Change): Splice | undefined {
  const index = map.items.findIndex((pair) => isScalar(pair.key) && pair.key.value === key);
  const pair = map.items[index];
  if (change.kind === "insert") {
    if (map.flow === true) return intoFlow(at, map, `${key}: ${flowText(change.value)}`);
    const last = map.items.at(-1);
    const first = map.items[0]?.key as Node | undefined;
    if (last === undefined || first?.range == null) return undefined;
    const column = columnOf(at.text, first.range[0]);
    return behind(at, endOf(last), blockPair(key, change.value, column));
  }
  if (pair === undefined) return undefined;
  if (change.kind === "set") return overwrite(pair.value as Node | null, change.value);
  return map.flow === true ? undefined : lines(at, pair.key as Node, endOf(pair));
}

function inList(at: At, list: YAMLSeq, index: number, change: Change): Splice | undefined {
  const item = list.items[index] as Node | undefined;
  if (change.kind === "set") return overwrite(item ?? null, change.value);
  if (change.kind === "remove") {
    return list.flow === true || item === undefined ? undefined : lines(at, item, endOf(item));
  }
  if (list.flow === true) return intoFlow(at, list, flowText(change.value));
  const [first, last] = [list.items[0] as Node | undefined, list.items.at(-1)];
  if (first?.range == null || last === undefined) return undefined;
  const line = at.text.slice(lineStart(at.text, first.range[0]), first.range[0]);
  const dash = line.lastIndexOf("-");
  if (dash < 0 || line.slice(0, dash).trim() !== "") return undefined;
  const flowItem = isMap(first) && first.flow === true;
  const text = flowItem
    ? `${" ".repeat(dash)}- ${flowText(change.value)}`
    : blockItem(change.value, dash);
  return behind(at, endOf(last), text);
}

/** In place of a value that stands in one piece: a scalar, or a collection in brackets. */
function overwrite(node: Node | null, value: unknown): Splice | undefined {
  if (node?.range == null) return undefined;
  const [from, to] = node.range;
  if (isScalar(node) && (node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED")) {
    return undefined;
  }
  if (!isScalar(node) && !((isMap(node) || isSeq(node)) && node.flow === true)) return undefined;
  return { from, to, text: `${from === to ? " " : ""}${flowText(value)}` };
}

/** Behind the last item in brackets. */
function intoFlow({ text }: At, node: YAMLMap | YAMLSeq, added: string): Splice | undefined {
  if (node.range == null) return undefined;
  const last = node.items.at(-1);
  if (last === undefined) {
    const [from, to] = node.range;
    const [open, close] = isMap(node) ? ["{ ", " }"] : ["[", "]"];
    return { from, to, text: `${open}${added}${close}` };
  }
  const end = endOf(last);
  // A comma that stands there already is used.
  const comma = /^\s*,/.exec(text.slice(end))?.[0];
  if (comma !== undefined)
    return { from: end + comma.length, to: end + comma.length, text: ` ${added}` };
  return { from: end, to: end, text: `, ${added}` };
}

/** As lines of their own behind the line that ends at `end`. */
function behind({ text, newline }: At, end: number, added: string): Splice {
  const lineEnd = text.indexOf("\n", end);
  const block = added.replaceAll("\n", newline);
  // The value may be a block of text that ends with its line.
  if (text[end - 1] === "\n") return { from: end, to: end, text: `${block}${newline}` };
  if (lineEnd < 0)
    return { from: text.length, to: text.length, text: `${newline}${block}${newline}` };
  return { from: lineEnd + 1, to: lineEnd + 1, text: `${block}${newline}` };
}

/** The whole lines from a node's first to the one that ends at `end`. */
function lines({ text }: At, first: Node, end: number): Splice | undefined {
  if (first.range == null) return undefined;
  const from = lineStart(text, first.range[0]);
  const lineEnd = text[end - 1] === "\n" ? end - 1 : text.indexOf("\n", end);
  return { from, to: lineEnd < 0 ? text.length : lineEnd + 1, text: "" };
}

/** Where what belongs to a node ends, its comment not counted. */
function endOf(item: unknown): number {
  const node = item as Partial<Pair> & Partial<YAMLMap>;
  if (node.range == null && "value" in node && node.key !== undefined) {
    const value = node.value as Node | null;
    return value?.range == null ? ((node.key as Node).range?.[1] ?? 0) : endOf(value);
  }
  const collection = isMap(item) || isSeq(item) ? item : undefined;
  const last = collection?.flow === true ? undefined : collection?.items.at(-1);
  return last === undefined ? (node.range?.[1] ?? 0) : endOf(last);
}

const lineStart = (text: string, at: number): number => text.lastIndexOf("\n", at - 1) + 1;

const columnOf = (text: string, at: number): number => at - lineStart(text, at);
