import type { Status } from "./status.ts";

/** One station on the way of a reading, with what is known of it in a few figures. */
export type Station = {
  readonly name: "meters" | "journal" | "broker" | "ledger";
  readonly state: "ok" | "warning" | "fault";
  readonly figures: readonly number[];
  readonly text: string | undefined;
};

/** A receipt that is older while batches wait says that the way is blocked: wall ms. */
const receiptMsMax = 15 * 60_000;

/** The way of a reading: meter → journal → broker → ledger. `wall`: wall ms now. */
export function stationsOf(status: Status, wall: number): readonly Station[] {
  const { meters, journal, link } = status;
  const answering = meters.filter(({ error, readings }) => error === undefined && readings > 0);
  const some = answering.length > 0;
  const meterState = answering.length === meters.length ? "ok" : some ? "warning" : "fault";
  const waiting = journal.meters.reduce((n, m) => n + m.waiting + m.unsigned + m.refused, 0);
  const written = (status.counts["journal.append-failed"] ?? 0) === 0;
  const sinceReceipt =
    link?.lastReceiptAt === undefined ? undefined : Math.max(0, wall - link.lastReceiptAt);
  return [
    {
      name: "meters",
      state: meterState,
      figures: [answering.length, meters.length],
      text: undefined,
    },
    { name: "journal", state: written ? "ok" : "warning", figures: [waiting], text: undefined },
    {
      name: "broker",
      state: link === undefined ? "warning" : link.connected ? "ok" : "fault",
      figures: [],
      text: link?.broker,
    },
    {
      name: "ledger",
      state: ledgerState(status, sinceReceipt),
      figures: sinceReceipt === undefined ? [] : [Math.round(sinceReceipt / 1000)],
      text: undefined,
    },
  ];
}

function ledgerState(
  { link, journal }: Status,
  sinceReceipt: number | undefined,
): Station["state"] {
  if (link === undefined) return "warning";
  if (link.blocked.length > 0 || journal.meters.some(({ code }) => code !== undefined))
    return "fault";
  if (!link.connected || !link.hostReady) return "warning";
  const late = sinceReceipt === undefined || sinceReceipt > receiptMsMax;
  return late && journal.waitingBatches > 0 ? "warning" : "ok";
}
