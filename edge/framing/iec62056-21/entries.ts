import type { TelegramEntry } from "../telegram.ts";
import type { StreamDamage, StreamFramer, StreamTelegram } from "./stream-framer.ts";

/** All that a framer finds in a capture. */
export function* streamChunks<T>(
  framer: StreamFramer<T>,
  bytes: Uint8Array,
): Generator<StreamTelegram<T> | StreamDamage> {
  const chunkBytes = 4096;
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    yield* framer.push(bytes.subarray(at, at + chunkBytes));
  }
  yield* framer.end();
}

/** The entry of bytes that are no telegram. `reasons` says each reason in words. */
export function refused(
  { offset, reason, bytes }: StreamDamage,
  reasons: Readonly<Record<string, string>>,
): TelegramEntry {
  return {
    ok: false,
    offset,
    code: `frame.${reason}`,
    message: `${bytes.length} bytes skipped: ${reasons[reason] ?? reason}`,
    bytes: Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" "),
  };
}
