import { createHash } from "node:crypto";
import { decodeMessage, type Topic } from "@busbar/protocol";
import { examine } from "./examine.ts";
import type { QuoteAnswer, QuoteDoorOptions } from "./quote-door.ts";

/** Takes a signed message of an owner or a member from its own page. */
export type MessageDoor = (
  frame: Uint8Array,
  from: { readonly role: "owner" | "member"; readonly id: string },
) => Promise<QuoteAnswer>;

/**
 * A door for what owners and members sign in the portal: all that they may say over MQTT, judged by the same
 * rules, and told at once. Codes as of the quote door; `ingest.wrong-signer` for another one's message.
 */
export function messageDoor(options: QuoteDoorOptions): MessageDoor {
  const { pool, tryOut } = options;
  return async (payload, { role, id }) => {
    const topic: Topic =
      role === "member"
        ? { of: "host", id, name: "transactions" }
        : { of: "market", name: "quotes" };
    const examined = examine(payload, topic, options);
    if (!examined.ok) return { ok: false, code: examined.code, message: examined.message };
    const { frame, signer } = examined;
    if (signer.id !== id) {
      const message = `expected a message of ${id}, got one signed by ${signer.id}`;
      return { ok: false, code: "ingest.wrong-signer", message };
    }
    const decoded = decodeMessage(frame.kind, frame.envelope.payload);
    if (!decoded.ok) return decoded;
    const outcome = tryOut(frame.kind, decoded.message, signer);
    if (!outcome.ok) return { ok: false, code: outcome.code, message: outcome.message };
    const hash = new Uint8Array(createHash("sha256").update(payload).digest());
    const submitted = await pool.submit(frame, hash);
    if (!submitted.ok) return submitted;
    const state = "code" in outcome ? "committed" : submitted.state;
    return { ok: true, ref: Buffer.from(hash).toString("hex"), state };
  };
}
