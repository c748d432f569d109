import type { Attempt, NoticeDelivery, NoticeRecord } from "../notices/read.ts";
import { type Reader, wordsOf } from "../notices/words/words.ts";

/** A notice of a list: a line, and one below it for each channel. */
export function listLine({ notice, deliveries }: NoticeRecord, reader: Reader): readonly string[] {
  const { title } = wordsOf(notice, reader);
  return [
    `${instant(notice.time)}  ${notice.owner.padEnd(16)} ${title}`,
    `    ${notice.id}`,
    ...deliveries.map(deliveryLine),
  ];
}

/** A notice as it is shown alone. */
export function shownLines(
  { notice, deliveries }: NoticeRecord,
  attempts: readonly Attempt[],
  reader: Reader,
): readonly string[] {
  const { title, text, numbers } = wordsOf(notice, reader);
  const { proof } = notice;
  return [
    title,
    text,
    ...numbers.map(({ label, value }) => `  ${label}: ${value}`),
    ...(proof === undefined
      ? []
      : [`proof: busbar-aggregator prove ${proof.prove.join(" ")} (block ${proof.height})`]),
    `to ${notice.owner}, ${instant(notice.time)}, ${notice.id}`,
    ...deliveries.map(deliveryLine),
    ...attempts.map(
      ({ channel, at, took, error }) =>
        `    ${instant(at)} ${channel}: ${error ?? "delivered"} (${took} ms)`,
    ),
  ];
}

/** How it fares by one channel. */
export function deliveryLine(delivery: NoticeDelivery): string {
  const { channel, state, attempts, next, hold, error } = delivery;
  const tries = attempts === 0 ? "" : `, ${attempts} attempt${attempts === 1 ? "" : "s"}`;
  const why = error === null ? "" : `: ${error}`;
  const when =
    hold !== null
      ? `, not before ${instant(hold)}`
      : next !== null
        ? `, next at ${instant(next)}`
        : "";
  return `    ${channel.padEnd(15)} ${state}${tries}${when}${why}`;
}

function instant(ms: number): string {
  const at = new Date(ms);
  return Number.isNaN(at.getTime()) ? String(ms) : at.toISOString();
}
