import { compareBytes, encodeMessage, type NoticeLease, type Refusal } from "@busbar/protocol";
import { refuse } from "../../refuse.ts";
import type { TxRule } from "../../rule.ts";
import { noticeLeases } from "./tables.ts";

/** A lease is for no longer than this: as long waits who takes over from a member that is away. */
export const leaseMsMax = 3_600_000;

/**
 * Lets one member at a time send the site's notices by a channel. The holder renews its lease or ends it; another
 * one takes over once it has ended. What it says of how far it has come is for the next one, and for the
 * others' outboxes.
 *
 * Codes, in order: `lease.rights`, for the last one `exists` or `lease.exists-different`,
 * `lease.number`, `lease.held`, `lease.until`, `lease.progress`.
 */
export const leaseRule: TxRule<"notice-lease"> = (context, message, signer) => {
  const { state, time, height, emit } = context;
  const { member, channel } = message;
  if (signer.kind !== "member" || signer.id !== member) {
    const text = `expected the signature of member ${member}, got ${signer.kind} ${signer.id}'s`;
    return refuse("lease.rights", text);
  }
  const last = noticeLeases.get(state, channel);
  const refusal =
    checkNumber(message, last) ?? checkTurn(message, last, time) ?? checkProgress(message, height);
  if (refusal !== undefined) {
    return refusal === "exists" ? { ok: true, code: "exists" } : refusal;
  }
  noticeLeases.set(state, channel, message);
  emit({ type: "notice-lease-taken", ...message });
  return { ok: true };
};

function checkNumber(
  message: NoticeLease,
  last: NoticeLease | undefined,
): "exists" | Refusal | undefined {
  const { number } = message;
  if (last !== undefined && last.number === number) {
    const bytes = (lease: NoticeLease) => encodeMessage("notice-lease", lease);
    if (compareBytes(bytes(last), bytes(message)) === 0) return "exists";
    return refuse("lease.exists-different", `lease ${number} says something else on the ledger`);
  }
  const next = (last?.number ?? 0) + 1;
  if (number === next) return undefined;
  return refuse("lease.number", `expected lease ${next}, got ${number}`);
}

function checkTurn(
  { member, channel, until }: NoticeLease,
  last: NoticeLease | undefined,
  time: number,
): Refusal | undefined {
  if (last !== undefined && last.member !== member && last.until > time) {
    return refuse("lease.held", `${last.member} sends by ${channel} until ${last.until}`);
  }
  if (until <= time + leaseMsMax) return undefined;
  return refuse("lease.until", `expected at most ${leaseMsMax} ms from now, got ${until}`);
}

/** A member cannot have sent what no block has told yet. */
function checkProgress({ from, done, behind }: NoticeLease, height: number): Refusal | undefined {
  const names = behind.map(({ owner }) => owner);
  const isSound =
    from <= height &&
    done < height &&
    behind.every((one) => one.height <= done) &&
    new Set(names).size === names.length;
  if (isSound) return undefined;
  const text = `expected heights below ${height}, those behind not above ${done}, each owner once`;
  return refuse("lease.progress", text);
}
