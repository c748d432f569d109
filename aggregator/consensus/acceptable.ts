import { type Application, blockLimits } from "../ledger/application.ts";
import { openedFrame } from "../ledger/opened-frame.ts";
import type { DurablePool } from "./durable-pool.ts";
import { namesOf } from "./frame-name.ts";
import type { Proposal } from "./pbft/messages.ts";

/**
 * Whether the frames of a proposal may be voted for: no more than a block holds, each once, each
 * signed. A key that nobody has here may be one of a block that this member lacks, and what the rules
 * refuse is left out when the block runs: neither is a reason to hold the order up.
 */
export function acceptable(
  { frames }: Pick<Proposal, "frames">,
  { application, pool }: { application: Pick<Application, "checkTx">; pool: DurablePool },
): boolean {
  const bytes = frames.reduce((sum, { length }) => sum + length, 0);
  if (frames.length > blockLimits.transactions || bytes > blockLimits.bytes) return false;
  const names = namesOf(frames);
  if (new Set(names).size < names.length) return false;
  return frames.every((frame, i) => {
    if (pool.waiting.get(names[i] ?? "") !== undefined) return true;
    const { opened } = openedFrame(frame);
    if (!opened.ok) return false;
    const checked = application.checkTx(opened.frame);
    return checked.ok || checked.code === "tx.key-unknown";
  });
}
