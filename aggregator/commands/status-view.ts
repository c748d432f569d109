import type { ConsensusStatus } from "../consensus/status.ts";
import { toleranceText } from "../consensus/tolerance.ts";
import type { MeterRow, SlotRow } from "../portal/queries.ts";

/** All that the live view shows, read at one instant. */
export type StatusView = {
  readonly chain: string;
  readonly member: string;
  readonly currency: string;
  readonly height: number;
  /** Site ms: of the last block, and now. */
  readonly blockTime: number;
  readonly now: number;
  readonly speed: number;
  /** Frames that wait for their block. */
  readonly waiting: number;
  readonly voters: number;
  /** Newest first. */
  readonly slots: readonly SlotRow[];
  readonly slotMs: number;
  readonly meters: readonly (MeterRow & { readonly silentSince: number | null })[];
  readonly notices: { readonly queued: number; readonly delivered: number; readonly dead: number };
  /** Who sends by which channel, until when (site ms). */
  readonly leases: readonly {
    readonly channel: string;
    readonly member: string;
    readonly until: number;
  }[];
  /** Undefined where the aggregator does not answer. */
  readonly consensus: ConsensusStatus | undefined;
};

/** Blocks of a while ago, for the rate; wall ms. */
export type Pace = { readonly height: number; readonly at: number };

const bold = (text: string) => `\u001b[1m${text}\u001b[22m`;
const dim = (text: string) => `\u001b[2m${text}\u001b[22m`;
const alarm = (text: string) => `\u001b[1;31m${text}\u001b[0m`;

/**
 * The view as lines for a screen of so many columns and rows, alarms before everything that only tells. What
 * does not fit is left out, the meters first. Pure.
 */
export function statusLines(
  view: StatusView,
  screen: { readonly columns: number; readonly rows: number },
  pace: readonly [Pace, Pace] | undefined,
): readonly string[] {
  const alarms = alarmsOf(view).map((text) => alarm(`! ${text}`));
  const head = [
    headLine(view, pace),
    ...alarms,
    "",
    ...consensusLines(view),
    "",
    ...marketLines(view),
    "",
  ];
  const tail = [
    ...noticeLines(view),
    "",
    dim("q or Ctrl-C ends the view; status --once prints all of it once"),
  ];
  const room = Math.max(0, screen.rows - head.length - tail.length - 2);
  const lines = [...head, ...meterLines(view, room), "", ...tail];
  return lines.slice(0, screen.rows).map((line) => clipped(line, screen.columns));
}

/** What somebody has to look after now. */
export function alarmsOf({ consensus, meters, notices, now }: StatusView): readonly string[] {
  const silent = meters.filter(({ silentSince }) => silentSince !== null);
  const away = consensus?.peers.filter(({ reached, heard }) => !(reached || heard)) ?? [];
  return [
    ...(consensus === undefined
      ? ["the aggregator does not answer: what is shown is on disk"]
      : []),
    ...away.map(({ id, problem }) => `${id} is not connected (${problem})`),
    ...(consensus?.liars ?? []).map((id) => `${id} said two things`),
    ...(consensus?.deviating ?? []).map(
      ({ member, height }) => `${member} signed another result from block ${height} on`,
    ),
    ...silent.map(
      ({ meter, owner, silentSince }) =>
        `meter ${meter} of ${owner} is silent for ${ago(now - (silentSince ?? now))}`,
    ),
    ...(notices.dead > 0
      ? [`${notices.dead} notices were given up: notices list --state dead`]
      : []),
  ];
}

function headLine(
  { chain, member, height, now, speed }: StatusView,
  pace: readonly [Pace, Pace] | undefined,
): string {
  const faster = speed === 1 ? "" : `, ${speed} times faster`;
  const perMinute = paceOf(pace);
  const rate = perMinute === undefined ? "" : `, ${perMinute} a minute`;
  return `${bold(chain)} ${member}   block ${bold(String(height))}${rate}   ${clock(now)} UTC${faster}`;
}

function paceOf(pace: readonly [Pace, Pace] | undefined): string | undefined {
  if (pace === undefined) return undefined;
  const [before, after] = pace;
  const minutes = (after.at - before.at) / 60_000;
  return minutes <= 0 ? undefined : ((after.height - before.height) / minutes).toFixed(0);
}

function consensusLines({
  consensus,
  voters,
  waiting,
  blockTime,
  now,
}: StatusView): readonly string[] {
  const led =
    consensus === undefined || consensus.view === null
      ? ""
      : `; view ${consensus.view}, led by ${consensus.leader}`;
  const peers = (consensus?.peers ?? []).map(({ id, address, reached, heard, problem }) => {
    const state = reached
      ? "connected"
      : heard
        ? "connected, it dials us"
        : `not connected (${problem})`;
    return `  ${id.padEnd(20)} ${state.padEnd(24)} ${address ?? ""}`;
  });
  return [
    `${bold("Consensus")}  ${toleranceText(voters)}${led}; last block ${ago(now - blockTime)} ago, ${waiting} frames wait`,
    ...peers,
  ];
}

/** Slots around now: what is traded for the next, and what came of the last. */
function marketLines({ slots, slotMs, now, currency }: StatusView): readonly string[] {
  const near = slots
    .filter(({ slot }) => slot <= now + 3 * slotMs)
    .slice(0, 6)
    .reverse();
  const head = dim(
    `  ${"delivery".padEnd(12)}${"reference".padStart(11)}${"price".padStart(11)}${"kWh".padStart(12)}  contracts  stage`,
  );
  const rows = near.map(({ slot, prices, clearing, tradedWh, contracts, scale, stage }) =>
    [
      `  ${clock(slot).slice(5).padEnd(12)}`,
      money(prices.gu).padStart(11),
      money(clearing).padStart(11),
      (tradedWh / 1000).toFixed(3).padStart(12),
      String(contracts).padStart(11),
      `  ${scale} ${stage}`,
    ].join(""),
  );
  return [`${bold("Market")}  ${currency} per kWh`, head, ...rows];
}

function meterLines({ meters, now }: StatusView, room: number): readonly string[] {
  const sorted = [...meters].sort(
    (a, b) => Number(b.silentSince !== null) - Number(a.silentSince !== null) || a.time - b.time,
  );
  const shown = sorted.slice(0, Math.max(0, room - 2));
  const rows = shown.map(({ meter, owner, powerW, time, silentSince }) => {
    const power = powerW === null ? "" : `${(powerW / 1000).toFixed(3)} kW`;
    const age =
      silentSince === null
        ? `${ago(now - time)} ago`
        : alarm(`silent since ${clock(silentSince).slice(5)}`);
    return `  ${meter.padEnd(24)} ${owner.padEnd(16)} ${power.padStart(12)}   ${age}`;
  });
  const more = meters.length - shown.length;
  return [
    `${bold("Meters")}  ${meters.length}, those first that were not heard for longest`,
    ...rows,
    ...(more > 0 ? [dim(`  and ${more} more`)] : []),
  ];
}

function noticeLines({ notices, leases, now }: StatusView): readonly string[] {
  const { queued, delivered, dead } = notices;
  const senders = leases
    .filter(({ until }) => until > now)
    .map(({ channel, member }) => `${channel} by ${member}`);
  const by = senders.length === 0 ? "" : `; ${senders.join(", ")}`;
  return [`${bold("Notices")}  ${delivered} delivered, ${queued} wait, ${dead} given up${by}`];
}

function money(micro: number | null): string {
  return micro === null ? "—" : (micro / 1e6).toFixed(4);
}

function clock(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace("T", " ");
}

/** A duration in the unit that people would take. */
function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800
    ? `${Math.round(seconds / 3600)} h`
    : `${Math.round(seconds / 86_400)} days`;
}

/** The line's first columns; what switches styles takes none. */
function clipped(line: string, columns: number): string {
  let width = 0;
  let out = "";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: styles of the terminal begin with ESC
  for (const part of line.split(/(\u001b\[[\d;]*m)/)) {
    if (part.startsWith("\u001b")) {
      out += part;
      continue;
    }
    const rest = [...part].slice(0, Math.max(0, columns - width));
    width += rest.length;
    out += rest.join("");
  }
  return out;
}
