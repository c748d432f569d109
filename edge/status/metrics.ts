import type { Status } from "./status.ts";

type Sample = { readonly labels?: Readonly<Record<string, string>>; readonly value: number };

/** The status as Prometheus reads it; names end in their unit. */
export function metricsText(status: Status): string {
  const { journal, link, meters, bus, counts } = status;
  const one = (value: number): Sample[] => [{ value }];
  const families: readonly (readonly [string, string, string, readonly Sample[]])[] = [
    ["memory_bytes", "gauge", "Resident memory", one(status.memoryBytes)],
    ["journal_bytes", "gauge", "Bytes in use in the journal", one(journal.bytes)],
    ["batches_waiting", "gauge", "Signed batches without a receipt", one(journal.waitingBatches)],
    ["link_up", "gauge", "Signed in at a broker", one(link?.connected === true ? 1 : 0)],
    [
      "host_ready",
      "gauge",
      "An aggregator is ready to store",
      one(link?.hostReady === true ? 1 : 0),
    ],
    [
      "last_receipt_timestamp_seconds",
      "gauge",
      "When the last verified receipt came",
      link?.lastReceiptAt === undefined ? [] : one(link.lastReceiptAt / 1000),
    ],
    [
      "readings_total",
      "counter",
      "Readings in the journal's chains",
      journal.meters.map(({ meter, taken }) => ({ labels: { meter }, value: taken })),
    ],
    [
      "readings_committed_total",
      "counter",
      "Readings with a verified receipt",
      journal.meters.map(({ meter, committed }) => ({ labels: { meter }, value: committed })),
    ],
    [
      "meter_failures_in_row",
      "gauge",
      "Polls of a meter that failed since it last answered",
      meters.map(({ id, failuresInRow }) => ({ labels: { meter: id }, value: failuresInRow })),
    ],
    [
      "bus_events_total",
      "counter",
      "What happened on a bus, by kind",
      Object.entries(bus).flatMap(([name, kinds]) =>
        Object.entries(kinds).map(([event, value]) => ({ labels: { bus: name, event }, value })),
      ),
    ],
    [
      "events_total",
      "counter",
      "What happened, by reason",
      Object.entries(counts).map(([reason, value]) => ({ labels: { reason }, value })),
    ],
  ];
  return families.map(familyText).join("");
}

function familyText([name, type, help, samples]: readonly [
  string,
  string,
  string,
  readonly Sample[],
]): string {
  if (samples.length === 0) return "";
  const full = `busbar_edge_${name}`;
  const lines = samples.map(({ labels = {}, value }) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}=${JSON.stringify(text)}`);
    return `${full}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}\n`;
  });
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join("")}`;
}
