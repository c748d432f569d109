import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import {
  brokerUrlPattern,
  type ContractVersion,
  divideBig,
  Failure,
  idPattern,
  linkAddressPattern,
  type Micro,
  type MicroPerKwh,
  parseTimeZone,
  priceMax,
  type UtcMs,
  type Wh,
} from "@busbar/protocol";
import { parseConfig } from "@busbar/protocol/config";
import {
  array,
  contractVersion,
  device,
  encodeAs,
  field,
  int,
  memberTerms,
  owner,
  record,
  text,
} from "@busbar/protocol/schema";
import { z } from "zod";
import { layOut } from "../market/clearing/grid.ts";
import { checkRules } from "../market/game/game.ts";
import { pricedGrid } from "../market/routing/losses.ts";
import { contractVersions } from "./contract/versions.ts";
import { gatesSchema, usualGates, whyNotGates } from "./gates.ts";
import { type Parameters, parametersCodec } from "./parameters.ts";
import { sha256 } from "./sha256.ts";

const id = z.string().regex(idPattern, "expected 1 to 32 of a-z, 0-9 and inner hyphens");

/** 32 bytes in base64url, without padding. */
const key = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, "expected 32 bytes in base64url (43 characters)")
  .transform((value): Uint8Array => new Uint8Array(Buffer.from(value, "base64url")));

const instant = z
  .int()
  .min(0)
  .transform((value) => value as UtcMs);

/** Below 0 who sells pays for being rid of its energy. */
const price = z
  .int()
  .min(-priceMax)
  .max(priceMax)
  .transform((value) => value as MicroPerKwh);

const fee = z
  .int()
  .min(0)
  .max(priceMax)
  .transform((value) => value as MicroPerKwh);

const band = z
  .tuple([price, price])
  .refine(([low, high]) => low <= high, "expected the lowest price first")
  .describe("Lowest and highest price, 10⁻⁶ currency/kWh (eq. 13 of Liu & Zhou)");

const weight = z.int().min(1, "expected an integer in 1 … 100");

const partyTerms = z.strictObject({
  owner: id,
  weight: weight.max(100, "expected an integer in 1 … 100").exactOptional(),
  band: band.exactOptional(),
});

const gridSegment = z.strictObject({
  feeder: id,
  parent: id.exactOptional().describe("Left out: the busbar"),
  fee: fee.describe("What a kWh over the line costs, 10⁻⁶ currency"),
  capacity: z
    .int()
    .min(0)
    .max(1_000_000_000_000)
    .transform((value) => value as Wh)
    .exactOptional()
    .describe("What the line carries in one slot, Wh; left out: no limit"),
  lossPermille: z
    .int()
    .min(0)
    .max(500)
    .exactOptional()
    .describe("What is lost of the energy that the line carries, ‰; left out: nothing"),
  operator: id.exactOptional().describe("Whom the line's fees go to; left out: the bureau"),
});

const charge = z.strictObject({
  id,
  sort: z.enum(["fee", "tax", "levy"]),
  on: z
    .enum(["import", "export", "cost"])
    .describe("On net energy drawn or given, or on what energy cost net"),
  rate: z
    .int()
    .min(0)
    .max(1_000_000_000)
    .describe("10⁻⁶ currency per kWh; on cost: thousandths of it"),
  to: id.exactOptional().describe("The owner who gets it; left out: an authority"),
});

const creditTerms = z.strictObject({
  line: z
    .int()
    .min(0)
    .max(1_000_000_000_000_000)
    .transform((value) => value as Micro)
    .describe(
      "Without collateral and with full credit, 10⁻⁶ currency; less in proportion to credit",
    ),
  tolerancePermille: z
    .int()
    .min(0)
    .max(1000)
    .describe("How much less than it sold a party may give before its credit report says so, ‰"),
  tiesByScore: z
    .literal(1)
    .exactOptional()
    .describe("1: of quotes at one limit the better score is served first; left out: all share"),
});

const parameters = z
  .strictObject({
    slotMinutes: z
      .int()
      .min(1)
      .max(60)
      .refine((value) => 60 % value === 0, "expected a divisor of 60")
      .default(60)
      .describe("Length of a slot"),
    gates: gatesSchema
      .optional()
      .describe("The gates that a slot passes through, in their order; left out: the usual three"),
    timeZone: z
      .string()
      .refine(
        (value) => parseTimeZone(value) !== undefined,
        "expected a POSIX TZ text, as UTC0, CST-8 or CET-1CEST,M3.5.0,M10.5.0/3",
      )
      .default("UTC0")
      .describe("When clocks are turned, as a POSIX TZ text: where days begin"),
    bands: z
      .strictObject({ company: band, bureau: band, user: band })
      .default({
        company: [500_000 as MicroPerKwh, 700_000 as MicroPerKwh],
        bureau: [400_000 as MicroPerKwh, 600_000 as MicroPerKwh],
        user: [400_000 as MicroPerKwh, 600_000 as MicroPerKwh],
      })
      .describe("Price bands by party"),
    weights: z
      .strictObject({ company: weight, bureau: weight, user: weight })
      .default({ company: 3, bureau: 3, user: 1 })
      .describe("Bargaining weights"),
    feedIn: price.default(400_000 as MicroPerKwh).describe("What the bureau pays at least"),
    retail: price.default(700_000 as MicroPerKwh).describe("What the bureau asks at most"),
    imbalancePermille: z.int().min(0).max(1000).default(100).describe("Imbalance price, ‰ worse"),
    subsidyPermille: z.int().min(0).max(1000).default(50).describe("Factor of eqs. 3, 6, 8, ‰"),
    parties: z
      .array(partyTerms)
      .min(1)
      .max(40)
      .exactOptional()
      .describe("Owners with a weight or a band of their own in the game of prices (eq. 9)"),
    grid: z
      .array(gridSegment)
      .min(1)
      .max(64)
      .exactOptional()
      .describe("The lines between feeders, a tree; left out: all trade as at one place"),
    imbalanceGrowthPermille: z
      .int()
      .min(0)
      .max(1000)
      .exactOptional()
      .describe("How much worse an imbalance as large as the whole position is, ‰"),
    charges: z
      .array(charge)
      .min(1)
      .max(16)
      .exactOptional()
      .describe("Fees, taxes and levies that parties owe once for each slot"),
    provisionalMinutes: z
      .int()
      .min(0)
      .max(31 * 24 * 60)
      .exactOptional()
      .describe("When a silent meter's slot is estimated; left out: it is waited for"),
    credit: creditTerms
      .exactOptional()
      .describe("What an account may owe; left out: as much as it comes to"),
  })
  .transform(({ gates, ...rest }) => ({ ...rest, gates: gates ?? usualGates(rest.slotMinutes) }))
  .refine(({ feedIn, retail }) => feedIn <= retail, "expected feedIn ≤ retail")
  .superRefine((value, context) => {
    const message = whyNotGates(value.gates, value) ?? whyUnsound(value);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });

/** Why parameters could not be those of a genesis; undefined where they could. */
export function whyNotParameters(value: Parameters): string | undefined {
  const checked = parameters.safeParse(value);
  if (checked.success) return undefined;
  const [issue] = checked.error.issues;
  return issue === undefined
    ? "they make no sense"
    : `${issue.path.join(".")} ${issue.message}`.trim();
}

/** The subsidy on a kWh at this price, rounded up. */
function subsidyMost(price: number, permille: number): number {
  if (price <= 0) return 0;
  return divideBig(BigInt(price) ** 2n * BigInt(permille), 1_000_000_000n, "ceil");
}

/** Why these parameters would stop the market or let somebody earn by trading nothing. */
function whyUnsound({
  bands,
  weights,
  subsidyPermille,
  imbalancePermille,
  feedIn,
  retail,
  parties = [],
  grid = [],
  charges = [],
}: Parameters): string | undefined {
  const again = charges.find(({ id }, i) => charges.findIndex((one) => one.id === id) < i);
  if (again !== undefined) return `charges: expected each id once, got ${again.id} again`;
  const more = charges.find(({ on, rate }) => on === "cost" && rate > 1000);
  if (more !== undefined) {
    return `charges: expected at most 1000 thousandths of the cost for ${more.id}, got ${more.rate}`;
  }
  const twice = parties.find(({ owner }, i) => parties.findIndex((p) => p.owner === owner) < i);
  if (twice !== undefined) return `parties: expected each owner once, got ${twice.owner} again`;
  for (const { owner, band: own } of parties) {
    // An own band is checked as the bureau's is: from 1/2κ on the subsidy outgrows the price.
    if (own === undefined || (own[0] < own[1] && subsidyPermille * own[1] < 500_000_000)) continue;
    const most = subsidyPermille === 0 ? "any price" : Math.floor(500_000_000 / subsidyPermille);
    return `parties: expected a band of ${owner} with low < high, both below ${most}, got [${own.join(", ")}]`;
  }
  try {
    checkRules({ bands, weights, subsidyPermille });
    layOut(pricedGrid({ grid, retail }) ?? []);
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
  // What the bureau sells costs up to retail; from 1/2κ on the subsidy κ p² outgrows the price.
  if (subsidyPermille * retail >= 500_000_000) {
    const most = Math.ceil(500_000_000 / subsidyPermille);
    return `retail: with a subsidy of ${subsidyPermille} ‰ it must stay below ${most}, got ${retail}`;
  }
  const left = retail - subsidyMost(retail, subsidyPermille);
  if (left < feedIn) {
    return `feedIn: expected at most ${left}, what a buyer at retail pays after its subsidy; got ${feedIn}`;
  }
  // Who buys at feed-in with the subsidy and hands it back as a surplus must not gain by it. Below 0
  // there is no subsidy, and a surplus is worse than feed-in by a part of its size all the same.
  const least = Math.max(0, Math.ceil((subsidyPermille * feedIn) / 1_000_000));
  if (imbalancePermille >= least) return undefined;
  return `imbalancePermille: expected at least ${least}, what the subsidy is worth at feed-in; got ${imbalancePermille}`;
}

const meter = z.strictObject({
  id,
  role: z.enum(["connection", "generation", "load", "storage", "exchange"]),
  form: z.enum(["solar", "wind", "thermal", "nuclear", "storage", "any"]).exactOptional(),
  feeder: id,
});

const member = z.strictObject({
  id,
  key,
  voting: z.boolean(),
  role: z.enum(["company", "bureau", "user", "auditor"]),
  certificate: key.exactOptional().describe("SHA-256 of the audit's certificate"),
  expires: instant.exactOptional().describe("The membership's end, site ms since 1970 UTC"),
  address: z
    .string()
    .regex(linkAddressPattern, "expected host:port, an IPv6 address in brackets")
    .exactOptional()
    .describe("Where the member's link listens"),
  broker: z
    .string()
    .regex(brokerUrlPattern, "expected a URL as mqtts://broker.example:8883")
    .exactOptional()
    .describe("Where units reach the member's broker"),
});

/** Everything that `genesis.json` says. */
export const genesisSchema = z
  .strictObject({
    chain: id.describe("Id of the chain, which is also the site's"),
    site: id.describe("Id of the site"),
    currency: z.string().regex(/^[A-Z]{3}$/, "expected three capitals, as in ISO 4217"),
    time: instant.describe("Site time at which the chain begins, in ms since 1970 UTC"),
    members: z.array(member).min(1).max(128),
    owners: z.array(
      z.strictObject({
        id,
        party: z.enum(["company", "bureau", "user", "operator"]),
        name: z.string().min(1).max(80),
        key,
        boxKey: key,
      }),
    ),
    devices: z.array(z.strictObject({ id, owner: id, key, meters: z.array(meter).max(32) })),
    parameters: parameters.prefault({}),
    contract: z
      .strictObject({ version: z.int().min(1).max(65_535), hash: key })
      .default(() => firstContract())
      .describe("Version and code hash of the market's rules that the first slots have"),
  })
  .refine(({ members }) => members.some(({ voting }) => voting), "expected a voting member")
  .superRefine(({ devices, parameters: { grid } }, context) => {
    const known = new Set(grid?.map(({ feeder }) => feeder));
    const meters = grid === undefined ? [] : devices.flatMap((device) => device.meters);
    const stray = meters.find(({ role, feeder }) => role === "connection" && !known.has(feeder));
    if (stray === undefined) return;
    const message = `grid: expected a line to feeder ${stray.feeder} of meter ${stray.id}`;
    context.addIssue({ code: "custom", message, path: ["parameters"] });
  });

export type Genesis = z.output<typeof genesisSchema>;

/** Where a genesis does not say it: the first version, as this program has it. */
export function firstContract(): ContractVersion {
  const [first] = contractVersions;
  assert(first !== undefined, "a program knows a version");
  return first;
}

const genesisCodec = record("genesis", {
  chain: field(1, text(32, idPattern)),
  site: field(2, text(32, idPattern)),
  currency: field(3, text(3)),
  time: field(4, int<UtcMs>(0, Number.MAX_SAFE_INTEGER)),
  members: field(5, array(memberTerms, 1, 128)),
  owners: field(6, array(owner, 0, 100_000)),
  devices: field(7, array(device, 0, 100_000)),
  parameters: field(8, parametersCodec),
  contract: field(9, contractVersion),
});

/**
 * Names a genesis: SHA-256 over its canonical CBOR. It is the first block's `previous`, so members
 * whose files differ in anything but layout never agree on a block.
 */
export function genesisHash(genesis: Genesis): Uint8Array {
  return sha256(encodeAs(genesisCodec, genesis));
}

/** Reads and checks `genesis.json`. Throws: `Failure` `genesis.missing`, `config.*`. */
export function readGenesis(path: string): Genesis {
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (cause) {
    throw new Failure("genesis.missing", `${path}: cannot read the chain's genesis`, {
      retry: "never",
      cause,
    });
  }
  return parseConfig(path, content, genesisSchema);
}
