/** Wall time: monotonic milliseconds, and calls after some of them. */
export type Timers = {
  now(): number;
  /** Returns how to cancel it. */
  after(ms: number, call: () => void): () => void;
};

/** Timers that also know when the present turn of the event loop is over. */
export type TurnTimers = Timers & {
  /** Calls once all that has arrived by now has been handed over. */
  soon(call: () => void): void;
};

/** The machine's own timers. */
export const systemTimers: TurnTimers = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  soon: (call) => void setImmediate(call),
};
