/** What the terminal shows, as the portal's API tells it. Money and prices are 10⁻⁶ currency. */

export type PortalStatus = {
  readonly time: number;
  readonly height: number;
  readonly blocks: number;
  readonly readings: number;
  readonly contracts: number;
  readonly settledContracts: number;
  readonly contractsByScale: Readonly<Record<"day-ahead" | "intraday" | "real-time", number>>;
  readonly tradedWh: number;
  readonly moneySum: number;
  readonly appHash: string;
  readonly notices: { readonly queued: number; readonly delivered: number; readonly dead: number };
};

export type PortalSlot = {
  readonly slot: number;
  readonly stage: string;
  readonly scale: string;
  readonly prices: Readonly<Record<"cg" | "cu" | "gc" | "gu", number | null>>;
  readonly clearing: number | null;
  readonly tradedWh: number;
  readonly contracts: number;
  readonly generationWh: number | null;
  readonly loadWh: number | null;
};

export type Snapshot = { readonly status: PortalStatus; readonly slots: readonly PortalSlot[] };

/** One look at the portal; undefined while it does not answer (it may be starting again). */
export async function look(port: number): Promise<Snapshot | undefined> {
  try {
    const [status, slots] = await Promise.all([get(port, "status"), get(port, "slots?limit=96")]);
    return { status: status as PortalStatus, slots: slots as PortalSlot[] };
  } catch {
    // The next look, a second later, is the retry; the board says that the aggregator is away.
    return undefined;
  }
}

async function get(port: number, path: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/api/${path}`, {
    signal: AbortSignal.timeout(2_000),
  });
  if (!response.ok) throw new Error(`/api/${path} answered ${response.status}`);
  return response.json();
}
