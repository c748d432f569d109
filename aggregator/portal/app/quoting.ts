import { type EnergyForm, microPerKwh, sealFrame, sealQuotes, utcMs, wh } from "@busbar/protocol";
import type { GatesMessage } from "../../publish/prices.ts";
import { fromBase64url, type PageKey, toBase64url } from "./key.ts";
import { t } from "./language.ts";
import { postFrame, Refused } from "./request.ts";
import { Watched } from "./store.ts";
import { hasFields, recallAll, remember } from "./stored.ts";

/** A quote that is sealed on the ledger and is to be opened by this browser. */
export type Kept = {
  readonly id: string;
  /** Whose it is, and of which chain: this browser shows it to nobody else. */
  readonly owner: string;
  readonly chain: string;
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

export const kept = new Watched(recallAll(place, isKept));

/**
 * Seals a quote and hands it in. Its opening is kept in this browser before anything is sealed: one that
 * cannot be opened costs its owner's good name. Throws: `Refused`, `Error` where this browser keeps nothing.
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
  const keeping = { id: name, owner, chain: as.chain, slot, gate: closes, revealUntil };
  if (!keep([{ ...keeping, reveal: toBase64url(reveal), state: "sealed" }, ...kept.value])) {
    forget(name);
    throw new Error(
      t(
        "This browser keeps nothing for this page, so it could not open the quote: nothing was sealed.",
      ),
    );
  }
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

/**
 * Opens what is due on a chain at a site time; to be called now and then. Whoever is signed in: what was sealed here
 * costs its owner credit when nobody opens it.
 */
export async function openDue(chain: string, time: number): Promise<void> {
  if (opening) return;
  opening = true;
  try {
    for (const one of kept.value) {
      if (one.chain === chain && one.state === "sealed" && time >= one.gate) await open(one, time);
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

/** Takes out of this browser what needs no opening any more. */
export function forgetOpened(): void {
  keep(kept.value.filter(({ state }) => state === "sealed"));
}

/** What is not opened yet is never dropped for what is. */
function keep(all: readonly Kept[]): boolean {
  const done = all.filter(({ state }) => state !== "sealed").slice(0, keptMax);
  const few = all.filter((one) => one.state === "sealed" || done.includes(one));
  kept.set(few);
  return remember(place, few);
}

function isKept(one: unknown): one is Kept {
  const [text, number] = ["string", "number"] as const;
  const names = { id: text, owner: text, chain: text, reveal: text };
  const fields = { ...names, slot: number, gate: number, revealUntil: number, state: text };
  if (!hasFields(one, fields)) return false;
  if (!["sealed", "opened", "lost"].includes(String(one.state))) return false;
  try {
    fromBase64url(String(one.reveal));
    return true;
  } catch {
    // Nothing that could be opened.
    return false;
  }
}
