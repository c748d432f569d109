import type { PortalError } from "../api.ts";
import { t } from "./language.ts";

/** What the portal answered in place of what was asked for. */
export class Refused extends Error {
  readonly code: string;
  readonly status: number;

  constructor(status: number, { code, message }: PortalError) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** A problem as pages show it. */
export function told(problem: unknown): { readonly message: string; readonly code: string } {
  if (problem instanceof Refused) return problem;
  return { message: problem instanceof Error ? problem.message : String(problem), code: "page" };
}

/** Set by the session: what goes with requests that change something. */
export const token: { csrf: string | null } = { csrf: null };

/** Reads JSON. Throws: `Refused`, with status 0 where nobody answers. */
export async function read<T>(path: string): Promise<T> {
  return (await (await ask(path, {})).json()) as T;
}

/** Reads the bytes of a proof. Throws: `Refused`. */
export async function readBytes(path: string): Promise<Uint8Array> {
  return new Uint8Array(await (await ask(path, {})).arrayBuffer());
}

/** Posts JSON. Throws: `Refused`. */
export async function post<T>(path: string, body?: object): Promise<T> {
  const init: RequestInit =
    body === undefined
      ? { method: "POST" }
      : {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
        };
  return (await (await ask(path, init)).json()) as T;
}

/** Posts the bytes of a signed frame. Throws: `Refused`. */
export async function postFrame<T>(path: string, frame: Uint8Array): Promise<T> {
  const headers = { "content-type": "application/octet-stream" };
  const body = frame as Uint8Array<ArrayBuffer>;
  return (await (await ask(path, { method: "POST", headers, body })).json()) as T;
}

/** Throws: `Refused`. */
export async function remove(path: string): Promise<void> {
  await ask(path, { method: "DELETE" });
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  if (init.method !== undefined && token.csrf !== null) headers.set("x-busbar-csrf", token.csrf);
  let response: Response;
  try {
    response = await fetch(`/api/${path}`, { ...init, headers });
  } catch {
    // The browser tells the reason on its console and not to the page.
    const message = t("The portal does not answer. Is it running, and are you on its network?");
    throw new Refused(0, { code: "page.away", message });
  }
  if (response.ok) return response;
  const body: unknown = await response.json().catch(() => undefined);
  throw new Refused(response.status, isError(body) ? body : unknownError(response.status));
}

function isError(body: unknown): body is PortalError {
  return typeof body === "object" && body !== null && "code" in body && "message" in body;
}

function unknownError(status: number): PortalError {
  return { code: "page.answer", message: t("The portal answered {status}.", { status }) };
}
