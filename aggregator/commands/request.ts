import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import {
  type Device,
  Failure,
  type Owner,
  parseRequestText,
  requestPrefix,
} from "@busbar/protocol";
import { parseConfig } from "@busbar/protocol/config";
import { z } from "zod";
import { genesisSchema } from "../ledger/genesis.ts";

/** What an edge unit asks to be admitted with. */
const requestSchema = z.strictObject({
  owner: genesisSchema.shape.owners.element,
  device: genesisSchema.shape.devices.element,
});

/** Owners and devices of some requests, each once. */
export type Requests = {
  readonly owners: readonly Owner[];
  readonly devices: readonly Device[];
  /** The same as the files say it. */
  readonly written: Pick<z.input<typeof genesisSchema>, "owners" | "devices">;
};

/**
 * Reads `request.json` files that `busbar-edge enrol` made.
 * Throws: `Failure` `request.unreadable`, `request.owner-differs`, `request.device-twice`, `config.*`.
 */
export function readRequests(paths: readonly string[]): Requests {
  const requests = paths.map(readRequest);
  // Two units of one owner each carry its entry; it is admitted once.
  const owners = new Map<string, Request>();
  const devices = new Map<string, Request>();
  for (const request of requests) {
    const { path, owner, device } = request;
    const before = owners.get(owner.id);
    if (before !== undefined && !isDeepStrictEqual(before.owner, owner)) {
      throw stop(
        "request.owner-differs",
        `${path}: the entry of owner ${owner.id} differs from that of ${before.path}; name one key and name for it`,
      );
    }
    const twin = devices.get(device.id);
    if (twin !== undefined) {
      throw stop(
        "request.device-twice",
        `${path}: unit ${device.id} is asked for by ${twin.path} already; give each unit an id of its own`,
      );
    }
    owners.set(owner.id, request);
    devices.set(device.id, request);
  }
  return {
    owners: Array.from(owners.values(), ({ owner }) => owner),
    devices: Array.from(devices.values(), ({ device }) => device),
    written: {
      owners: Array.from(owners.values(), ({ written }) => written.owner),
      devices: Array.from(devices.values(), ({ written }) => written.device),
    },
  };
}

type Request = z.output<typeof requestSchema> & {
  readonly path: string;
  readonly written: z.input<typeof requestSchema>;
};

/** `path`: a file, `-` for standard input, or the request's text itself. */
function readRequest(path: string): Request {
  const text = path.startsWith(requestPrefix) ? path : readText(path);
  const name = path.startsWith(requestPrefix) ? "the request" : path;
  const json = text.trimStart().toUpperCase().startsWith(requestPrefix) ? jsonOf(name, text) : text;
  const request = parseConfig(name, json, requestSchema);
  return { path: name, ...request, written: written(name, json) };
}

function readText(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (cause) {
    throw stop("request.unreadable", `${path}: cannot read the unit's request`, cause);
  }
}

/** A request that was copied or scanned, as its file would say it: so it passes the same checks. */
function jsonOf(name: string, text: string): string {
  const parsed = parseRequestText(text, (bytes) => createHash("sha256").update(bytes).digest());
  if (!parsed.ok) throw stop(parsed.code, `${name}: ${parsed.message}`);
  const base64url = (_: string, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("base64url") : value;
  return JSON.stringify(parsed.request, base64url);
}

/** The file once more, now that it is known to fit. */
function written(path: string, text: string): Request["written"] {
  try {
    return JSON.parse(text) as Request["written"];
  } catch (cause) {
    throw stop("request.json", `${path}: expected JSON, as busbar-edge enrol writes it`, cause);
  }
}

function stop(code: string, message: string, cause?: unknown): Failure {
  return new Failure(code, message, { retry: "never", cause });
}
