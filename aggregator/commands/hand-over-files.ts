import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Failure } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { parseDocument } from "yaml";
import { z } from "zod";
import { type HandOverWord, readWord } from "../consensus/cometbft/hand-over-word.ts";
import type { HomeFile } from "../consensus/cometbft/home.ts";
import { writeWhole } from "../publish/whole-file.ts";

/** The words in these files, by member. Throws: `Failure` `hand-over.word`. */
export function wordsIn(
  files: readonly string[],
  keyOf: (member: string) => Uint8Array | undefined,
): Map<string, HandOverWord> {
  const words = new Map<string, HandOverWord>();
  for (const name of files) {
    const word = readWord(textOf(name), { name, keyOf, verify });
    const other = words.get(word.member);
    if (other !== undefined && other.signature !== word.signature) {
      throw wrong(`${name}: ${word.member} said something else in another file`);
    }
    words.set(word.member, word);
  }
  return words;
}

/** Files of a CometBFT home; what a validator signed last is never taken back. */
export function writeHome(home: string, files: readonly HomeFile[]): void {
  for (const { path, text, secret } of files) {
    const at = join(home, path);
    if (path.endsWith("priv_validator_state.json") && existsSync(at)) continue;
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, text, { mode: secret ? 0o600 : 0o644 });
  }
}

const nodeKey = z.object({ priv_key: z.object({ value: z.string() }) });

/** The seed of the key of CometBFT's connections, where there is one. Throws: `Failure` `hand-over.node-key`. */
export function nodeSeedIn(file: string): Uint8Array | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const { value } = nodeKey.parse(JSON.parse(readFileSync(file, "utf8"))).priv_key;
    const bytes = Buffer.from(value, "base64");
    if (bytes.length === 64) return new Uint8Array(bytes.subarray(0, 32));
  } catch {
    // What is expected is said below.
  }
  const message = `${file}: expected a key as CometBFT has it; take the file away for a new one`;
  throw new Failure("hand-over.node-key", message, { retry: "never" });
}

/** Lets a configuration say that CometBFT orders; all else, and its comments, stay. */
export function writeConfig(path: string, rpcPort: number): void {
  const config = parseDocument(readFileSync(path, "utf8"));
  config.set("engine", "cometbft");
  config.set("cometbft", config.createNode({ home: "cometbft", rpc: rpcAt(rpcPort) }));
  writeWhole(path, config.toString());
}

const rpcAt = (port: number) => `http://127.0.0.1:${port}`;

function textOf(name: string): string {
  try {
    return readFileSync(name, "utf8");
  } catch {
    throw wrong(`${name}: cannot be read`);
  }
}

function wrong(message: string): Failure {
  return new Failure("hand-over.word", message, { retry: "never" });
}
