import {
  CouncilChain,
  type DemandState,
  decodeAnswer,
  decodeStateProof,
  type PinnedMembership,
  type Refusal,
  verifyDemandProof,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import type { FlowsCode } from "../../codes.ts";

/** An order as a flow carries it out. Times are site ms, half-open spans. */
export type Order = {
  /** The order's id, hex. */
  readonly order: string;
  readonly action: DemandState["action"];
  readonly by: string;
  readonly status: DemandState["status"];
  readonly from: number;
  readonly until: number;
  /** What may be drawn in each slot, mean W: the limit, or what the order leaves of the usual draw. */
  readonly slots: readonly {
    readonly from: number;
    readonly until: number;
    readonly limitW: number;
  }[];
  readonly price: number;
  readonly energyWh: number;
};

/** What a message of the unit's commands topic means: an order that is new or known, or its end. */
export type Heard =
  | {
      readonly ok: true;
      readonly what: "begins" | "offered" | "known" | "ended";
      readonly order: Order;
    }
  | Refusal;

/** Open orders of one unit: each has a slot, and a day has 96 of the shortest. */
const ordersMax = 96;
/** Orders that are remembered so that none begins again: a month of the shortest slots. */
const rememberedMax = 3_000;

/** What is remembered of an order: the height of its newest block, and whether it is over or done. */
export type Remembered = { readonly height: number; readonly over: boolean };

/**
 * Orders to one unit. Nobody's word counts: an order is the ledger's entry, proven by a certified block,
 * addressed to this unit, and not over by the time of the newest block that was seen.
 */
export class OrderDesk {
  readonly #device: string;
  readonly #slotMs: number;
  readonly #councils: CouncilChain;
  readonly #open = new Map<string, Order>();
  readonly #remembered: Map<string, Remembered>;
  #blockTime = 0;
  #liveTime = 0;

  /** `remembered`: what an earlier desk said last of itself. What is none of it is left out. */
  constructor(options: {
    readonly remembered?: unknown;
    readonly device: string;
    readonly slotMs: number;
    readonly membership: PinnedMembership;
  }) {
    const { device, slotMs, membership } = options;
    const { chain, members, epoch = 0, since = 1 } = membership;
    const voters = members.filter(({ voting }) => voting).map(({ id, key }) => ({ id, key }));
    this.#remembered = rememberedIn(options.remembered);
    this.#device = device;
    this.#slotMs = slotMs;
    this.#councils = new CouncilChain(chain, { epoch, since, voters });
  }

  /** An open order by its id. */
  known(order: string): Order | undefined {
    return this.#open.get(order);
  }

  get count(): number {
    return this.#open.size;
  }

  /** What the next desk has to know: an order that is over must not begin again after a restart. */
  get remembered(): Readonly<Record<string, Remembered>> {
    return Object.fromEntries(this.#remembered);
  }

  /** Takes the site's time from what the unit said last: blocks may stay away while slots pass. */
  heed(time: number): void {
    this.#liveTime = time;
  }

  /** The flow is done with an order. */
  forget(order: string): boolean {
    this.#remember(order, this.#remembered.get(order)?.height ?? 0, true);
    return this.#open.delete(order);
  }

  /** Takes an answer of the unit's receipts topic: it may say that other members vote now. */
  takeAnswer(payload: Uint8Array): void {
    const decoded = decodeAnswer(payload);
    if (!decoded.ok || decoded.answer.kind !== "council") return;
    this.#councils.take(decoded.answer.step, verify);
  }

  /** Codes: those of `decodeStateProof` and `verifyDemandProof`; `flows.order-other`, `flows.order-expired`. */
  take(payload: Uint8Array): Heard {
    const decoded = decodeStateProof(payload);
    if (!decoded.ok) return decoded;
    const { proof } = decoded;
    const checked = verifyDemandProof(
      proof,
      this.#councils.membershipAt(proof.header.height),
      verify,
    );
    if (!checked.ok) return checked;
    const { order: id, demand } = checked;
    if (demand.device !== this.#device) {
      return refuse(
        "flows.order-other",
        `order ${id} is for ${demand.device}, not ${this.#device}`,
      );
    }
    const { height, time } = proof.header;
    this.#blockTime = Math.max(this.#blockTime, time);
    const order = this.#orderOf(id, demand);
    const isOpen = ["offered", "contracted", "acknowledged"].includes(order.status);
    const seen = this.#remembered.get(id);
    // An older block's word that comes late takes nothing back, and what is over stays so.
    if (seen !== undefined && (height < seen.height || (seen.over && isOpen))) {
      return { ok: true, what: "known", order: this.#open.get(id) ?? order };
    }
    this.#remember(id, height, !isOpen);
    if (!isOpen) {
      const was = this.#open.delete(id);
      return { ok: true, what: was ? "ended" : "known", order };
    }
    if (order.until <= Math.max(this.#blockTime, this.#liveTime)) {
      this.#open.delete(id);
      const ended = new Date(order.until).toISOString();
      return refuse("flows.order-expired", `order ${id} was over at ${ended}`);
    }
    const before = this.#open.get(id);
    if (before !== undefined && (before.status !== "offered" || order.status === "offered")) {
      return { ok: true, what: "known", order: before };
    }
    this.#open.set(id, order);
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= ordersMax) break;
      this.#open.delete(oldest);
    }
    return { ok: true, what: order.status === "offered" ? "offered" : "begins", order };
  }

  #remember(id: string, height: number, over: boolean): void {
    this.#remembered.delete(id);
    this.#remembered.set(id, { height, over });
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= rememberedMax) break;
      this.#remembered.delete(oldest);
    }
  }

  #orderOf(order: string, demand: DemandState): Order {
    const { action, by, status, slot, slots, toSlot, price, energy, limitW, usual, usualLater } =
      demand;
    const hours = this.#slotMs / 3_600_000;
    const span = (start: number, draws: readonly number[], changeWh: number) =>
      Array.from({ length: slots }, (_, i) => {
        const from = start + i * this.#slotMs;
        const left = Math.max(0, Math.round(((draws[i] ?? 0) + changeWh) / hours));
        return { from, until: from + this.#slotMs, limitW: limitW ?? left };
      });
    const later = toSlot === undefined ? [] : span(toSlot, usualLater ?? [], energy);
    const all = [...span(slot, usual, -energy), ...later].sort((a, b) => a.from - b.from);
    return {
      order,
      action,
      by,
      status,
      from: all[0]?.from ?? slot,
      until: all.at(-1)?.until ?? slot,
      slots: all,
      price: price / 1e6,
      energyWh: energy,
    };
  }
}

function rememberedIn(value: unknown): Map<string, Remembered> {
  const entries = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return new Map(
    entries.slice(-rememberedMax).filter((entry): entry is [string, Remembered] => {
      const { height, over } = (entry[1] ?? {}) as Partial<Remembered>;
      return Number.isSafeInteger(height) && typeof over === "boolean";
    }),
  );
}

function refuse(code: FlowsCode, message: string): Refusal {
  return { ok: false, code, message };
}
