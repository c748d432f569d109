import { createHash } from "node:crypto";
import { Failure } from "@busbar/protocol";
import { megabytes } from "./disks.ts";
import type { Image } from "./image.ts";

/** What is written to. */
export type Target = {
  write(bytes: Uint8Array, at: number): Promise<void>;
  /** So many bytes from there on, fewer where it ends. */
  read(at: number, length: number): Promise<Uint8Array>;
  /** What was written is on the medium. */
  sync(): Promise<void>;
  /** Lets go of it, with all that was kept of it in memory. */
  close(): Promise<void>;
  open(): Promise<void>;
};

export type Step = "write" | "compare" | "site";

/** By these a disk is known to have partitions; they come last, so that a card written halfway has none. */
export const headBytes = 4096;
const syncEvery = 64 * 1024 * 1024;
const readBytes = 1024 * 1024;

/**
 * Writes an image, reads all of it back and compares; then `fill` puts what is the site's onto it; and only
 * then the first bytes, which make it a card that starts. The target is closed at the end.
 * Throws: `Failure` `flash.stopped`, `flash.write`, `flash.changed`, `flash.differs`, and what `fill` does.
 */
export async function writeCard(
  target: Target,
  {
    image,
    bytes,
    fill,
    progress,
    signal,
  }: {
    readonly image: Image;
    readonly bytes: AsyncIterable<Buffer>;
    readonly fill?: (() => Promise<void>) | undefined;
    readonly progress: (step: Step, done: number) => void;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const stop = (step: Step, done: number) => {
    if (signal.aborted) throw halfway(`stopped at ${megabytes(done)} (${step})`, "flash.stopped");
  };
  try {
    await target.open();
    await target.write(new Uint8Array(headBytes), 0);
    await target.sync();
    const head = await writeBody(target, { image, bytes, progress, stop });
    await target.close();
    await target.open();
    await compareBody(target, { image, head, progress, stop });
    if (fill !== undefined) {
      await target.close();
      progress("site", 0);
      await fill();
      stop("site", 0);
      await target.open();
    }
    await target.write(head, 0);
    await target.sync();
    await target.close();
    await target.open();
    if (!head.equals(await target.read(0, head.length))) throw differs();
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    const why = `${(cause as Error).message}; is the card worn out, or was it pulled out?`;
    throw halfway(why, "flash.write", cause);
  } finally {
    await target.close();
  }
}

type Work = {
  readonly image: Image;
  readonly progress: (step: Step, done: number) => void;
  readonly stop: (step: Step, done: number) => void;
};

/** All but the first bytes, which it gives back. */
async function writeBody(
  target: Target,
  { image, bytes, progress, stop }: Work & { readonly bytes: AsyncIterable<Buffer> },
): Promise<Buffer> {
  const hash = createHash("sha256");
  const head = Buffer.alloc(Math.min(headBytes, image.bytes));
  let [at, synced] = [0, 0];
  for await (const chunk of bytes) {
    stop("write", at);
    // More than was examined is never written.
    if (at + chunk.length > image.bytes) throw changed();
    hash.update(chunk);
    const inHead = Math.min(chunk.length, Math.max(0, head.length - at));
    if (inHead > 0) chunk.copy(head, at, 0, inHead);
    if (inHead < chunk.length) await target.write(chunk.subarray(inHead), at + inHead);
    at += chunk.length;
    // So that progress is that of the card and not that of this machine's memory.
    if (at - synced >= syncEvery) {
      await target.sync();
      synced = at;
    }
    progress("write", at);
  }
  if (at !== image.bytes || hash.digest("hex") !== image.sha256) throw changed();
  await target.sync();
  return head;
}

async function compareBody(
  target: Target,
  { image, head, progress, stop }: Work & { readonly head: Buffer },
): Promise<void> {
  const hash = createHash("sha256").update(head);
  for (let at = head.length; at < image.bytes; ) {
    stop("compare", at);
    const got = await target.read(at, Math.min(readBytes, image.bytes - at));
    if (got.length === 0) break;
    hash.update(got);
    at += got.length;
    progress("compare", at);
  }
  if (hash.digest("hex") !== image.sha256) throw differs();
}

const differs = () =>
  halfway(
    "what was read back is not what was written; the card is worn out or a fake",
    "flash.differs",
  );
const changed = () => halfway("the image changed while it was written", "flash.changed");

function halfway(why: string, code: string, cause?: unknown): Failure {
  const message = `${why}. The card is not complete and starts nothing: flash it again`;
  return new Failure(code, message, { retry: "never", cause });
}
