import type { Line } from "./line.ts";

/** Shorter than the pause between two telegrams of a meter that sends each second; longer than any
 * within a rush from a buffer. */
const quietMs = 200;
/** A meter that never pauses is believed after so long. */
const rushMsMax = 5_000;

/**
 * A line to a meter that sends unasked, heard only from its first pause on. What a gateway, or a
 * driver, kept while nobody listened comes in one rush when the line is opened: telegrams of earlier,
 * which would be signed with the time of now. Costs a live meter the telegram it was in the middle of.
 */
export function freshLine(line: Line, now: () => number): Line {
  const setBaud = line.setBaud?.bind(line);
  return {
    open: ({ data, lost }) => {
      const openedAt = now();
      let last = openedAt;
      let fresh = false;
      return line.open({
        lost,
        data: (bytes) => {
          const at = now();
          fresh ||= at - last >= quietMs || at - openedAt >= rushMsMax;
          last = at;
          if (fresh) data(bytes);
        },
      });
    },
    write: (bytes) => line.write(bytes),
    close: () => line.close(),
    ...(setBaud === undefined ? {} : { setBaud }),
  };
}
