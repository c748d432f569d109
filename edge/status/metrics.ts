import { exposition, type Family, type Sample } from "./exposition.ts";
import { type ReadTime, readBounds } from "./read-times.ts";
import type { Status } from "./status.ts";

type Row = readonly [name: string, type: Family["type"], help: string, samples: readonly Sample[]];

/** The status as Prometheus reads it; names end in their unit. `wall`: wall ms now. */
export function metricsText(status: Status, wall: number): string {
  const rows = [
    ...processRows(status),
    ...journalRows(status),
    ...linkRows(status),
    ...meterRows(status, wall),
    ...countRows(status),
  ];
  return exposition(
    rows.map(([name, type, help, samples]) => ({
      name: `busbar_edge_${name}`,
      type,
      help,
      samples,
    })),
  );
}

const one = (value: number | undefined, labels: Record<string, string> = {}): Sample[] =>
  value === undefined ? [] : [{ value, labels }];
const flag = (value: boolean): Sample[] => one(value ? 1 : 0);

function processRows(status: Status): Row[] {
  const { version, site, device } = status;
  return [
    ["info", "gauge", "Which unit this is", one(1, { version, site, device })],
    [
      "start_time_seconds",
      "gauge",
      "When the unit started; a change is a restart",
      one(status.startedAt / 1000),
    ],
    ["memory_bytes", "gauge", "Resident memory", one(status.memoryBytes)],
    ["cpu_seconds_total", "counter", "Processor time used", one(status.cpuSeconds)],
    ["clock_known", "gauge", "Whether the unit's time may be signed", flag(status.clock.known)],
    ["readings_held", "gauge", "Readings that wait for the time", one(status.clock.held)],
    ["disk_free_bytes", "gauge", "Free on the journal's disk", one(status.disk.freeBytes)],
    [
      "journal_ready",
      "gauge",
      "Whether readings can be stored",
      one(status.disk.state === "ok" || status.disk.state === "low" ? 1 : 0),
    ],
    ["lost_readings_total", "counter", "Readings that could not be stored", one(status.disk.lost)],
    [
      "disk_written_bytes_total",
      "counter",
      "Written to disks by the unit since its start",
      one(status.disk.writtenBytes),
    ],
    ["disk_size_bytes", "gauge", "Size of the journal's disk", one(status.disk.totalBytes)],
  ];
}

function journalRows({ journal, time }: Status): Row[] {
  const of = (value: (meter: Status["journal"]["meters"][number]) => number) =>
    journal.meters.map((meter) => ({ labels: { meter: meter.meter }, value: value(meter) }));
  const since = journal.meters.flatMap(({ meter, waitingSince }) =>
    waitingSince === undefined ? [] : one(Math.max(0, time - waitingSince) / 1000, { meter }),
  );
  return [
    ["journal_bytes", "gauge", "Bytes in use in the journal", one(journal.bytes)],
    ["batches_waiting", "gauge", "Signed batches without a receipt", one(journal.waitingBatches)],
    ["queue_age_seconds", "gauge", "Age of the oldest batch without a receipt, site time", since],
    ["readings_total", "counter", "Readings in the journal's chains", of(({ taken }) => taken)],
    [
      "readings_committed_total",
      "counter",
      "Readings with a verified receipt",
      of(({ committed }) => committed),
    ],
    [
      "readings_waiting",
      "gauge",
      "Readings without a receipt",
      of(({ waiting, unsigned, refused }) => waiting + unsigned + refused),
    ],
    ["readings_refused", "gauge", "Readings that the ledger refuses", of(({ refused }) => refused)],
  ];
}

function linkRows({ link }: Status): Row[] {
  const times = link?.receiptTimes;
  return [
    ["link_up", "gauge", "Signed in at a broker", flag(link?.connected === true)],
    ["host_ready", "gauge", "An aggregator is ready to store", flag(link?.hostReady === true)],
    ["frames_in_flight", "gauge", "Frames sent that have no answer yet", one(link?.inFlight)],
    [
      "last_receipt_timestamp_seconds",
      "gauge",
      "When the last verified receipt came",
      link?.lastReceiptAt === undefined ? [] : one(link.lastReceiptAt / 1000),
    ],
    ["receipts_total", "counter", "Verified receipts since the start", one(times?.count)],
    [
      "receipt_wait_seconds_total",
      "counter",
      "Time from sending to verified receipt, summed over receipts",
      times === undefined ? [] : one(times.sumMs / 1000),
    ],
  ];
}

function meterRows({ meters }: Status, wall: number): Row[] {
  type Meter = Status["meters"][number];
  const of = (value: (meter: Meter) => number | undefined) =>
    meters.flatMap((meter) => one(value(meter), { meter: meter.id }));
  const values = (unit: string) =>
    meters.flatMap(({ id, values }) =>
      values.flatMap(({ obis, quantity, unit: own, value }) =>
        own === unit ? one(value, { meter: id, quantity, obis: obis ?? "" }) : [],
      ),
    );
  const age = ({ readAt }: Meter) =>
    readAt === undefined ? undefined : Math.max(0, wall - readAt) / 1000;
  return [
    ["meter_up", "gauge", "The meter's last poll was answered", of(upOf)],
    ["meter_reading_age_seconds", "gauge", "Since the last good reading", of(age)],
    [
      "meter_reads_total",
      "counter",
      "Good readings since the start",
      of(({ readings }) => readings),
    ],
    [
      "meter_failures_total",
      "counter",
      "Failed polls since the start",
      of(({ failures }) => failures),
    ],
    [
      "meter_failures_in_row",
      "gauge",
      "Polls that failed since it last answered",
      of((m) => m.failuresInRow),
    ],
    [
      "meter_read_seconds",
      "histogram",
      "Time of a read, the wait for its bus included",
      meters.flatMap(readSamples),
    ],
    ["meter_power_watts", "gauge", "Active power, positive when drawn", of(({ powerW }) => powerW)],
    // A register that fell (reset, exchange) is what Prometheus takes a counter's fall for.
    ["meter_energy_watthours_total", "counter", "Energy registers", values("Wh")],
    ["meter_voltage_volts", "gauge", "Voltages", values("V")],
    ["meter_current_amperes", "gauge", "Currents", values("A")],
    ["meter_frequency_hertz", "gauge", "Frequency", values("Hz")],
  ];
}

const upOf = ({ error, readings }: Status["meters"][number]) =>
  error === undefined && readings > 0 ? 1 : 0;

function readSamples({
  id,
  readTime,
}: {
  readonly id: string;
  readonly readTime: ReadTime | undefined;
}): Sample[] {
  if (readTime === undefined) return [];
  let below = 0;
  const buckets = readTime.classes.map((count, i) => {
    below += count;
    const le = i < readBounds.length ? String(readBounds[i]) : "+Inf";
    return { suffix: "_bucket", labels: { meter: id, le }, value: below };
  });
  return [
    ...buckets,
    { suffix: "_sum", labels: { meter: id }, value: readTime.sumSeconds },
    { suffix: "_count", labels: { meter: id }, value: readTime.count },
  ];
}

function countRows({ bus, counts }: Status): Row[] {
  const events = Object.entries(bus).flatMap(([name, kinds]) =>
    Object.entries(kinds).flatMap(([event, value]) => one(value, { bus: name, event })),
  );
  const reasons = Object.entries(counts).flatMap(([reason, value]) => one(value, { reason }));
  return [
    ["bus_events_total", "counter", "What happened on a bus, by kind", events],
    ["events_total", "counter", "What happened, by reason", reasons],
  ];
}
