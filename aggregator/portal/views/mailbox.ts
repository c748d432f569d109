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

/**
 * Where units' requests for admission wait for a member. It proves nothing and is no part of the ledger:
 * in memory, bounded; whoever sees its request gone sends it again. One that was granted leaves by itself.
 */
export class Mailbox {
  readonly #waiting = new Map<string, Waiting>();
  readonly #context: Pick<ViewContext, "store" | "now">;

  constructor(context: Pick<ViewContext, "store" | "now">) {
    this.#context = context;
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
    const { now } = this.#context;
    this.#waiting.set(request, { text: word, request: parsed.request, received: now() });
    return { request };
  }

  /** What waits, the oldest first. */
  list(): readonly RequestAnswer[] {
    this.#forget();
    return Array.from(this.#waiting, ([request, waiting]) => this.#answer(request, waiting));
  }

  drop(request: string): boolean {
    return this.#waiting.delete(request);
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
      if (granted || received + waitMs <= now()) this.#waiting.delete(name);
    }
  }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64url");
