import type { Refusal } from "@busbar/protocol";
import { openNotice } from "@busbar/protocol/notice";
import { parseObject } from "../link/json.ts";

/** A notice as its owner's flow reads it. */
export type OwnNotice = {
  readonly id: string;
  readonly type: string;
  readonly title: string;
  readonly text: string;
  readonly time: number | undefined;
  /** The event on the ledger, and where its proof is. */
  readonly event: unknown;
  readonly proof: unknown;
};

/**
 * Opens a boxed notice with the owner's secret. Codes: those of `openNotice`, and `message.shape` for
 * a box that holds no notice.
 */
export function readNotice(
  payload: Buffer,
  boxSecret: Uint8Array,
): { readonly ok: true; readonly notice: OwnNotice } | Refusal {
  const opened = openNotice(new Uint8Array(payload), boxSecret);
  if (!opened.ok) return opened;
  const body = parseObject(Buffer.from(opened.plain));
  const { id, type, title, text, time, event, proof } = body ?? {};
  if (typeof id !== "string" || typeof title !== "string" || typeof text !== "string") {
    const message = "notice: expected JSON with id, title and text in the box";
    return { ok: false, code: "message.shape", message };
  }
  const notice = {
    id,
    type: typeof type === "string" ? type : "notice",
    title,
    text,
    time: typeof time === "number" ? time : undefined,
    event,
    proof,
  };
  return { ok: true, notice };
}
