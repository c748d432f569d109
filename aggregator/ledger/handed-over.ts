import type { Store } from "./store.ts";

/** The store's note that its member said it makes no block by PBFT behind this one. */
const key = "handed-over";

/** Block behind which another engine orders; its hash in hex. */
export type HandedOver = { readonly height: number; readonly block: string };

/** What this member is bound by, if it gave its word. */
export function handedOverOf(store: Store): HandedOver | undefined {
  const note = store.meta(key);
  return note === undefined ? undefined : (JSON.parse(note) as HandedOver);
}

/** Notes the word; with undefined it is taken back. */
export function noteHandedOver(store: Store, word: HandedOver | undefined): void {
  store.write(() => store.setMeta(key, word === undefined ? undefined : JSON.stringify(word)));
}
