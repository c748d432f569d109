import assert from "node:assert/strict";
import { basename, dirname } from "node:path";
import type { Said } from "./story.ts";

/** One change of a file or its folder, in the order in which the process made them. */
export type Change =
  | { readonly kind: "create"; readonly file: string }
  | { readonly kind: "unlink"; readonly file: string }
  | { readonly kind: "sync"; readonly file: string }
  | { readonly kind: "sync-folder" }
  | {
      readonly kind: "write";
      readonly file: string;
      readonly offset: number;
      readonly data: Uint8Array;
    }
  | { readonly kind: "truncate"; readonly file: string; readonly size: number }
  | { readonly kind: "said"; readonly said: Said };

/**
 * What a trace of `tellRecorded` says of the files of one folder. The shared memory of the WAL is
 * left out: SQLite makes it anew at each opening. Throws where a call was not understood: a change
 * that is overlooked would prove nothing.
 */
export function changesIn(trace: string, folder: string): Change[] {
  const changes: Change[] = [];
  const files = new Set<string>();
  for (const line of wholeCalls(trace)) {
    const [, call = "", args = "", result = ""] = /^(\w+)\((.*)\) += (-?\d+)/.exec(line) ?? [];
    if (call === "" || Number(result) < 0) continue;
    const change = changeOf(call, args, { folder, files });
    if (change !== undefined) changes.push(change);
  }
  return changes;
}

/** Calls as they ended; strace parts a call where another thread's comes between. */
function wholeCalls(trace: string): string[] {
  const begun = new Map<string, string>();
  return trace.split("\n").flatMap((line) => {
    const [, thread = "", text = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const unfinished = /^(.*) <unfinished \.\.\.>$/.exec(text);
    if (unfinished !== null) {
      begun.set(thread, unfinished[1] ?? "");
      return [];
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text);
    return [resumed === null ? text : `${begun.get(thread) ?? ""}${resumed[1]}`];
  });
}

function changeOf(
  call: string,
  args: string,
  { folder, files }: { folder: string; files: Set<string> },
): Change | undefined {
  const [subject = "", ...rest] = args.split(/, (?=["\dO])/);
  if (call === "write") return /^1</.test(subject) ? saidIn(rest) : undefined;
  const path = call === "openat" ? text(rest[0]) : text(/<([^>]*)>/.exec(subject)?.[1] ?? subject);
  if (path === folder && (call === "fsync" || call === "fdatasync")) return { kind: "sync-folder" };
  if (dirname(path) !== folder || path.endsWith("-shm")) return undefined;
  const file = basename(path);
  if (call === "openat") {
    if (files.has(file) || !args.includes("O_CREAT")) return undefined;
    files.add(file);
    return { kind: "create", file };
  }
  if (call === "unlink") {
    files.delete(file);
    return { kind: "unlink", file };
  }
  if (call === "fsync" || call === "fdatasync") return { kind: "sync", file };
  if (call === "ftruncate") return { kind: "truncate", file, size: Number(rest[0]) };
  assert.equal(call, "pwrite64", `a change by ${call}`);
  const [data, length, offset] = [bytes(rest[0]), Number(rest[1]), Number(rest[2])];
  assert.equal(data.length, length, "the trace holds all bytes");
  return { kind: "write", file, offset, data };
}

function saidIn([data]: readonly string[]): Change {
  return { kind: "said", said: JSON.parse(Buffer.from(bytes(data)).toString()) as Said };
}

const bytes = (quoted = ""): Uint8Array =>
  Uint8Array.from(quoted.match(/\\x[0-9a-f]{2}/g) ?? [], (pair) => Number(`0x${pair.slice(2)}`));
const text = (quoted = ""): string => Buffer.from(bytes(quoted)).toString();
