import { randomBytes } from "node:crypto";
import {
  certificatePartsMax,
  Failure,
  feederTrade,
  type Kind,
  type Message,
  micro,
  microPerKwh,
  sealFrame,
  type UtcMs,
  utcMs,
  type Wh,
  watt,
  wh,
} from "@busbar/protocol";
import { readKeyFile, signerOf } from "@busbar/protocol/node";
import { type Command, InvalidArgumentError, Option } from "commander";
import { loadConfig } from "../config/load.ts";
import type { AggregatorConfig } from "../config/schema.ts";
import { addressText } from "../consensus/links/address.ts";
import { greenLines, greenMoves, heldOf } from "../ledger/certificates.ts";
import { demandMandates, demands } from "../ledger/demand.ts";
import { certificateMoves } from "../ledger/rules/certificate-move.ts";
import { payments } from "../ledger/rules/payment.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { type GreenForm, greenForms } from "../settlement/certificates.ts";
import { configOption, id, instant } from "./arguments.ts";
import { Portal } from "./quote-portal.ts";
import { decimal } from "./table-file.ts";
import { withLedger } from "./transaction.ts";

/** What an owner signs by hand: which ledger it is for, and who signs. */
type OwnerOptions = {
  readonly config: string;
  readonly owner: string;
  readonly key: string;
  readonly portal?: string;
  readonly json: boolean;
};

type Said = { readonly [K in Kind]: { readonly kind: K; readonly message: Message<K> } }[Kind];

/** Adds `pay`, `order`, `answer`, `allow-orders`, `move-certificates` and `retire-certificates`. */
export function addOwnerCommands(program: Command): void {
  owned(program.command("pay"))
    .description("acknowledge money that an owner got outside of the ledger")
    .requiredOption("--from <id>", "who paid", id)
    .requiredOption("--amount <number>", "in the site's currency", amount)
    .option("--collateral", "it is kept for what the payer may owe, or was handed back", false)
    .option("--reference <text>", "what it was for; it stands on the ledger")
    .addHelpText(
      "after",
      "\nExample:\n  busbar-aggregator pay --owner bureau --key bureau.key --from anna --amount 120.50",
    )
    .action((options) => say(options, (state) => paymentOf(options, state)));

  owned(program.command("order"))
    .description("order a change of what another owner's unit draws, for a price")
    .requiredOption("--unit <id>", "whose draw is to change", id)
    .addOption(
      new Option("--action <what>", "what it is to do")
        .choices(["limit", "shift", "shed"])
        .makeOptionMandatory(),
    )
    .requiredOption("--slot <iso>", "start of the first slot", instant)
    .option("--slots <n>", "how many slots", count, 1)
    .requiredOption("--kwh <number>", "less than usual in each slot, paid at most", energy)
    .requiredOption("--price <number>", "for a kWh less, currency", price)
    .option("--limit-kw <number>", "with limit: draw this much at most", kilowatts)
    .option("--to <iso>", "with shift: start of the first slot to draw it in instead", instant)
    .option("--answer-by <iso>", "until when it may be taken (default: the first slot)", instant)
    .addHelpText(
      "after",
      `
Inside of the mandate that the unit's owner gave it is a contract at once.

Example:
  busbar-aggregator order --owner bureau --key bureau.key --unit anna-unit --action shed --slot 2026-06-21T18:00Z --slots 4 --kwh 0.5 --price 0.4`,
    )
    .action((options) => say(options, () => orderOf(options)));

  owned(program.command("answer"))
    .description("take or refuse an order that was made to one of an owner's units")
    .argument("<order>", "the order's id, or its first digits")
    .argument("<word>", "accept or refuse")
    .action((order, word, options) =>
      say(options, (state) => answerOf(order, word, options, state)),
    );

  owned(program.command("allow-orders"))
    .description("let others order changes from a unit without being asked each time")
    .requiredOption("--unit <id>", "the owner's unit", id)
    .requiredOption("--kwh <number>", "less than usual in one slot, at most", energy)
    .requiredOption("--price <number>", "for a kWh less at least, currency", price)
    .requiredOption(
      "--slots <n>",
      "slots in any 24 hours, at most; 0 takes the mandate back",
      count,
    )
    .requiredOption("--until <iso>", "until when it holds", instant)
    .option("--limit-kw <number>", "never limit the draw below this", kilowatts, 0)
    .option("--by <id>", "who may order (default: everybody of the site)", id)
    .action((options) => say(options, (state) => mandateOf(options, state)));

  const moved = (command: Command) =>
    owned(command)
      .addOption(
        new Option("--form <form>", "of which energy")
          .choices([...greenForms])
          .makeOptionMandatory(),
      )
      .requiredOption("--kwh <number>", "how many, the oldest first", energy)
      .option("--from <iso>", "of slots from this time on", instant)
      .option("--to <iso>", "of slots before this time", instant)
      .option("--reason <text>", "what for; it stands on the ledger")
      .action((options) => say(options, (state) => certificatesOf(options, state)));
  moved(program.command("move-certificates"))
    .description("hand green certificates that an owner holds to another one")
    .requiredOption("--recipient <id>", "who gets them", id);
  moved(program.command("retire-certificates"))
    .description("retire green certificates that an owner holds, for what it used")
    .addHelpText(
      "after",
      `
busbar-aggregator certificates shows who holds what. What is retired, or handed on, never is so twice.

Example:
  busbar-aggregator retire-certificates --owner anna --key anna.key --form solar --kwh 12.5`,
    );
}

/** Who signs, and where it is handed in. */
export function owned(command: Command): Command {
  return command
    .requiredOption("--owner <id>", "who signs", id)
    .requiredOption("--key <file>", "the owner's key file")
    .option(...configOption)
    .option("--portal <url>", "where it is handed in (default: the configuration's portal)")
    .option("--json", "print the result as JSON", false);
}

/** Makes a message from the ledger on disk, signs it with the owner's key and hands it in. */
export async function say(
  options: OwnerOptions,
  make: (state: StateReader, chain: string) => Said,
): Promise<void> {
  const config = loadConfig(options.config);
  const signer = signerOf(readKeyFile(options.key));
  const { said, chain } = withLedger(config, ({ store, genesis }) => {
    return { said: make(store.state, genesis.chain), chain: genesis.chain };
  });
  const frame = sealFrame(said.kind, said.message as never, { chain, signer });
  await new Portal(options.portal ?? portalOf(config)).send(frame);
  const name = nameOf(said);
  if (options.json) console.log(JSON.stringify({ ok: true, kind: said.kind, id: name }));
  else console.log(`handed in: ${said.kind} ${name}`.trimEnd());
}

/** What the owner needs to ask for it again. */
function nameOf({ kind, message }: Said): string {
  if (kind === "feeder-offer") return feederTrade(message.terms);
  return "id" in message ? Buffer.from(message.id as Uint8Array).toString("hex") : "";
}

function portalOf({ portal }: AggregatorConfig): string {
  const host = ["0.0.0.0", "::"].includes(portal.host) ? "127.0.0.1" : portal.host;
  return `http://${addressText({ host, port: portal.port })}`;
}

export function paymentOf(
  options: {
    readonly owner: string;
    readonly from: string;
    readonly amount: number;
    readonly collateral: boolean;
    readonly reference?: string;
  },
  state: StateReader,
): Said {
  const { owner: by, from, reference } = options;
  const version = (payments.get(state, by)?.version ?? 0) + 1;
  const purpose = options.collateral ? "collateral" : "balance";
  const about = reference === undefined ? {} : { reference };
  const message = { by, from, version, amount: micro(options.amount), purpose, ...about } as const;
  return { kind: "payment", message };
}

export function orderOf(options: {
  readonly owner: string;
  readonly unit: string;
  readonly action: "limit" | "shift" | "shed";
  readonly slot: number;
  readonly slots: number;
  readonly kwh: number;
  readonly price: number;
  readonly limitKw?: number;
  readonly to?: number;
  readonly answerBy?: number;
}): Said {
  const { owner: by, unit: device, action, slots, limitKw, to } = options;
  const message = {
    id: new Uint8Array(randomBytes(16)),
    ...{ by, device, action, slots },
    slot: utcMs(options.slot),
    energy: wh(options.kwh),
    price: microPerKwh(options.price),
    answerBy: utcMs(options.answerBy ?? options.slot),
    ...(limitKw === undefined ? {} : { limitW: watt(limitKw) }),
    ...(to === undefined ? {} : { toSlot: utcMs(to) }),
  };
  return { kind: "demand-order", message };
}

export function answerOf(
  order: string,
  word: string,
  { owner }: { readonly owner: string },
  state: StateReader,
): Said {
  if (word !== "accept" && word !== "refuse") {
    throw new Failure("answer.usage", `expected accept or refuse, got ${word}`, { retry: "never" });
  }
  const found = Array.from(demands.scan(state)).filter(
    ([name, demand]) => demand.owner === owner && order.length >= 4 && name.startsWith(order),
  );
  const [[name] = [], ...more] = found;
  if (name === undefined || more.length > 0) {
    const open = Array.from(demands.scan(state))
      .filter(([, demand]) => demand.owner === owner && demand.status === "offered")
      .map(([one, { by, slot }]) => `${one.slice(0, 8)} (${by}, ${new Date(slot).toISOString()})`);
    const message = `expected the first digits of one order to ${owner}, got ${order}; offered are: ${open.join(", ") || "none"}`;
    throw new Failure("answer.order", message, { retry: "never" });
  }
  const id = new Uint8Array(Buffer.from(name, "hex"));
  return { kind: "demand-answer", message: { id, owner, word } };
}

export function mandateOf(
  options: {
    readonly owner: string;
    readonly unit: string;
    readonly kwh: number;
    readonly price: number;
    readonly slots: number;
    readonly until: number;
    readonly limitKw: number;
    readonly by?: string;
  },
  state: StateReader,
): Said {
  const { owner, unit: device, slots: slotsMax, by } = options;
  const message = {
    ...{ owner, device, slotsMax },
    version: (demandMandates.get(state, device)?.version ?? 0) + 1,
    energyMax: wh(options.kwh),
    limitWMin: watt(options.limitKw),
    priceMin: microPerKwh(options.price),
    until: utcMs(options.until),
    ...(by === undefined ? {} : { by }),
  };
  return { kind: "demand-mandate", message };
}

/** Certificates that an owner holds, the oldest first. Throws: `Failure` `certificates.held`. */
export function certificatesOf(
  options: {
    readonly owner: string;
    readonly form: GreenForm;
    readonly kwh: number;
    readonly from?: number;
    readonly to?: number;
    readonly recipient?: string;
    readonly reason?: string;
  },
  state: StateReader,
): Said {
  const { owner, form, kwh, from = 0, to = Number.MAX_SAFE_INTEGER, recipient, reason } = options;
  const held = heldSlots(state, { owner, form, from, to });
  const parts: { slot: UtcMs; energy: Wh }[] = [];
  let left = kwh;
  for (const { slot, heldWh } of held) {
    if (left === 0 || parts.length === certificatePartsMax) break;
    const energy = Math.min(left, heldWh);
    parts.push({ slot: utcMs(slot), energy: wh(energy) });
    left -= energy;
  }
  if (left > 0) {
    const all = held.reduce((sum, { heldWh }) => sum + heldWh, 0);
    const most =
      all >= kwh
        ? `the oldest ${certificatePartsMax} slots hold ${(kwh - left) / 1000}: move these first, then the rest`
        : `it holds ${all / 1000} there`;
    const message = `expected at most what ${owner} holds of ${form}, got ${kwh / 1000} kWh; ${most}`;
    throw new Failure("certificates.held", message, { retry: "never" });
  }
  const version = (certificateMoves.get(state, owner)?.version ?? 0) + 1;
  const about = {
    ...(recipient === undefined ? {} : { to: recipient }),
    ...(reason === undefined ? {} : { reason }),
  };
  return { kind: "certificate-move", message: { owner, version, form, parts, ...about } };
}

/** Slots of which an owner holds certificates of a form, the oldest first. */
function heldSlots(
  state: StateReader,
  {
    owner,
    form,
    from,
    to,
  }: {
    readonly owner: string;
    readonly form: GreenForm;
    readonly from: number;
    readonly to: number;
  },
) {
  const ids = new Set([...greenLines.scan(state), ...greenMoves.scan(state)].map(([id]) => id));
  return [...ids]
    .sort()
    .filter((id) => id.endsWith(`/${owner}/${form}`))
    .map((id) => ({ slot: Number(id.split("/")[0]), heldWh: heldOf(state, id) }))
    .filter(({ slot, heldWh }) => slot >= from && slot < to && heldWh > 0);
}

function exact(places: number, range: { least: number; most: number }, expected: string) {
  const read = decimal(places, range);
  return (text: string): number => {
    const value = read(text);
    if (value === undefined) throw new InvalidArgumentError(`expected ${expected}`);
    return value;
  };
}

const amount = exact(6, { least: 1, most: 1_000_000_000_000_000 }, "an amount above 0, as 120.50");
export const price = exact(6, { least: 1, most: 1_000_000_000 }, "currency/kWh above 0, as 0.40");
export const priceFromZero = exact(
  6,
  { least: 0, most: 1_000_000_000 },
  "currency/kWh from 0 on, as 0.40",
);
export const energy = exact(
  3,
  { least: 1, most: 100_000_000 },
  "kWh above 0, at most 100000, with at most 3 decimals",
);
const kilowatts = exact(3, { least: 0, most: 100_000_000 }, "kW from 0 on with at most 3 decimals");

function count(text: string): number {
  const value = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= 96) return value;
  throw new InvalidArgumentError("expected a number of slots from 0 to 96");
}
