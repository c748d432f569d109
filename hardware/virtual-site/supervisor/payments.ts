import { setTimeout as sleep } from "node:timers/promises";
import { type Micro, micro, parseTimeZone, sealFrame, utcOffsetMs } from "@busbar/protocol";
import { readKeyFile, signerOf } from "@busbar/protocol/node";
import { collateral, type Part, site, timeZone } from "./cast.ts";
import { runToEnd } from "./child.ts";
import type { CreditNews, Standing } from "./credit.ts";
import type { Home } from "./home.ts";
import { cli } from "./programs.ts";

/** So long after the start the accounts are looked at first. */
const firstMs = 10_000;
/** Wall time from one look to the next. */
const everyMs = 30_000;
const answerMsMax = 5_000;
const dayMs = 86_400_000;

/** One acknowledgement: who got money, from whom, and for what. */
export type Payment = {
  readonly by: string;
  readonly from: string;
  readonly amount: Micro;
  readonly purpose: "balance" | "collateral";
};

/**
 * What the owners of a running site pay each other outside of the ledger, as a bank would move it: once their
 * collateral, and on each new day of the site all that is owed. Whoever got it acknowledges it.
 */
export class Payments {
  readonly #home: Home;
  readonly #cast: readonly Part[];
  readonly #site: { readonly members: number; readonly portal: number; now(): number };
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #paidOn: number | undefined;
  newest: CreditNews | undefined;

  constructor(
    home: Home,
    cast: readonly Part[],
    about: { readonly members: number; readonly portal: number; now(): number },
  ) {
    this.#home = home;
    this.#cast = cast;
    this.#site = about;
    this.#paidOn = dayOf(about.now());
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Ends after the look that is under way. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    const wait = (ms: number) => sleep(ms, undefined, { signal }).catch(() => undefined);
    await wait(firstMs);
    while (!signal.aborted) {
      try {
        await this.#round();
      } catch {
        // The member may be starting; its log and credit.log say what was wrong. The next round tries again.
      }
      await wait(everyMs);
    }
  }

  async #round(): Promise<void> {
    const standings = await this.#look();
    this.newest = standings;
    const today = dayOf(this.#site.now());
    const bureau = this.#cast.find(({ party }) => party === "bureau")?.owner;
    if (bureau === undefined) return;
    const due = paymentsDue(standings, { bureau, isNewDay: today !== this.#paidOn });
    const versions = new Map(standings.map(({ id, acknowledged }) => [id, acknowledged]));
    for (const payment of due) {
      const version = (versions.get(payment.by) ?? 0) + 1;
      await this.#acknowledge({ ...payment, version });
      versions.set(payment.by, version);
    }
    this.#paidOn = today;
  }

  async #look(): Promise<CreditNews> {
    const [config = ""] = this.#home.aggregatorConfigs(this.#site.members);
    const args = [cli("aggregator"), "credit", "--json", "--config", config];
    const log = `${this.#home.logs}/credit.log`;
    const out = await runToEnd({ name: "aggregator credit", args, log });
    const { accounts } = JSON.parse(out) as { accounts: readonly Standing[] };
    return this.#cast.flatMap(({ owner }) => accounts.find(({ id }) => id === owner) ?? []);
  }

  async #acknowledge(payment: Payment & { readonly version: number }): Promise<void> {
    const part = this.#cast.find(({ owner }) => owner === payment.by);
    if (part === undefined) return;
    const signer = signerOf(readKeyFile(this.#home.ownerKey(part)));
    const response = await fetch(`http://127.0.0.1:${this.#site.portal}/api/quotes`, {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: sealFrame("payment", payment, { chain: site, signer }) as Uint8Array<ArrayBuffer>,
      signal: AbortSignal.timeout(answerMsMax),
    });
    if (!response.ok) throw new Error(`a payment was answered with ${response.status}`);
  }
}

/**
 * What is to be paid now: collateral by who has handed over none, and on a new day what is owed through the
 * bureau, to whom all the others pay and from whom they get it. Who is bound to payments keeps what they need.
 */
export function paymentsDue(
  standings: CreditNews,
  { bureau, isNewDay }: { readonly bureau: string; readonly isNewDay: boolean },
): readonly Payment[] {
  return standings
    .filter(({ id }) => id !== bureau)
    .flatMap(({ id, balance, collateral: kept, free }): Payment[] => {
      const due: Payment[] = [];
      if (kept === 0) {
        const amount = micro(collateral * 1_000_000);
        due.push({ by: bureau, from: id, amount, purpose: "collateral" });
      }
      if (!isNewDay) return due;
      const spare = Math.min(balance, free ?? balance);
      if (balance < 0) {
        due.push({ by: bureau, from: id, amount: micro(0 - balance), purpose: "balance" });
      } else if (spare > 0) {
        due.push({ by: id, from: bureau, amount: micro(spare), purpose: "balance" });
      }
      return due;
    });
}

/** The number of a site time's local day. */
function dayOf(siteMs: number): number {
  const zone = parseTimeZone(timeZone) ?? { standardMs: 0 };
  return Math.floor((siteMs + utcOffsetMs(zone, siteMs)) / dayMs);
}
