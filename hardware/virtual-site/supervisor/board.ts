import { type BillNews, billLine } from "./bills.ts";
import { type CreditNews, creditLine } from "./credit.ts";
import type { DemoOwner } from "./demo-owner.ts";
import type { Told } from "./phones.ts";
import type { PortalSlot, PortalStatus, Snapshot } from "./portal.ts";

/** What the board shows besides the portal's view. */
export type BoardContext = {
  readonly siteMs: number;
  readonly speed: number;
  readonly portal: string;
  /** Undefined until the portal has answered. */
  readonly demo?: DemoOwner | undefined;
  readonly flows: string | undefined;
  readonly flowsPassword: string | undefined;
  /** The newest notices on the owners' phones, the newest last. */
  readonly notices: readonly Told[];
  /** The newest bill that was made and checked. */
  readonly bill: BillNews | undefined;
  /** How the accounts stood at the last look. */
  readonly credit: CreditNews | undefined;
  readonly restarts: number;
  readonly units: string;
};

const rowsMax = 12;
/** Hours further ahead are left out: a day-ahead gate opens a whole day of them. */
const aheadMs = 2 * 3_600_000;

/** The live table as lines of text; the newest hour stands last. */
export function boardLines(snapshot: Snapshot | undefined, context: BoardContext): string[] {
  const head = [
    `Busbar  ${time(context.siteMs)} UTC site time, ${context.speed} times faster than real time`,
    "",
  ];
  if (snapshot === undefined)
    return [...head, "waiting for the aggregator …", "", ...foot(context)];
  const { status, slots } = snapshot;
  const { notices } = context;
  const near = slots.filter(({ slot }) => slot <= context.siteMs + aheadMs);
  const rows = near.slice(0, rowsMax).reverse().map(row);
  return [
    ...head,
    "  hour     generation        load    C→G       C→U       G→C       G→U     clearing      traded  contracts  stage",
    "                 kWh         kWh    ─────────────  CNY per kWh ─────────────────          kWh",
    ...rows,
    "",
    `  ${status.readings} readings   ${status.contracts} trades (${scales(status)}), ${status.settledContracts} settled   ` +
      `${status.blocks} blocks   ${status.notices.delivered} notices` +
      (status.notices.queued > 0 ? ` (${status.notices.queued} waiting)` : "") +
      `   sum of all accounts ${status.moneySum}`,
    "",
    ...notices.map(noticeLine),
    ...(notices.length > 0 ? [""] : []),
    ...foot(context),
  ];
}

function scales({ contractsByScale }: PortalStatus): string {
  return Object.entries(contractsByScale)
    .map(([scale, trades]) => `${trades} ${scale}`)
    .join(", ");
}

function foot({
  portal,
  demo,
  flows,
  flowsPassword,
  bill,
  credit,
  restarts,
  units,
}: BoardContext): string[] {
  const signIn = flowsPassword === undefined ? "" : `   sign in: admin / ${flowsPassword}`;
  return [
    `  Portal    ${portal}`,
    ...(demo === undefined
      ? []
      : [
          `            as ${demo.owner}, once: ${demo.link}`,
          `            with its key file: ${demo.key}`,
        ]),
    `  Node-RED  ${flows ?? "left out"}${signIn}`,
    billLine(bill),
    ...creditLine(credit),
    `  ${units}${restarts > 0 ? `, ${restarts} started again` : ""}   Ctrl-C ends the site`,
  ];
}

function row(slot: PortalSlot): string {
  const { prices } = slot;
  return [
    `  ${time(slot.slot).slice(11)}`,
    kwh(slot.generationWh).padStart(11),
    kwh(slot.loadWh).padStart(11),
    ...[prices.cg, prices.cu, prices.gc, prices.gu].map((value) => price(value).padStart(9)),
    (slot.clearing === null ? "—" : (slot.clearing / 1e6).toFixed(4)).padStart(12),
    kwh(slot.tradedWh).padStart(11),
    String(slot.contracts).padStart(10),
    `  ${slot.scale} ${slot.stage}`,
  ].join(" ");
}

/** What one owner was told, as its phone shows it. */
function noticeLine({ time: at, owner, title }: Told): string {
  return `  ${time(at).slice(11)}  ${owner.padEnd(10)}  ${title}`;
}

/** "not traded" in the width of a price. */
function price(micro: number | null): string {
  return micro === null ? "not tr." : (micro / 1e6).toFixed(4);
}

function kwh(wh: number | null): string {
  return wh === null ? "…" : (wh / 1000).toFixed(1);
}

function time(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace("T", " ");
}
