import { stringify } from "yaml";

/** A value in one line: `{ kind: rtu, path: /dev/ttyUSB0 }`. */
export function flowText(value: unknown): string {
  return stringify(value, {
    collectionStyle: "flow",
    lineWidth: 0,
    flowCollectionPadding: true,
    singleQuote: false,
  }).trimEnd();
}

/** A key with its value in block style, small collections in one line; `column` is the key's. */
export function blockPair(key: string, value: unknown, column: number): string {
  const indent = " ".repeat(column);
  if (!isRecord(value) && !Array.isArray(value)) return `${indent}${key}: ${flowText(value)}`;
  if (Array.isArray(value) && value.some(isRecord)) {
    const items = value.map((item) => blockItem(item, column + 2));
    return [`${indent}${key}:`, ...items].join("\n");
  }
  return `${indent}${key}: ${flowText(value)}`;
}

/** An item of a list in block style; `column` is the dash's. */
export function blockItem(value: unknown, column: number): string {
  const indent = " ".repeat(column);
  if (!isRecord(value) || Object.keys(value).length === 0) return `${indent}- ${flowText(value)}`;
  const pairs = Object.entries(value).map(([key, part]) => blockPair(key, part, column + 2));
  return `${indent}- ${pairs.join("\n").trimStart()}`;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
