import type { CommittedBlock } from "../../ledger/block.ts";
import type { Notice } from "../notice.ts";
import { tellingsOf } from "./event.ts";

/**
 * The notices that a block gives rise to, in the order of its events. Pure: every member makes the same,
 * with the same ids. `isOwner`: whether an id is an owner's; nobody else is told.
 */
export function noticesOf(
  { header, events, eventCounts }: Pick<CommittedBlock, "header" | "events" | "eventCounts">,
  { currency, isOwner }: { readonly currency: string; readonly isOwner: (id: string) => boolean },
): Notice[] {
  const { chain, height, time } = header;
  const results = resultsOf(eventCounts);
  return events.flatMap((event, index) => {
    const own = tellingsOf(event).filter(({ owner }) => isOwner(owner));
    return own.map(({ owner, topic, key, facts, money, urgent = false, prove }, i): Notice => {
      // The first notice of an event to an owner has the shorter id, which all of them had once.
      const before = own.slice(0, i).filter((other) => other.owner === owner).length;
      const more = before === 0 ? "" : `-${topic}${before === 1 ? "" : before}`;
      return {
        id: `${chain}-${height}-${index}-${owner}${more}`,
        owner,
        type: event.type,
        topic,
        key,
        time,
        urgent,
        facts,
        money: money ?? null,
        currency,
        proof: {
          chain,
          height,
          event: index,
          prove: prove ?? ["result", String(height), results(index)],
        },
      };
    });
  });
}

/** Which of a block's results an event stands in: the number of a transaction, or `block`. */
function resultsOf(eventCounts: readonly number[]): (event: number) => string {
  return (event) => {
    let end = 0;
    for (const [i, count] of eventCounts.entries()) {
      end += count;
      if (event < end) return String(i);
    }
    return "block";
  };
}
