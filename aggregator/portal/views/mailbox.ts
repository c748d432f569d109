import { type AdmissionRequest, parseRequestText } from "@busbar/protocol";
import { checkDevice, checkOwner } from "../../ledger/rules/admission.ts";
import { sha256 } from "../../ledger/sha256.ts";
import { devices, owners } from "../../ledger/tables.ts";
import { AccessError } from "../access/codes.ts";
import { QueryError } from "../query.ts";
import type { ViewContext } from "./context.ts";
import type { RequestAnswer } from "./shapes.ts";

/** Requests that wait at once, of all and of one address, and how long one does, wall ms. */
const waitingMax = 100;
const waitingEach = 3;
const waitMs = 14 * 86_400_000;

type Waiting = {
  readonly text: string;
  readonly request: AdmissionRequest;
  readonly received: number;
  /** Whoever handed it in: an address of IPv4, a /64 of IPv6; empty in files of before. */
  readonly from: string;
};

/** Beside the ledger's own tables and not made from blocks: no rebuild touches it. */
const schema = `
  CREATE TABLE IF NOT EXISTS mailbox_request (
    request TEXT PRIMARY KEY, text TEXT NOT NULL, received INTEGER NOT NULL,
    source TEXT NOT NULL DEFAULT ''
  ) STRICT`;

/**
 * Where units' requests for admission wait for a member. It proves nothing and is no part of the ledger,
 * but whoever handed one in was told that it waits: it is on disk before, so that no restart loses it.
 * Bounded in number, of one address too, and in time. One that was granted leaves by itself; where there is no room,
 * the oldest of the address that holds the most makes it, so that nobody fills it for others.
 */
export class Mailbox {
  /** The oldest first. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #context: Pick<ViewContext, "store" | "now">;

  constructor(context: Pick<ViewContext, "store" | "now">) {
    this.#context = context;
    this.#open();
  }

  /**
   * `from`: the address that hands it in. The same one again waits as it did.
   * Throws: `QueryError` for what is no request, `AccessError` `portal.mailbox-full`.
   */
  put(text: string, from: string): { readonly request: string } {
    const parsed = parseRequestText(text, sha256);
    if (!parsed.ok)
      throw new QueryError("portal.query", `text: ${parsed.message} (${parsed.code})`);
    const word = text.replace(/\s/g, "").toUpperCase();
    const request = hex(sha256(Buffer.from(word))).slice(0, 16);
    this.#forget();
    if (this.#waiting.has(request)) return { request };
    if (this.#of(from).length >= waitingEach) {
      const message = `${waitingEach} requests from your address wait already; a member looks at them first`;
      throw new AccessError("portal.mailbox-full", message);
    }
    if (this.#waiting.size >= waitingMax) this.#makeRoom();
    const { store, now } = this.#context;
    const received = now();
    store.db
      .prepare("INSERT INTO mailbox_request (request, text, received, source) VALUES (?, ?, ?, ?)")
      .run(request, word, received, from);
    this.#waiting.set(request, { text: word, request: parsed.request, received, from });
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

  /** Takes all that an address handed in off the list. Returns which. */
  dropFrom(from: string): readonly string[] {
    const requests = this.#of(from);
    for (const request of requests) this.drop(request);
    return requests;
  }

  #of(from: string): readonly string[] {
    return [...this.#waiting].flatMap(([request, one]) => (one.from === from ? [request] : []));
  }

  /** Among those that hold as many, the one that came first. */
  #makeRoom(): void {
    const counts = new Map<string, number>();
    for (const { from } of this.#waiting.values()) counts.set(from, (counts.get(from) ?? 0) + 1);
    const [most] = [...counts].sort(([, a], [, b]) => b - a);
    const [oldest] = most === undefined ? [] : this.#of(most[0]);
    if (oldest !== undefined) this.drop(oldest);
  }

  /** Takes up what waited when the aggregator ended; what another version wrote and this one cannot read goes. */
  #open(): void {
    const { db } = this.#context.store;
    db.exec(schema);
    const columns = db.prepare("SELECT name FROM pragma_table_info('mailbox_request')").all();
    if (!columns.some(({ name }) => name === "source")) {
      db.exec("ALTER TABLE mailbox_request ADD COLUMN source TEXT NOT NULL DEFAULT ''");
    }
    const rows = db.prepare("SELECT * FROM mailbox_request ORDER BY received, request").all();
    for (const { request, text, received, source } of rows) {
      const parsed = parseRequestText(String(text), sha256);
      const name = String(request);
      if (!parsed.ok) this.drop(name);
      else {
        this.#waiting.set(name, {
          ...{ text: String(text), request: parsed.request },
          ...{ received: Number(received), from: String(source) },
        });
      }
    }
  }

  #answer(request: string, { text, received, from, request: asked }: Waiting): RequestAnswer {
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
      from,
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
