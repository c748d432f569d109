import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "@busbar/protocol";
import { look as lastLook, type Snapshot } from "../../hardware/virtual-site/supervisor/portal.ts";
import { report } from "../../hardware/virtual-site/supervisor/report.ts";
import { Random } from "../simulation/random.ts";
import type { SoakOptions } from "./arguments.ts";
import { Audit } from "./audit.ts";
import { whyNoDiskFaults } from "./disk-fault.ts";
import { befall, diskKinds, mayEnd } from "./faults.ts";
import { blocksAfter, journalAfter } from "./ledger-file.ts";
import { type Fault, faultText, type Kind, plan, type Round } from "./plan.ts";
import { isRecovered, whatLacks } from "./recovery.ts";
import type { Mark, SoakResult } from "./result.ts";
import { type Look, lookAt, type Sample } from "./sample.ts";
import { members, type SoakSite, startSite, type Watched } from "./site.ts";

const sampleMs = 5_000;
/** Before the first fault: all runs, and something was traded. */
const settleMs = 15_000;
const lookMs = 250;

/** Whoever runs it: hears what happens, ends it early, and is given what there is from time to time. */
export type Shell = {
  say(line: string): void;
  readonly signal: AbortSignal;
  seen(result: SoakResult): void;
};

/** Runs it, from nothing to a judged end. Throws: `Failure` where the site does not come up. */
export async function runSoak(options: SoakOptions, shell: Shell): Promise<SoakResult> {
  const { say, signal } = shell;
  const noDiskFaults = await whyNoDiskFaults();
  const leftOut = noDiskFaults === undefined ? [] : [`${diskKinds.join(", ")}: ${noDiskFaults}`];
  for (const why of leftOut) say(`left out: ${why}`);
  const among = options.only.filter(
    (kind) =>
      (options.flows || kind !== "kill flows") &&
      (noDiskFaults === undefined || !diskKinds.includes(kind)),
  );
  if (among.length === 0) {
    throw new Failure("soak.nothing", "none of these faults can happen here", { retry: "never" });
  }
  say("making the site");
  const site = await startSite(options, () => {});
  say(`it runs in ${site.home.path}`);
  const run = new Run(options, site, { ...shell, leftOut, among });
  const watching = run.watch();
  try {
    const rounds = plan(options.seed, { members, units: site.cast.length, among });
    const end = performance.now() + options.hours * 3_600_000;
    await pause(settleMs, signal);
    while (performance.now() < end && !signal.aborted && run.isSound) {
      await run.round(rounds.next().value);
    }
    if (run.isSound) await run.end();
  } catch (error) {
    run.wrong(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  run.stopWatching();
  await watching;
  await site.stop();
  if (run.isSound) await run.judge();
  const result = run.result();
  if (result.problems.length === 0 && !options.keep) site.forget();
  else say(`the site's files stay in ${site.home.path}`);
  return result;
}

type RunShell = Shell & { readonly leftOut: readonly string[]; readonly among: readonly Kind[] };

/** A run in progress. */
class Run {
  readonly #options: SoakOptions;
  readonly #site: SoakSite;
  readonly #shell: RunShell;
  readonly #random: Random;
  readonly #audit = new Audit();
  readonly #samples: Sample[] = [];
  readonly #marks: Mark[] = [];
  readonly #problems: string[] = [];
  readonly #start = performance.now();
  readonly #watching = new AbortController();
  /** Whose process may end now. */
  readonly #ending = new Set<Watched>();
  readonly #restarts = new Map<Watched, number>();
  #end: SoakResult["end"];
  #seconds: number | undefined;
  #last: Snapshot | undefined;

  constructor(options: SoakOptions, site: SoakSite, shell: RunShell) {
    this.#options = options;
    this.#site = site;
    this.#shell = shell;
    this.#random = new Random(options.seed);
  }

  get isSound(): boolean {
    return this.#problems.length === 0;
  }

  wrong(problem: string): void {
    this.#problems.push(problem);
    this.#shell.say(`WRONG: ${problem}`);
  }

  /** Samples and audits until it is told to stop. */
  async watch(): Promise<void> {
    const { signal } = this.#watching;
    for (let turn = 0; !signal.aborted; turn++) {
      const { look, processes } = await lookAt(this.#site);
      this.#samples.push({ second: this.#second(), processes });
      for (const sum of look.sums) this.wrong(sum);
      this.#noticeEnds();
      if (turn % 2 === 1) this.#auditAll();
      if (turn % 12 === 0) this.#shell.seen(this.result());
      await pause(sampleMs, signal);
    }
  }

  stopWatching(): void {
    this.#watching.abort();
  }

  /** A quiet time, faults, and the site recovers. */
  async round({ quietMs, faults }: Round): Promise<void> {
    const { say, signal } = this.#shell;
    await pause(quietMs, signal);
    if (signal.aborted) return;
    for (const fault of faults) say(`${this.#clock()} ${faultText(fault)}`);
    const mine = faults.flatMap((fault) => mayEnd(this.#site, fault));
    for (const it of mine) this.#ending.add(it);
    const spans = await Promise.all(faults.map((fault) => this.#befall(fault)));
    const took = await this.#recovered(spans.map(({ text }) => text).join(" and "));
    this.#marks.push(...spans.map((span) => ({ ...span, recoveredMs: took })));
    this.#noticeEnds();
    for (const it of mine) this.#ending.delete(it);
    if (took !== undefined) say(`${this.#clock()}   as before after ${(took / 1000).toFixed(1)} s`);
  }

  /** Everything that was signed gets its receipt, and every notice reaches its owner. */
  async end(): Promise<void> {
    const { say } = this.#shell;
    say(`${this.#clock()} ending: the units hand over what they hold`);
    this.#seconds = (performance.now() - this.#start) / 1000;
    await this.#recovered("the end");
    for (const it of this.#site.edges) this.#ending.add(it);
    await this.#site.stopUnits();
    const { withinS } = this.#options;
    const start = performance.now();
    while (performance.now() - start < 1000 * withinS) {
      const { look } = await lookAt(this.#site);
      this.#last = await lastLook(this.#site.ports.portal);
      if (look.queued === 0 && new Set(look.heights.values()).size === 1) return;
      await sleep(lookMs);
    }
    this.wrong(
      `notices still wait ${withinS} s after the last reading, or members differ in height`,
    );
  }

  /** What the files say when all has ended: each ledger is replayed. */
  async judge(): Promise<void> {
    const { say } = this.#shell;
    say("comparing and replaying every ledger");
    this.#auditAll();
    if (!this.isSound) return;
    for (const problem of this.#audit.end()) this.wrong(problem);
    const end = await report(this.#site, this.#last);
    this.#end = end;
    if (!end.ok) this.wrong(`the end: ${JSON.stringify(end)}`);
  }

  result(): SoakResult {
    const { hours, seed, speed, withinS } = this.#options;
    return {
      ...{ hours, seed, speed, withinS },
      cores: availableParallelism(),
      seconds: this.#seconds ?? (performance.now() - this.#start) / 1000,
      samples: this.#samples,
      marks: this.#marks,
      blocks: this.#audit.blocks,
      readings: this.#audit.readings,
      end: this.#end,
      leftOut: this.#shell.leftOut,
      among: this.#shell.among,
      problems: this.#problems,
    };
  }

  async #befall(fault: Fault): Promise<Omit<Mark, "recoveredMs">> {
    const second = this.#second();
    const heal = await befall(this.#site, fault, this.#random);
    if (fault.kind === "ledger lost") {
      this.#audit.forget(this.#site.aggregators[fault.victim]?.name ?? "");
    }
    await pause(fault.forMs, this.#shell.signal);
    await heal();
    return { kind: fault.kind, text: faultText(fault), second, untilSecond: this.#second() };
  }

  /** How long it takes until all is as it was, ms; undefined, and wrong, where that is beyond the bound. */
  async #recovered(what: string): Promise<number | undefined> {
    const { withinS } = this.#options;
    const start = performance.now();
    let goal: Look | undefined;
    let last: Look | undefined;
    while (performance.now() - start < 1000 * withinS && this.isSound) {
      const { look } = await lookAt(this.#site);
      goal ??= look;
      last = look;
      if (isRecovered(goal, look, this.#expected())) return performance.now() - start;
      await sleep(lookMs);
    }
    if (!this.isSound || goal === undefined || last === undefined) return undefined;
    const lacks = whatLacks(goal, last, this.#expected());
    this.wrong(`${what}: not as before after ${withinS} s: ${lacks.join("; ")}`);
    return undefined;
  }

  #expected() {
    return {
      members: this.#site.aggregators.map(({ name }) => name),
      meters: this.#site.cast.flatMap((part) => part.meters.map(({ id }) => id)),
    };
  }

  #auditAll(): void {
    for (const { folder = "" } of this.#site.edges) {
      for (const { payload } of journalAfter(folder, this.#audit.taken))
        this.#audit.journal(payload);
    }
    for (const { name, folder = "" } of this.#site.aggregators) {
      for (;;) {
        const blocks = blocksAfter(folder, this.#audit.heightOf(name)) ?? [];
        for (const block of blocks) this.#audit.block(name, block);
        if (blocks.length === 0) break;
      }
    }
    for (const problem of this.#audit.problems.splice(0)) this.wrong(problem);
  }

  /** A process that ended by itself. */
  #noticeEnds(): void {
    const { aggregators, edges, flows, meters } = this.#site;
    for (const it of [
      ...aggregators,
      ...edges,
      ...(flows === undefined ? [] : [flows]),
      meters(),
    ]) {
      const { restarts } = it.child;
      if (restarts > (this.#restarts.get(it) ?? 0) && !this.#ending.has(it)) {
        this.wrong(`${it.name} ended by itself; its log is in ${this.#site.home.logs}`);
      }
      this.#restarts.set(it, restarts);
    }
  }

  #second(): number {
    return Math.round((performance.now() - this.#start) / 1000);
  }

  #clock(): string {
    const second = this.#second();
    const [minutes, rest] = [Math.floor(second / 60), second % 60];
    return `${minutes}:${String(rest).padStart(2, "0")}`;
  }
}

/** Ends early, without complaint, when it is asked to. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
