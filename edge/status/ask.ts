import { Failure } from "@busbar/protocol";
import type { LoadedConfig } from "../config/load.ts";
import type { Status } from "./status.ts";

/** A unit beside us answers at once; one on a slow board that unpacks a bundle meanwhile takes its time, and is no
 * other program for that. */
const answerMsMax = 30_000;
/** A status with 32 meters of 100 values is a tenth of it. */
const bytesMax = 4 * 1024 * 1024;

/**
 * The status of the unit that runs with this configuration; undefined where none does.
 * Throws: `Failure` `status.other` when something else answers, `status.failed`.
 */
export async function askUnit({ status, device }: LoadedConfig): Promise<Status | undefined> {
  if (status.port === 0) {
    const message =
      "status.port is 0, so nobody knows where the unit listens; give it a port, such as 8080";
    throw new Failure("status.port-unknown", message, { retry: "never" });
  }
  const url = statusUrl(status);
  let text: string;
  try {
    const signal = AbortSignal.timeout(answerMsMax);
    const response = await fetch(`${url}/status`, { signal, redirect: "error" });
    text = await bounded(response);
    if (response.status === 500) {
      const message = `the unit answers, but cannot read its own state: ${text.trim().slice(0, 300)}`;
      throw new Failure("status.failed", message, { retry: "later" });
    }
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    if (isRefused(cause)) return undefined;
    throw other(url, device.id, cause instanceof Error ? cause.message : String(cause));
  }
  return checked(text, url, device.id);
}

/** Where the unit's page is, seen from its own machine. */
export function statusUrl({ host, port }: LoadedConfig["status"]): string {
  const any = host === "::" || host === "0.0.0.0";
  const at = any ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  return `http://${at}:${port}`;
}

function checked(text: string, url: string, device: string): Status {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw other(url, device, "what answers is no JSON");
  }
  const status = value as Partial<Status> | null;
  const isUnit =
    typeof status?.device === "string" &&
    Array.isArray(status.meters) &&
    typeof status.journal === "object" &&
    typeof status.clock === "object";
  if (!isUnit) throw other(url, device, "what answers is no unit");
  if (status.device !== device) throw other(url, device, `${status.device} answers`);
  return value as Status;
}

function other(url: string, device: string, reason: string): Failure {
  const message = `${url}: expected the unit ${device}: ${reason}; look which program has the port, or give the unit another status.port`;
  return new Failure("status.other", message, { retry: "never" });
}

function isRefused(error: unknown): boolean {
  const cause = (error as { cause?: { code?: unknown; errors?: { code?: unknown }[] } }).cause;
  const codes = [cause?.code, ...(cause?.errors ?? []).map(({ code }) => code)];
  return codes.includes("ECONNREFUSED");
}

async function bounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Error("the answer does not end");
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}
