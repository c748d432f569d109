import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Failure, type Refusal } from "@busbar/protocol";
import { readKeyFile } from "@busbar/protocol/node";
import { openNotice } from "@busbar/protocol/notice";
import type { Told } from "../notices/told.ts";

/** No box is longer (`boxed` of the protocol), whatever it is written as. */
const textMax = 40_000;

/**
 * `busbar-aggregator notices decrypt`: opens what an owner's MQTT client got. One message from a file or
 * `-`, or else one for each line, as hex or base64, as long as lines come. Exit code 1 where one did not open.
 */
export async function decryptCommand(
  file: string | undefined,
  { key, json }: { readonly key: string; readonly json: boolean },
): Promise<void> {
  const secret = readKeyFile(key).box;
  const tell = (bytes: Uint8Array) => {
    const opened = openNotice(bytes, secret);
    if (opened.ok) return console.log(json ? jsonOf(opened.plain) : textOf(opened.plain));
    process.exitCode = 1;
    console.error(`${refusalText(opened)}\n(${opened.code})`);
  };
  if (file !== undefined) return tell(readMessage(file));
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() !== "") tell(bytesOf(line.trim()));
  }
}

/** What is no box at all is told apart from a box of somebody else. */
function refusalText({ code, message }: Refusal): string {
  if (code === "notice.not-for-us") return message;
  return `this is no boxed notice, expected the bytes of an MQTT message, or hex or base64 of them: ${message}`;
}

function readMessage(file: string): Uint8Array {
  try {
    const bytes = new Uint8Array(readFileSync(file === "-" ? 0 : file));
    const text = Buffer.from(bytes).toString("latin1").trim();
    return isText(text) ? bytesOf(text) : bytes;
  } catch (cause) {
    throw new Failure("notices.file", `${file}: cannot read the message`, {
      retry: "never",
      cause,
    });
  }
}

/** A box begins with a CBOR map, which is no letter or digit of either. */
function isText(text: string): boolean {
  return text.length <= textMax && /^[A-Za-z0-9+/_=-]+$/.test(text);
}

function bytesOf(text: string): Uint8Array {
  const isHex = /^([0-9a-fA-F]{2})+$/.test(text) && text.length <= textMax;
  return new Uint8Array(Buffer.from(text, isHex ? "hex" : "base64"));
}

function jsonOf(plain: Uint8Array): string {
  return JSON.stringify(parsed(plain));
}

/** Plain words, then the numbers, then where the proof is. */
function textOf(plain: Uint8Array): string {
  const { title, text, numbers = [], proof, items = [], id } = parsed(plain);
  return [
    String(title),
    String(text),
    ...numbers.map(({ label, value }) => `  ${label}: ${value}`),
    ...items.map((item) => `  ${item.title}: ${item.text}`),
    ...(proof === undefined ? [] : [`  ${proof.link}`, `  ${proof.command}`]),
    `  ${id}`,
    "",
  ].join("\n");
}

/** Throws: `Failure` `notices.content` where the box of this owner holds something else. */
function parsed(plain: Uint8Array): Partial<Told> {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plain));
    if (typeof value === "object" && value !== null) return value as Partial<Told>;
  } catch {
    // Told below, as everything that is no JSON object is.
  }
  const message = "the box opens, and holds no notice: another version sent it";
  throw new Failure("notices.content", message, { retry: "never" });
}
