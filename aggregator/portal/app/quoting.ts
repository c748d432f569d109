import { type EnergyForm, microPerKwh, sealFrame, sealQuotes, utcMs, wh } from "@busbar/protocol";
import type { GatesMessage } from "../../publish/prices.ts";
import { fromBase64url, type PageKey, toBase64url } from "./key.ts";
import { postFrame, Refused } from "./request.ts";
import { Watched } from "./store.ts";

/** A quote that is sealed on the ledger and is to be opened by this browser. */
export type Kept = {
  readonly id: string;
  readonly slot: number;
  readonly gate: number;
  readonly revealUntil: number;
  readonly reveal: string;
  readonly state: "sealed" | "opened" | "lost";
  readonly message?: string;
};

export type Terms = {
  readonly owner: string;
  readonly side: "ask" | "bid";
  readonly form: EnergyForm;
  readonly quantityWh: number;
  readonly limit: number;
};

type Gate = GatesMessage["gates"][number];

const place = "busbar-quotes";
const keptMax = 50;

export const kept = new Watched<readonly Kept[]>(saved());

/**
 * Seals a quote and hands it in. Its opening is kept in this browser before anything is sealed: one that
 * cannot be opened costs its owner's good name. Throws: `Refused`.
 */
export async function seal(
  terms: Terms,
  gate: Gate,
  as: { readonly key: PageKey; readonly chain: string },
) {
  const { owner, side, form } = terms;
  const quote = { side, form, quantity: wh(terms.quantityWh), limit: microPerKwh(terms.limit) };
  const id = crypto.getRandomValues(new Uint8Array(16));
  const salt = crypto.getRandomValues(new Uint8Array(32));
  const about = { id, owner, slot: utcMs(gate.slot), gate: utcMs(gate.gate) };
  const signing = { chain: as.chain, signer: as.key.signer };
  const reveal = sealFrame("quote-reveal", { id, quotes: [quote], salt }, signing);
  const name = toBase64url(id);
  const { slot, gate: closes, revealUntil } = gate;
  const keeping = { id: name, slot, gate: closes, revealUntil, reveal: toBase64url(reveal) };
  keep([{ ...keeping, state: "sealed" }, ...kept.value]);
  try {
    const hash = sealQuotes(about, [quote], salt);
    await postFrame("quotes", sealFrame("quote-commit", { ...about, hash }, signing));
  } catch (error) {
    // Refused for good: there is nothing to open. Where nobody answered it may have arrived.
    if (error instanceof Refused && error.status >= 400 && error.status < 429) forget(name);
    throw error;
  }
}

let opening = false;

/** Opens what is due at a site time; to be called now and then. */
export async function openDue(time: number): Promise<void> {
  if (opening) return;
  opening = true;
  try {
    for (const one of kept.value) {
      if (one.state === "sealed" && time >= one.gate) await open(one, time);
    }
  } finally {
    opening = false;
  }
}

async function open(one: Kept, time: number): Promise<void> {
  try {
    await postFrame("quotes", fromBase64url(one.reveal));
    change({ ...one, state: "opened" });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    // The gate's block may still be on its way; afterwards it is too late.
    if (time >= one.revealUntil) change({ ...one, state: "lost", message: error.message });
  }
}

function change(one: Kept): void {
  keep(kept.value.map((other) => (other.id === one.id ? one : other)));
}

function forget(id: string): void {
  keep(kept.value.filter((other) => other.id !== id));
}

function keep(all: readonly Kept[]): void {
  const few = all.slice(0, keptMax);
  localStorage.setItem(place, JSON.stringify(few));
  kept.set(few);
}

function saved(): readonly Kept[] {
  if (typeof localStorage === "undefined") return [];
  return JSON.parse(localStorage.getItem(place) ?? "[]") as Kept[];
}
