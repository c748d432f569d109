import { Failure, type Retry } from "@busbar/protocol";
import type { FlowsCode } from "../../codes.ts";

/** An error for `done`: a catch node finds its code as `msg.error.code`. */
export function flowError(
  code: FlowsCode,
  message: string,
  options: { readonly retry?: Retry; readonly cause?: unknown } = {},
): Failure {
  const { retry = "never", cause } = options;
  return new Failure(code, `${message} (${code})`, { retry, cause });
}

/** Whatever was thrown as an error with a message that names its code. */
export function told(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if (!(error instanceof Failure) || error.message.endsWith(`(${error.code})`)) return error;
  const { code, message, retry, cause } = error;
  return new Failure(code, `${message} (${code})`, { retry, cause });
}
