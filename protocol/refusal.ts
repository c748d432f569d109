/**
 * A peer's or member's fault, returned and never thrown. `code` is `area.reason` from a catalogue
 * (`refusal-codes.ts`); `message` says what was expected, what came and what to do.
 */
export type Refusal = { readonly ok: false; readonly code: string; readonly message: string };
