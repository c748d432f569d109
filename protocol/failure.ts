/** Whether trying the same thing again can help. */
export type Retry = "now" | "later" | "never";

/** The world's fault: a port, a disk, a network, a file. Thrown; a peer's fault is a `Refusal`. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly code: string;
  readonly retry: Retry;

  constructor(code: string, message: string, options: { retry: Retry; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retry = options.retry;
  }
}
