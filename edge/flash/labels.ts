import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { Failure, type UtcMs, utcMs } from "@busbar/protocol";
import {
  type ClaimCode,
  claimCodeText,
  claimKeys,
  parseClaimCode,
  sealFiles,
} from "@busbar/protocol/claim";
import { parseConfig } from "@busbar/protocol/config";
import { nativeScrypt } from "@busbar/protocol/node";
import { z } from "zod";
import { nameProblem } from "../claim/card.ts";
import type { EdgeConfig } from "../config/schema.ts";

const id = z.string();

/** labels.json as `busbar-aggregator site labels` writes it. */
const fileSchema = z.strictObject({
  form: z.literal("busbar-labels-1"),
  site: id,
  member: id,
  until: z.iso.datetime().transform((text) => utcMs(Date.parse(text))),
  labels: z
    .array(z.strictObject({ device: id, owner: id, party: id, code: z.string() }))
    .min(1)
    .max(64),
});

/** The label of the unit that a card is for. */
export type CardLabel = {
  readonly site: string;
  readonly device: string;
  readonly code: ClaimCode;
  readonly until: UtcMs | undefined;
};

/**
 * Finds a unit's label in a sheet's file. `now`: wall ms, for a sheet that is over by then.
 * Throws: `ConfigError` with lines; `Failure` `flash.label`.
 */
export function labelFor(
  path: string,
  { site, device, owner }: Pick<EdgeConfig, "site" | "device" | "owner">,
  now: number,
): CardLabel {
  const sheet = parseConfig(path, read(path), fileSchema);
  if (sheet.site !== site) {
    throw wrong(`${path}: labels of site ${sheet.site}, and the card is for ${site}`);
  }
  const found = sheet.labels.find((one) => one.device === device.id);
  if (found === undefined) {
    const known = sheet.labels.map((one) => one.device).join(", ");
    throw wrong(`${path}: no label for ${device.id} in it, but for ${known}`);
  }
  if (found.owner !== owner.id || found.party !== owner.party) {
    const [has, says] = [`${found.party} ${found.owner}`, `${owner.party} ${owner.id}`];
    throw wrong(`${path}: the label of ${device.id} is for ${has}, the configuration says ${says}`);
  }
  if (sheet.until <= now) {
    const day = new Date(sheet.until).toISOString().slice(0, 10);
    throw wrong(`${path}: these labels ended on ${day}; a member makes new ones`);
  }
  const parsed = parseClaimCode(found.code);
  if (!parsed.ok) throw wrong(`${path}: the code of ${device.id}: ${parsed.message}`);
  return { site, device: device.id, code: parsed.code, until: sheet.until };
}

/** The label whose code was typed in: an old one, for the card of the unit that takes a dead one's place.
 * Throws: `Failure` `code.*`, `flash.label`. */
export function typedLabel(
  text: string,
  { site, device }: Pick<EdgeConfig, "site" | "device">,
): CardLabel {
  const parsed = parseClaimCode(text);
  if (!parsed.ok) throw new Failure(parsed.code, parsed.message, { retry: "never" });
  if (parsed.site === undefined || parsed.site === site) {
    return { site, device: device.id, code: parsed.code, until: undefined };
  }
  throw wrong(`the label is of site ${parsed.site}, and the card is for ${site}`);
}

/** The card's files for its label: what is secret, sealed; and with `codeOnCard` the code itself. */
export async function labelFiles(
  { site, device, code, until }: CardLabel,
  secrets: readonly string[],
  { codeOnCard }: { readonly codeOnCard: boolean },
): Promise<Map<string, string>> {
  const files = secrets.map((path) => {
    const problem = nameProblem(path);
    if (problem !== undefined) throw wrong(`secrets: ${problem}`);
    const content = readFileSync(path);
    if (content.length <= 16_384) return { name: basename(path), content: new Uint8Array(content) };
    throw wrong(`secrets: ${path} has ${content.length} bytes, at most 16384 go along`);
  });
  const { sealing } = await claimKeys(code, site, nativeScrypt);
  const random = (count: number) => new Uint8Array(randomBytes(count));
  const content = { device, files, ...(until === undefined ? {} : { until }) };
  const sealed = sealFiles(content, sealing, random);
  return new Map([
    ["sealed.txt", sealed],
    ...(codeOnCard ? [["claim.txt", `${claimCodeText(code)}\n`] as const] : []),
  ]);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw wrong(`${path}: cannot be read (${(cause as NodeJS.ErrnoException).code})`);
  }
}

const wrong = (message: string): Failure => new Failure("flash.label", message, { retry: "never" });
