import { randomBytes } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type EnergyForm,
  Failure,
  microPerKwh,
  priceMax,
  type QuoteTerms,
  sealFrame,
  sealQuotes,
  utcMs,
  wh,
} from "@busbar/protocol";
import { readKeyFile, signerOf } from "@busbar/protocol/node";
import type { Command } from "commander";
import { type OpenGate, Portal } from "./quote-portal.ts";
import { decimal } from "./table-file.ts";

/** Options of `busbar-aggregator quote`. */
export type QuoteOptions = {
  readonly portal: string;
  readonly owner?: string;
  readonly key?: string;
  readonly slot?: string;
  readonly side?: string;
  readonly kwh?: string;
  readonly price?: string;
  readonly form: string;
  readonly keep?: string;
  readonly wait: boolean;
  readonly open?: string;
  readonly json: boolean;
};

/** A quote that is sealed on the ledger and is to be opened: all that is needed for it. */
type Kept = {
  readonly slot: number;
  readonly gate: number;
  readonly revealUntil: number;
  /** The frame that opens it, base64url. */
  readonly reveal: string;
};

const forms = ["solar", "wind", "thermal", "nuclear", "storage", "any"] as const;
/** Between two looks at whether the gate has closed, wall ms: at most, and at least. */
const lookMs = { most: 30_000, least: 250 };

/** Adds `busbar-aggregator quote`. */
export function addQuoteCommand(program: Command): void {
  program
    .command("quote")
    .description(
      "quote by hand for an owner: seal it now, open it when the gate has closed; needs no configuration",
    )
    .option("--portal <url>", "a member's portal", "http://127.0.0.1:8080")
    .option("--owner <id>", "who quotes")
    .option("--key <file>", "the owner's key file, which signs")
    .option(
      "--slot <iso>",
      "start of the slot, as 2026-06-21T10:00Z; without it the open gates are listed",
    )
    .option("--side <side>", "ask (sell) or bid (buy)")
    .option("--kwh <number>", "how much, to the Wh")
    .option(
      "--price <number>",
      "limit, currency/kWh: no cheaper for an ask, no dearer for a bid; below 0 as --price=-0.05",
    )
    .option("--form <form>", `${forms.join(", ")}`, "any")
    .option("--keep <file>", "where the opening is kept until then (default: quote-<slot>.json)")
    .option("--no-wait", "end once it is sealed; open it later with --open")
    .option("--open <file>", "open a quote that was kept")
    .option("--json", "print the result as JSON", false)
    .addHelpText(
      "after",
      `
A quote that is not opened between its gate and clearing is void and stands in the owner's credit report.

Examples:
  busbar-aggregator quote
  busbar-aggregator quote --owner anna --key anna.key --slot 2026-06-21T10:00Z --side ask --kwh 3.5 --price 0.45 --form solar
  busbar-aggregator quote --open quote-2026-06-21T10-00.json`,
    )
    .action((options) => quoteCommand(options, (line) => console.log(line)));
}

/**
 * Lists open gates; seals a quote, waits for its gate, and opens it; or opens one that was kept.
 * Throws: `Failure` `quote.usage`, `quote.no-gate`, `quote.file`, `quote.portal`, `key.*`, and what the
 * aggregator refuses it with.
 */
export async function quoteCommand(
  options: QuoteOptions,
  write: (line: string) => void,
): Promise<void> {
  const portal = new Portal(options.portal);
  if (options.open !== undefined) {
    const kept = readKept(options.open);
    await open(portal, kept);
    return write(told(options, "opened", kept));
  }
  if (options.slot === undefined) {
    for (const line of listed(await portal.gates(), options.json)) write(line);
    return;
  }
  const terms = termsOf(options);
  const gate = gateFor(await portal.gates(), options.slot);
  const { commit, kept } = sealed(options, terms, gate, (await portal.status()).chain);
  const file = options.keep ?? `quote-${options.slot.replaceAll(/[^0-9A-Za-z-]/g, "-")}.json`;
  // Before the commitment: one that is sealed and cannot be opened costs its owner's good name.
  keep(file, kept);
  await seal(portal, commit, file);
  if (!options.wait) {
    return write(
      told(options, `sealed; open it after ${iso(kept.gate)} with --open ${file}`, kept),
    );
  }
  if (!options.json)
    write(`sealed; waiting for the gate at ${iso(kept.gate)}; the opening is in ${file}`);
  await open(portal, kept);
  write(told(options, "sealed and opened", kept));
}

/** Hands a commitment in. One that a rule refused needs no opening: its file would bar the next try. */
async function seal(portal: Portal, commit: Uint8Array, file: string): Promise<void> {
  try {
    await portal.send(commit);
  } catch (error) {
    const isRefused = error instanceof Failure && error.code !== "quote.portal";
    if (isRefused && error.retry === "never") rmSync(file);
    throw error;
  }
}

function told({ json }: QuoteOptions, words: string, { slot, gate }: Kept): string {
  return json ? JSON.stringify({ ok: true, result: words, slot, gate }) : words;
}

function* listed(gates: readonly OpenGate[], json: boolean): Generator<string> {
  if (json) return yield JSON.stringify({ gates });
  if (gates.length === 0) yield "no gate takes quotes now";
  for (const { slot, horizon, gate, gatesLeft } of gates) {
    yield `${iso(slot)}  ${horizon.padEnd(10)} closes ${iso(gate)}, ${gatesLeft} more after it`;
  }
}

function termsOf({ side, kwh, price, form }: QuoteOptions): QuoteTerms {
  if (side !== "ask" && side !== "bid") throw usage("--side", "ask or bid", side);
  const isForm = (text: string): text is EnergyForm => forms.some((one) => one === text);
  if (!isForm(form)) throw usage("--form", forms.join(", "), form);
  const quantity = whole("--kwh", kwh, { places: 3, least: 1, most: 1_000_000_000_000 });
  const limit = whole("--price", price, { places: 6, least: -priceMax, most: priceMax });
  return { side, form, quantity: wh(quantity), limit: microPerKwh(limit) };
}

/** In thousandths or millionths, as the ledger counts: what is finer is refused, not rounded. */
function whole(
  option: string,
  text: string | undefined,
  {
    places,
    least,
    most,
  }: { readonly places: number; readonly least: number; readonly most: number },
): number {
  const value = text === undefined ? undefined : decimal(places, { least, most })(text);
  if (value !== undefined) return value;
  const [from, to] = [least / 10 ** places, most / 10 ** places];
  const expected = `a number from ${from} to ${to} with at most ${places} decimals, as 3.5`;
  throw usage(option, expected, text);
}

function gateFor(gates: readonly OpenGate[], slot: string): OpenGate {
  // Without a zone the same text would be another slot on another machine.
  const zoned = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(slot);
  const start = zoned ? Date.parse(slot) : Number.NaN;
  if (Number.isNaN(start)) throw usage("--slot", "a time like 2026-06-21T10:00Z", slot);
  const gate = gates.find((one) => one.slot === start);
  if (gate !== undefined) return gate;
  const message = `no gate of the slot at ${iso(start)} takes quotes now; busbar-aggregator quote lists those that do`;
  throw new Failure("quote.no-gate", message, { retry: "later" });
}

function sealed(options: QuoteOptions, terms: QuoteTerms, gate: OpenGate, chain: string) {
  const { owner, key } = options;
  if (owner === undefined) throw usage("--owner", "the id of who quotes", owner);
  if (key === undefined) throw usage("--key", "the owner's key file", key);
  const signing = { chain, signer: signerOf(readKeyFile(key)) };
  const [id, salt] = [new Uint8Array(randomBytes(16)), new Uint8Array(randomBytes(32))];
  const about = { id, owner, slot: utcMs(gate.slot), gate: utcMs(gate.gate) };
  const hash = sealQuotes(about, [terms], salt);
  const reveal = sealFrame("quote-reveal", { id, quotes: [terms], salt }, signing);
  const kept: Kept = {
    slot: gate.slot,
    gate: gate.gate,
    revealUntil: gate.revealUntil,
    reveal: Buffer.from(reveal).toString("base64url"),
  };
  return { commit: sealFrame("quote-commit", { ...about, hash }, signing), kept };
}

/** Waits for the gate by the site's clock, then opens the quote. */
async function open(portal: Portal, kept: Kept): Promise<void> {
  const frame = new Uint8Array(Buffer.from(kept.reveal, "base64url"));
  for (;;) {
    const { time, speed } = await portal.status();
    if (time >= kept.gate) {
      const refusal = await portal.sendOr(frame, "quote.not-yet", "quote.unknown");
      if (refusal === undefined) return;
      if (time >= kept.revealUntil) throw refusal;
    }
    const wait = (kept.gate - time) / speed;
    await sleep(Math.max(lookMs.least, Math.min(lookMs.most, wait)));
  }
}

function keep(file: string, kept: Kept): void {
  try {
    writeFileSync(file, `${JSON.stringify(kept)}\n`, { mode: 0o600, flag: "wx" });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why =
      code === "EEXIST"
        ? "keeps the opening of an earlier quote: --open opens it; when that is done, delete it"
        : `cannot be written (${code})`;
    const message = `${file}: ${why}; nothing was sealed; name another file with --keep`;
    throw new Failure("quote.file", message, { retry: "never", cause });
  }
}

function readKept(file: string): Kept {
  try {
    const kept = JSON.parse(readFileSync(file, "utf8")) as Kept;
    const times = [kept.slot, kept.gate, kept.revealUntil];
    if (times.every(Number.isSafeInteger) && typeof kept.reveal === "string") return kept;
  } catch (cause) {
    const message = `${file}: cannot be read as a kept quote (${cause instanceof Error ? cause.message : cause})`;
    throw new Failure("quote.file", message, { retry: "never", cause });
  }
  const message = `${file}: expected what busbar-aggregator quote keeps: slot, gate, revealUntil, reveal`;
  throw new Failure("quote.file", message, { retry: "never" });
}

function usage(option: string, expected: string, got: string | undefined): Failure {
  const message = `${option}: expected ${expected}, got ${got === undefined ? "nothing" : `"${got}"`}`;
  return new Failure("quote.usage", message, { retry: "never" });
}

const iso = (time: number) => new Date(time).toISOString().slice(0, 16).concat("Z");
