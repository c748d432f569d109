import { spawn } from "node:child_process";

/** What systemd is told, and how often it wants to hear of progress. */
export type ServiceManager = {
  /** `STATUS=…`, `READY=1` and the like; does nothing where systemd did not start us. */
  notify(...lines: readonly string[]): void;
  /** Wall ms between two signs of life that systemd waits for, or undefined without a watchdog. */
  readonly watchdogMs: number | undefined;
};

/**
 * The service manager of this process, by its environment. Node has no datagram sockets of the local
 * family, so `systemd-notify` speaks for it.
 */
export function serviceManager(env: NodeJS.ProcessEnv = process.env): ServiceManager {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec } = env;
  if (socket === undefined || socket === "") return { notify: () => {}, watchdogMs: undefined };
  const watchdog = Number(usec);
  return {
    watchdogMs: Number.isFinite(watchdog) && watchdog > 0 ? watchdog / 1000 : undefined,
    notify: (...lines) => {
      const child = spawn("systemd-notify", [...lines], { stdio: "ignore", env });
      // Without the program the unit works all the same; systemd then ends it by its own rules.
      child.on("error", () => {});
      child.unref();
    },
  };
}

/**
 * Feeds the watchdog while polling makes progress, and lets it bite when it does not: an event loop
 * that runs but reads no meter is as dead as one that hangs.
 */
export function feedWatchdog(
  { notify, watchdogMs }: ServiceManager,
  { progressAt, stallMs }: { readonly progressAt: () => number; readonly stallMs: number },
): { stop(): void } {
  if (watchdogMs === undefined) return { stop: () => {} };
  const timer = setInterval(() => {
    if (Date.now() - progressAt() < stallMs) notify("WATCHDOG=1");
  }, watchdogMs / 3);
  return { stop: () => clearInterval(timer) };
}
