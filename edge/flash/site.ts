import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { basename, dirname, resolve } from "node:path";
import { checkPublicKey, Failure } from "@busbar/protocol";
import { parseConfig } from "@busbar/protocol/config";
import { parse } from "yaml";
import { z } from "zod";
import { nameProblem } from "../claim/card.ts";
import { loadMembership } from "../config/membership-file.ts";
import { configSchema, type EdgeConfig } from "../config/schema.ts";
import { newConfigText } from "../setup/new-config.ts";
import { configurationOf } from "./sheet.ts";
import { wifiConfOf, wifiSchema } from "./wifi.ts";

const address = z.string().refine((text) => isIP(text) !== 0, "expected an IP address");

/** "192.168.1.20/24" */
const withPrefix = z.string().refine((text) => {
  const [ip = "", prefix = "", ...more] = text.split("/");
  const bits = isIP(ip) === 6 ? 128 : 32;
  return isIP(ip) !== 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits && more.length === 0;
}, "expected an address with the length of its network, like 192.168.1.20/24");

const hostName =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

const updateKey = z
  .string()
  .refine(
    (text) =>
      /^[A-Za-z0-9_-]{43}$/.test(text) &&
      checkPublicKey(new Uint8Array(Buffer.from(text, "base64url"))) === undefined,
    "expected a public key as busbar-edge update key prints it",
  );

/** What a unit is to know of its site before it is switched on for the first time. */
const siteSchema = z
  .strictObject({
    hostname: z
      .string()
      .regex(
        /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
        "expected small letters, digits and inner hyphens, at most 63",
      )
      .optional()
      .describe("the unit's page is at http://NAME.local:8080"),
    network: z
      .strictObject({
        address: withPrefix,
        gateway: address.optional(),
        dns: z.array(address).max(3).default([]),
      })
      .optional()
      .describe("a fixed address on Ethernet; left out: DHCP"),
    wifi: wifiSchema.optional().describe("where there is no cable; its address by DHCP"),
    time: z
      .strictObject({
        servers: z
          .array(
            z.string().refine((text) => isIP(text) !== 0 || hostName.test(text), "expected a host"),
          )
          .min(1)
          .max(4),
      })
      .optional()
      .describe("left out: Debian's time servers"),
    membership: z.string().min(1).optional().describe("path of the site's membership.json"),
    updateKeys: z.array(updateKey).max(16).optional().describe("whose bundles the unit takes"),
    configuration: z
      .string()
      .min(1)
      .optional()
      .describe("path of an edge.yaml that setup made, or of a commissioning sheet's JSON"),
    secrets: z
      .array(z.string().min(1))
      .max(16)
      .default([])
      .describe("paths of files that go along sealed, into /var/lib/busbar of the unit"),
    unit: configSchema.optional().describe("or its keys here"),
  })
  .superRefine(({ configuration, unit }, context) => {
    if (configuration === undefined || unit === undefined) return;
    const message = "expected configuration or unit, not both";
    context.addIssue({ code: "custom", path: ["configuration"], message });
  });

/** What one file for a site comes to. */
export type SiteCard = {
  /** What the image takes over from `site/` on its first partition, by the paths there. */
  readonly files: Map<string, string>;
  /** The unit, where the file says what it is. */
  readonly unit: EdgeConfig | undefined;
  /** Files that may go along sealed alone. */
  readonly secrets: readonly string[];
};

/**
 * Reads one file for a site. Paths in it are relative to it. `hasLabel`: what is secret can be sealed.
 * Throws: `ConfigError` with every fault's line; `Failure` `flash.site`, `membership.*`, `commission.*`.
 */
export function siteCardOf(file: string, { hasLabel }: { readonly hasLabel: boolean }): SiteCard {
  const text = read(file);
  const site = parseConfig(file, text, siteSchema);
  const near = (path: string) => resolve(dirname(file), path);
  const files = new Map<string, string>();

  const given = site.configuration === undefined ? undefined : near(site.configuration);
  const edgeText = given === undefined ? undefined : configurationOf(given, read(given));
  const secrets = secretsOf(file, site.secrets.map(near), hasLabel);
  const edge =
    edgeText === undefined ? site.unit : parseConfig(given ?? file, edgeText, configSchema);
  if (edge !== undefined) {
    refuseForeignFiles(given ?? file, edge, secrets);
    // Read once more without defaults: what was not said is not to stand in the file.
    files.set(
      "edge.yaml",
      edgeText ?? newConfigText((parse(text) as { unit: object }).unit as never),
    );
  }
  if (site.membership !== undefined) {
    const path = near(site.membership);
    const text = read(path);
    loadMembership(path, edge?.site ?? siteIn(path, text));
    files.set("membership.json", text);
  }
  // A label's code leads to the unit's page by its id.
  const hostname = site.hostname ?? (hasLabel ? edge?.device.id : undefined);
  if (hostname !== undefined) files.set("hostname", `${hostname}\n`);
  if (site.network !== undefined) files.set("network/10-site.network", networkOf(site.network));
  if (site.wifi !== undefined) files.set("wifi.conf", wifiConfOf(site.wifi));
  if (site.time !== undefined) {
    files.set("timesyncd.conf.d/site.conf", `[Time]\nNTP=${site.time.servers.join(" ")}\n`);
  }
  if (site.updateKeys !== undefined) files.set("update-keys", `${site.updateKeys.join("\n")}\n`);
  if (files.size > 0) return { files, unit: edge, secrets };
  throw wrong(
    `${file}: says nothing; give a hostname, network, wifi, time, membership, updateKeys or unit`,
  );
}

/** In systemd's words; the image's own file for Ethernet comes after this one. */
const networkOf = ({
  address,
  gateway,
  dns,
}: {
  readonly address: string;
  readonly gateway?: string | undefined;
  readonly dns: readonly string[];
}): string =>
  [
    ...["[Match]", "Type=ether", "", "[Network]", `Address=${address}`],
    ...(gateway === undefined ? [] : [`Gateway=${gateway}`]),
    ...dns.map((server) => `DNS=${server}`),
    ...["LinkLocalAddressing=yes", "MulticastDNS=yes", ""],
  ].join("\n");

/** Nothing that is secret goes onto a card in plain text. */
function secretsOf(file: string, paths: readonly string[], hasLabel: boolean): readonly string[] {
  if (paths.length > 0 && !hasLabel) {
    const message = `${file}: secrets go along sealed by a label alone; give --labels, or leave them out`;
    throw wrong(message);
  }
  const problem = paths.map(nameProblem).find((one) => one !== undefined);
  if (problem !== undefined) throw wrong(`${file}: secrets: ${problem}`);
  const names = paths.map((path) => basename(path));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw wrong(`${file}: secrets: two files are called ${twice}`);
  for (const path of paths) read(path);
  return paths;
}

/** Where the image keeps a unit's own files: what was sealed is opened into it. */
const unitHome = "/var/lib/busbar";

/** A unit's card takes the files above, what is sealed, and no others. */
function refuseForeignFiles(
  file: string,
  { meters, brokers }: EdgeConfig,
  secrets: readonly string[],
): void {
  const own = meters.find(({ profile }) => /[./]/.test(profile))?.profile;
  const tls = brokers.flatMap(({ tls }) => [tls?.ca, tls?.cert, tls?.key]);
  const sealed = new Set(secrets.map((path) => `${unitHome}/${basename(path)}`));
  const foreign = own ?? tls.find((path) => path !== undefined && !sealed.has(path));
  if (foreign === undefined) return;
  const how =
    own === undefined
      ? `pin the broker's certificate with tls.fingerprint, or list the file under secrets and call it ${unitHome}/${basename(foreign)} here`
      : "use a profile of the project";
  throw wrong(
    `${file}: ${foreign} is a file that a card cannot take along; ${how}, or use the package`,
  );
}

/** A membership on its own says itself whose it is. */
function siteIn(path: string, text: string): string {
  return parseConfig(path, text, z.object({ chain: z.string() })).chain;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw wrong(`${path}: cannot be read (${(cause as NodeJS.ErrnoException).code})`);
  }
}

const wrong = (message: string): Failure => new Failure("flash.site", message, { retry: "never" });
