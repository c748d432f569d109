import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseTimeZone, utcOffsetMs } from "@busbar/protocol";
import { type Part, timeZone } from "./cast.ts";
import { runToEnd } from "./child.ts";
import type { Home } from "./home.ts";
import { cli } from "./programs.ts";

/** A bill as `busbar-aggregator bill --verify --json` tells it. */
export type VerifiedBill = {
  readonly ok: boolean;
  readonly owner: string;
  readonly month: string;
  readonly lines: number;
  /** 10⁻⁶ currency; above 0 the owner gets it. */
  readonly totals: {
    readonly due: number;
    readonly slots: { readonly final: number; readonly provisional: number; readonly open: number };
  };
  readonly credit: { readonly score: number };
};

/** A bill that was made and checked, and where it lies. */
export type BillNews = { readonly bill: VerifiedBill; readonly file: string };

/** So long after the start the first one is made: by then something is settled. */
const firstMs = 30_000;
/** Wall time from one to the next. */
const everyMs = 120_000;

/**
 * Bills of a running site: one owner after another has that of the month made from the first member's
 * ledger and checked with the members' keys alone, each by a process of its own.
 */
export class Bills {
  readonly #home: Home;
  readonly #members: number;
  readonly #owners: readonly string[];
  readonly #now: () => number;
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();
  newest: BillNews | undefined;

  constructor(
    home: Home,
    cast: readonly Part[],
    { members, now }: { readonly members: number; now(): number },
  ) {
    this.#home = home;
    this.#members = members;
    // The users first; the bureau, whose statement is about all the others, last.
    const isBureau = ({ party }: Part) => party === "bureau";
    const others = cast.filter((part) => !isBureau(part)).reverse();
    this.#owners = [...others, ...cast.filter(isBureau)].map(({ owner }) => owner);
    this.#now = now;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Ends after the bill that is being made. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  /** Makes and checks a bill. Throws: `Failure` `site.process-failed` where it does not prove itself. */
  async make(owner: string): Promise<BillNews> {
    const { bills, logs, membership } = this.#home;
    mkdirSync(bills, { recursive: true });
    const month = monthAt(this.#now());
    const file = join(bills, `bill-${owner}-${month}.html`);
    const [config = ""] = this.#home.aggregatorConfigs(this.#members);
    const log = join(logs, "bills.log");
    const made = ["--owner", owner, "--month", month, "--html", "--out", file, "--config", config];
    await runToEnd({ name: "aggregator bill", args: [cli("aggregator"), "bill", ...made], log });
    const checked = ["--verify", file, "--membership", membership, "--json"];
    const args = [cli("aggregator"), "bill", ...checked];
    const out = await runToEnd({ name: "aggregator bill --verify", args, log });
    return { bill: JSON.parse(out) as VerifiedBill, file };
  }

  /** The owner whose bill comes first. */
  get first(): string {
    return this.#owners[0] ?? "";
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    const wait = (ms: number) => sleep(ms, undefined, { signal }).catch(() => undefined);
    await wait(firstMs);
    for (let turn = 0; !signal.aborted; turn++) {
      const owner = this.#owners[turn % this.#owners.length] ?? "";
      try {
        this.newest = await this.make(owner);
      } catch {
        // The member may be starting; its log and bills.log say what was wrong. The next turn tries again.
      }
      await wait(everyMs);
    }
  }
}

/** The month of a site time by the site's clock. */
export function monthAt(siteMs: number): string {
  const zone = parseTimeZone(timeZone) ?? { standardMs: 0 };
  return new Date(siteMs + utcOffsetMs(zone, siteMs)).toISOString().slice(0, 7);
}

/** The board's line of a bill. */
export function billLine(news: BillNews | undefined): string {
  if (news === undefined) return "  Bill      the first one comes when something is settled";
  const { bill, file } = news;
  const { owner, month, lines, totals, credit } = bill;
  const { due, slots } = totals;
  const what = `${due > 0 ? "gets" : "pays"} ${(Math.abs(due) / 1e6).toFixed(2)} CNY`;
  const open = slots.provisional === 0 ? "" : `, ${slots.provisional} provisional`;
  const settled = `${slots.final} slots settled${open}`;
  return `  Bill      ${owner} ${month}: ${what}, ${settled}, ${lines} lines verified, credit ${credit.score}   ${file}`;
}
