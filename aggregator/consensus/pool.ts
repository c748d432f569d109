import type { Frame, Refusal } from "@busbar/protocol";

/** What became of a submitted frame. */
export type Submitted =
  /** It is on disk now and will be proposed. */
  | { readonly ok: true; readonly state: "stored" }
  /** The same bytes wait already. */
  | { readonly ok: true; readonly state: "pending" }
  /** The same bytes stand in a block with result `ok`; the receipt can be had again. */
  | { readonly ok: true; readonly state: "committed" }
  /** `pool.full`: back-pressure, the sender tries again later. */
  | Refusal;

/** The door to consensus. Frames that arrive while others are being written share their fsync. */
export interface Pool {
  /** Resolves after the frame is durable. `hash` is the SHA-256 of `frame.bytes`. */
  submit(frame: Frame, hash: Uint8Array): Promise<Submitted>;
}
