import { spawn } from "node:child_process";

/** What systemd is told, and how often it wants to hear of progress. */
export type ServiceManager = {
  /** `STATUS=…`, `READY=1` and the like; does nothing where systemd did not start us. Resolves when it
   * was handed over, or could not be: a process that ends before says nothing. */
  notify(...lines: readonly string[]): Promise<void>;
  /** Wall ms between two signs of life that systemd waits for, or undefined without a watchdog. */
  readonly watchdogMs: number | undefined;
};

/** More messages than a manager that works ever leaves waiting. */
const waitingMax = 16;

/**
 * The service manager of this process, by its environment. Node has no datagram sockets of the local
 * family, so `systemd-notify` speaks for it.
 */
export function serviceManager(env: NodeJS.ProcessEnv = process.env): ServiceManager {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec } = env;
  if (socket === undefined || socket === "")
    return { notify: async () => {}, watchdogMs: undefined };
  const watchdog = Number(usec);
  // One after another: of two processes at once the later message might arrive first.
  let last = Promise.resolve();
  let waiting = 0;
  return {
    watchdogMs: Number.isFinite(watchdog) && watchdog > 0 ? watchdog / 1000 : undefined,
    notify: (...lines) => {
      if (waiting >= waitingMax) return last;
      waiting += 1;
      last = last.then(async () => {
        await spoken(lines, env);
        waiting -= 1;
      });
      return last;
    },
  };
}

/** Ends when the message was handed over, or could not be. */
function spoken(lines: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn("systemd-notify", [...lines], { stdio: "ignore", env });
    // Without the program the unit works all the same; systemd then ends it by its own rules.
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  });
}

/** The unit is about to start anew with another configuration; READY=1 follows. systemd would end a
 * service that says STOPPING=1 and then does not stop. */
export function reloading(): readonly string[] {
  // CLOCK_MONOTONIC, which sd_notify(3) asks for.
  return ["RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`];
}

/**
 * Feeds the watchdog while every meter is polled, and lets it bite when one is not: an event loop that
 * runs but reads no meter is as dead as one that hangs. `stalled` names those meters; `onStarve` is
 * told when they change.
 */
export function feedWatchdog(
  { notify, watchdogMs }: ServiceManager,
  {
    stalled,
    onStarve,
  }: {
    readonly stalled: () => readonly string[];
    readonly onStarve: (meters: readonly string[]) => void;
  },
): { stop(): void } {
  if (watchdogMs === undefined) return { stop: () => {} };
  let told = "";
  const timer = setInterval(() => {
    const meters = stalled();
    if (meters.length === 0) void notify("WATCHDOG=1");
    else if (meters.join() !== told) onStarve(meters);
    told = meters.join();
  }, watchdogMs / 3);
  return { stop: () => clearInterval(timer) };
}
