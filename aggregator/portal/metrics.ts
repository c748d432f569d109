import type { ConsensusStatus, PeerState } from "../consensus/status.ts";
import type { PortalStatus } from "./api.ts";

/** What the portal counts about itself. */
export type PortalCounters = {
  readonly eventClients: number;
  readonly eventClientsRefused: number;
  readonly eventClientsDisplaced: number;
  readonly eventClientsSlow: number;
};

/** The content type of the Prometheus text format 0.0.4. */
export const metricsType = "text/plain; version=0.0.4; charset=utf-8";

type Sample = { readonly labels?: string; readonly value: number };

/** Prometheus' text exposition of the ledger's figures and the portal's own. */
export function metricsText(status: PortalStatus, counters: PortalCounters): string {
  const { notices } = status;
  return [
    ...consensusMetrics(status.consensus),
    metric("busbar_block_height", "gauge", "Height of the last block", status.height),
    metric("busbar_site_time_seconds", "gauge", "Site time", status.time / 1000),
    metric("busbar_site_speed_ratio", "gauge", "Site time per wall time", status.speed),
    metric("busbar_transactions_total", "counter", "Transactions in blocks", status.transactions),
    metric("busbar_readings_total", "counter", "Accepted readings", status.readings),
    metric("busbar_contracts_total", "counter", "Signed contracts", status.contracts),
    ...Object.entries(status.contractsByScale).map(([scale, contracts]) =>
      metric(
        `busbar_contracts_${scale.replace("-", "_")}_total`,
        "counter",
        `Contracts signed at ${scale} gates`,
        contracts,
      ),
    ),
    metric(
      "busbar_contracts_settled_total",
      "counter",
      "Settled contracts",
      status.settledContracts,
    ),
    metric("busbar_traded_watt_hours_total", "counter", "Contracted energy", status.tradedWh),
    metric(
      "busbar_accounts_sum_micro_currency",
      "gauge",
      "Sum over all accounts, 0 on a sound ledger",
      status.moneySum,
    ),
    metric(
      "busbar_accounts_sum_watt_hours",
      "gauge",
      "Energy over all accounts, 0 on a sound ledger",
      status.energySum,
    ),
    metric("busbar_notice_deliveries", "gauge", "Deliveries of notices by state", [
      { labels: 'state="queued"', value: notices.queued },
      { labels: 'state="delivered"', value: notices.delivered },
      { labels: 'state="dead"', value: notices.dead },
    ]),
    metric("busbar_portal_event_clients", "gauge", "Open event streams", counters.eventClients),
    metric("busbar_portal_event_clients_dropped_total", "counter", "Event streams ended by us", [
      { labels: 'reason="full"', value: counters.eventClientsRefused },
      { labels: 'reason="displaced"', value: counters.eventClientsDisplaced },
      { labels: 'reason="slow"', value: counters.eventClientsSlow },
    ]),
  ].join("");
}

function consensusMetrics({ voters, faultsTolerated, view, ...rest }: ConsensusStatus): string[] {
  const { peers, waiting, counts, liars, deviating } = rest;
  const each = (is: (peer: PeerState) => boolean) =>
    peers.map((peer) => ({ labels: `member="${peer.id}"`, value: is(peer) ? 1 : 0 }));
  return [
    metric("busbar_consensus_voters", "gauge", "Members that vote on blocks", voters),
    metric(
      "busbar_consensus_faults_tolerated",
      "gauge",
      "Members that may fail or lie; 0 with a single recorder",
      faultsTolerated,
    ),
    metric("busbar_consensus_waiting_frames", "gauge", "Frames that wait for a block", waiting),
    ...(view === null
      ? []
      : [
          metric("busbar_consensus_view", "gauge", "View: whose turn it is to lead", view),
          metric(
            "busbar_peer_reached",
            "gauge",
            "Whether our connection to a member stands; that or its to us is enough",
            each((peer) => peer.reached),
          ),
          metric(
            "busbar_peer_heard",
            "gauge",
            "Whether a member's connection to us stands",
            each((peer) => peer.heard),
          ),
          metric(
            "busbar_consensus_liars",
            "gauge",
            "Members caught saying two things",
            liars.length,
          ),
          metric(
            "busbar_consensus_deviating",
            "gauge",
            "Members that signed another result of a block than the quorum's",
            deviating.length,
          ),
          metric(
            "busbar_consensus_events_total",
            "counter",
            "What was dropped, and what ended links, by code",
            Object.entries(counts).map(([code, value]) => ({ labels: `code="${code}"`, value })),
          ),
        ]),
  ];
}

function metric(
  name: string,
  type: "counter" | "gauge",
  help: string,
  samples: number | readonly Sample[],
): string {
  const all = typeof samples === "number" ? [{ value: samples }] : samples;
  if (all.length === 0) return "";
  const lines = all.map(({ labels, value }: Sample) =>
    labels === undefined ? `${name} ${value}` : `${name}{${labels}} ${value}`,
  );
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("\n")}\n`;
}
