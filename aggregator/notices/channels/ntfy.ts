import { createHash } from "node:crypto";
import type { Channel } from "../channel.ts";
import type { Told } from "../told.ts";
import type { Reader } from "../words/words.ts";
import { plainText } from "./plain-text.ts";
import { checkAnswer } from "./post.ts";
import type { Posting } from "./webhook.ts";

/** What ntfy shows as a message; a longer one would become an attached file. */
const textBytesMax = 4096;

/**
 * Posts to a topic in ntfy's form: the text as the body, what is about it in headers. A notice that
 * comes again carries the same sequence id, so that it takes the first one's place.
 */
export function ntfyChannel(
  {
    url,
    token,
    reader,
  }: { readonly url: string; readonly token?: string; readonly reader: Reader },
  { post, allowPrivate }: Posting,
): Channel {
  return {
    name: "ntfy",
    async deliver(told: Told): Promise<void> {
      const headers = {
        "content-type": "text/plain; charset=utf-8",
        "x-title": encodedWord(told.title),
        "x-priority": told.urgent ? "4" : "3",
        "x-tags": told.topic,
        "x-sequence-id": createHash("sha256").update(told.id).digest("base64url"),
        ...(told.proof === undefined ? {} : { "x-click": told.proof.link }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      };
      const body = cut(plainText(told, reader), textBytesMax);
      checkAnswer(url, await post({ url, headers, body, allowPrivate }));
    },
  };
}

/** A header holds ASCII; other text goes as an encoded word (RFC 2047), which ntfy reads. */
export function encodedWord(text: string): string {
  if (/^[ -~]*$/.test(text)) return text;
  return `=?UTF-8?B?${Buffer.from(text).toString("base64")}?=`;
}

/** The longest beginning of a text that fits, in whole characters. */
export function cut(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return text;
  let end = bytesMax - Buffer.byteLength("…");
  // Bytes 10xxxxxx go on with a character that began before.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${bytes.subarray(0, end).toString()}…`;
}
