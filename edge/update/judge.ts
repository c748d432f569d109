import type { Status } from "../status/status.ts";
import type { Expected } from "./state.ts";

/** What a judgement looks at: this much of a unit's status. */
export type Seen = {
  readonly meters: readonly Pick<
    Status["meters"][number],
    "id" | "serial" | "readings" | "error"
  >[];
  readonly clock: Pick<Status["clock"], "known">;
  readonly link: { readonly lastReceiptAt: number | undefined } | undefined;
  readonly disk: Pick<Status["disk"], "state">;
};

export type Verdict =
  | { readonly kind: "commit" }
  | { readonly kind: "wait"; readonly for: readonly string[] }
  | { readonly kind: "roll-back"; readonly reason: string };

/** What holds now and has to hold again under another bundle. */
export function expectedOf(seen: Seen): Expected {
  return {
    meters: seen.meters
      .filter(({ readings, error }) => readings > 0 && error === undefined)
      .map(({ id, serial }) => ({ id, ...(serial === undefined ? {} : { serial }) })),
    clock: seen.clock.known,
    receipts: seen.link?.lastReceiptAt !== undefined,
  };
}

/**
 * Whether a bundle on trial has proved itself: each meter that answered before answers again with the
 * same serial number, the store takes readings, the time is known, and a receipt has come.
 * @param ranMs how long it has run, by a clock that nobody sets
 */
export function judge(
  expected: Expected,
  seen: Seen,
  { ranMs, limitMs }: { readonly ranMs: number; readonly limitMs: number },
): Verdict {
  const missing: string[] = [];
  for (const { id, serial } of expected.meters) {
    const meter = seen.meters.find((one) => one.id === id);
    if (meter === undefined) {
      missing.push(`meter ${id}, which is no longer configured`);
    } else if (meter.readings === 0 || meter.error !== undefined) {
      missing.push(`meter ${id}${meter.error === undefined ? "" : ` (${meter.error})`}`);
    } else if (serial !== undefined && meter.serial !== serial) {
      const reason = `meter ${id}: expected serial number ${serial}, and ${meter.serial ?? "none"} answers`;
      return { kind: "roll-back", reason };
    }
  }
  if (seen.disk.state === "full" || seen.disk.state === "failed") {
    missing.push(`the store (disk ${seen.disk.state})`);
  }
  if (expected.clock && !seen.clock.known) missing.push("the time");
  if (expected.receipts && seen.link?.lastReceiptAt === undefined) missing.push("a receipt");
  if (missing.length === 0) return { kind: "commit" };
  if (ranMs < limitMs) return { kind: "wait", for: missing };
  const minutes = Math.round(limitMs / 60_000);
  return { kind: "roll-back", reason: `after ${minutes} min without ${missing.join(", ")}` };
}
