import type { BlockContext } from "../../rule.ts";
import type { SlotPass } from "./slot-pass.ts";
import { commitments, slotKey, slots } from "./tables.ts";

/** Closes a gate of a slot: no quote is taken any more, what was sealed may be opened. */
export function closeGate({ state, emit }: BlockContext, { slot, pass }: SlotPass): void {
  const key = slotKey(slot);
  const record = slots.get(state, key);
  if (record !== undefined) slots.set(state, key, { ...record, stage: "gate-closed" });
  const sealed = [...commitments.scan(state, `${key}/`)].length;
  emit({ type: "gate-closed", slot, scale: pass.scale, commitments: sealed });
}
