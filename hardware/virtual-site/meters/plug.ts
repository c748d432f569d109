import type { Duplex } from "node:stream";
import { Failure } from "@busbar/protocol";
import type { OpenBus } from "./listen.ts";
import { openPty } from "./pty.ts";

/** An adapter that can be pulled out and put in again: its terminal vanishes and comes back. */
export type Plug = OpenBus & {
  /** Pulls it out, or puts it in again when it is out. */
  toggle(): Promise<void>;
  /** Pulls it out for a time, ms. */
  unplugFor(awayMs: number): void;
};

/** Opens a pseudo-terminal as `openPty` does; a new one behind the same link after each replugging. */
export async function openPlug(options: Parameters<typeof openPty>[0]): Promise<Plug> {
  let stream: Duplex | undefined;
  const openOptions = {
    ...options,
    onLine: (line: Duplex) => {
      stream = line;
      options.onLine(line);
    },
  };
  let open: OpenBus | undefined = await openPty(openOptions);
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  // One at a time: a terminal that is being made cannot be taken away.
  let last: Promise<void> = Promise.resolve();
  const next = (step: () => Promise<void>) => {
    last = last.then(step).catch((error: unknown) => {
      options.onLost(error instanceof Failure ? error : lost(options.link, error));
    });
    return last;
  };
  const out = async () => {
    if (open === undefined) return;
    const leaving = open;
    open = undefined;
    stream?.destroy();
    await leaving.close();
  };
  const back = async () => {
    if (open === undefined && !closed) open = await openPty(openOptions);
  };
  return {
    at: options.link,
    toggle: () => {
      clearTimeout(timer);
      return next(() => (open === undefined ? back() : out()));
    },
    unplugFor: (awayMs) => {
      void next(out);
      clearTimeout(timer);
      timer = setTimeout(() => void next(back), awayMs);
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await next(out);
    },
  };
}

function lost(link: string, cause: unknown): Failure {
  const message = `${link}: the terminal could not be made again: ${String(cause)}`;
  return new Failure("bus.pty-failed", message, { retry: "later", cause });
}
