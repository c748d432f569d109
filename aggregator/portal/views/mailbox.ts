import { type AdmissionRequest, parseRequestText } from "@busbar/protocol";
import { checkDevice, checkOwner } from "../../ledger/rules/admission.ts";
import { sha256 } from "../../ledger/sha256.ts";
import { devices, owners } from "../../ledger/tables.ts";
import { AccessError } from "../access/codes.ts";
import { QueryError } from "../query.ts";
import type { ViewContext } from "./context.ts";
import type { RequestAnswer } from "./shapes.ts";

/** Requests that wait at once, and how long one does, wall ms. */
const waitingMax = 100;
const waitMs = 14 * 86_400_000;

type Waiting = {
  readonly text: string;
  readonly request: AdmissionRequest;
  readonly received: number;
};

/** Beside the ledger's own tables and not made from blocks: no rebuild touches it. */
const schema = `
  CREATE TABLE IF NOT EXISTS mailbox_request (
    request TEXT PRIMARY KEY, text TEXT NOT NULL, received INTEGER NOT NULL
  ) STRICT`;

/**
 * Where units' requests for admission wait for a member. It proves nothing and is no part of the ledger,
 * but whoever handed one in was told that it waits: it is on disk before, so that no restart loses it.
 * Bounded in number and time. One that was granted leaves by itself.
 */
export class Mailbox {
  readonly #waiting = new Map<string, Waiting>();
  readonly #context: Pick<ViewContext, "store" | "now">;

  constructor(context: Pick<ViewContext, "store" | "now">) {
    this.#context = context;
    this.#open();
  }

  /** Throws: `QueryError` for what is no request, `AccessError` `portal.mailbox-full`. */
  put(text: string): { readonly request: string } {
    const parsed = parseRequestText(text, sha256);
    if (!parsed.ok)
      throw new QueryError("portal.query", `text: ${parsed.message} (${parsed.code})`);
    const word = text.replace(/\s/g, "").toUpperCase();
    const request = hex(sha256(Buffer.from(word))).slice(0, 16);
    this.#forget();
    if (!this.#waiting.has(request) && this.#waiting.size >= waitingMax) {
      const message = "too many requests wait for a member; try again tomorrow";
      throw new AccessError("portal.mailbox-full", message);
    }
    const { store, now } = this.#context;
    const received = now();
    store.db
      .prepare("INSERT OR REPLACE INTO mailbox_request (request, text, received) VALUES (?, ?, ?)")
      .run(request, word, received);
    this.#waiting.set(request, { text: word, request: parsed.request, received });
    return { request };
  }

  /** What waits, the oldest first. */
  list(): readonly RequestAnswer[] {
    this.#forget();
    return Array.from(this.#waiting, ([request, waiting]) => this.#answer(request, waiting));
  }

  drop(request: string): boolean {
    this.#context.store.db.prepare("DELETE FROM mailbox_request WHERE request = ?").run(request);
    return this.#waiting.delete(request);
  }

  /** Takes up what waited when the aggregator ended; what another version wrote and this one cannot read goes. */
  #open(): void {
    const { db } = this.#context.store;
    db.exec(schema);
    const rows = db
      .prepare("SELECT request, text, received FROM mailbox_request ORDER BY received, request")
      .all();
    for (const { request, text, received } of rows) {
      const parsed = parseRequestText(String(text), sha256);
      const name = String(request);
      if (!parsed.ok) this.drop(name);
      else {
        const waiting = { text: String(text), request: parsed.request, received: Number(received) };
        this.#waiting.set(name, waiting);
      }
    }
  }

  #answer(request: string, { text, received, request: asked }: Waiting): RequestAnswer {
    const { owner, device } = asked;
    const { state } = this.#context.store;
    const known = [owners.get(state, owner.id)?.id, devices.get(state, device.id)?.id];
    const refusal =
      checkOwner(state, owner) ??
      // A new owner's unit cannot be judged before the owner is there.
      (owners.get(state, owner.id) === undefined ? undefined : checkDevice(state, device));
    return {
      request,
      text,
      received,
      owner: { id: owner.id, name: owner.name, party: owner.party, key: base64url(owner.key) },
      device: {
        id: device.id,
        key: base64url(device.key),
        meters: device.meters.map(({ id, role, form = null, feeder }) => ({
          id,
          role,
          form,
          feeder,
        })),
      },
      replaces: known.filter((id) => id !== undefined),
      refusal: refusal === undefined ? null : { code: refusal.code, message: refusal.message },
    };
  }

  #forget(): void {
    const { store, now } = this.#context;
    for (const [name, { request, received }] of this.#waiting) {
      const { device } = request;
      const held = devices.get(store.state, device.id)?.key;
      const granted = held !== undefined && hex(held) === hex(device.key);
      if (granted || received + waitMs <= now()) this.drop(name);
    }
  }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64url");
