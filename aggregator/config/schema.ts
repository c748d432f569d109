import { z } from "zod";
import { parseAddress } from "../consensus/links/address.ts";
import { parsePostgresUrl } from "../portal/postgres/address.ts";
import { externalBroker } from "./external-broker.ts";
import { feedersConfig } from "./feeders.ts";
import { id, url } from "./words.ts";

const port = z
  .int("expected a port number")
  .min(0, "expected a port from 0 to 65535")
  .max(65_535, "expected a port from 0 to 65535");

const grams = z.number().min(0).max(10_000);

/** Everything that `aggregator.yaml` may say; each description is the key's help. */
export const aggregatorConfig = z.strictObject({
  site: id.describe("The site, which is also the chain's id"),
  member: id.describe("Which member of the consortium this aggregator is"),
  key: z.string().default("member.key").describe("The member's key file"),
  genesis: z
    .string()
    .default("genesis.json")
    .describe("The chain's first state, equal on all members"),
  store: z.string().default("ledger.sqlite").describe("The ledger's database file"),
  membershipFile: z
    .string()
    .default("membership-now.json")
    .describe(
      "Written while it runs: the present members, for units that are enrolled from now on",
    ),
  engine: z
    .enum(
      ["recorder", "pbft", "cometbft"],
      "expected recorder (one member orders the transactions), pbft (several agree on the order) or cometbft (they agree by CometBFT beside each)",
    )
    .default("recorder")
    .describe("What orders the transactions: this member alone, or several that agree"),
  consensus: z
    .strictObject({
      listen: z
        .strictObject({
          host: z.string().default("127.0.0.1").describe("Address to listen on"),
          port: port.default(7600).describe("Port to listen on"),
        })
        .prefault({})
        .describe("Where the other members reach this one; TLS 1.3 with the members' own keys"),
      peers: z
        .array(
          z.strictObject({
            id: id.describe("The member"),
            address: z
              .string()
              .refine(
                (text) => parseAddress(text) !== undefined,
                "expected host:port, as 192.0.2.7:7600 or [2001:db8::7]:7600",
              )
              .describe("Where it is reached, host:port; goes before what the ledger says"),
          }),
        )
        .max(128)
        .refine(
          (all) => new Set(all.map(({ id }) => id)).size === all.length,
          "expected each member once",
        )
        .default([])
        .describe("Where other members are reached; their keys are the ledger's"),
      until: z
        .int()
        .min(1)
        .optional()
        .describe("Last block that PBFT makes, where the members hand the chain over behind it"),
    })
    .optional()
    .describe("Links to the other members, for engine: pbft"),
  cometbft: z
    .strictObject({
      home: z
        .string()
        .default("cometbft")
        .describe("CometBFT's home folder; the socket between the two lies in it"),
      command: z
        .string()
        .default("cometbft")
        .describe("The program (v0.38), started and ended with the aggregator"),
      rpc: url.default("http://127.0.0.1:26657").describe("CometBFT's RPC, on this machine"),
    })
    .optional()
    .describe("CometBFT beside this aggregator, for engine: cometbft"),
  blockIntervalMs: z
    .int()
    .min(1)
    .max(60_000)
    .optional()
    .describe("Least wall time between two blocks that are not full, in ms (usually 5)"),
  signatureThreads: z
    .int()
    .min(0)
    .max(16)
    .optional()
    .describe(
      "Threads that check signatures of what arrives, beside the one that runs the ledger (usually 1; none on a machine with one core)",
    ),
  clock: z
    .discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("system") }),
      z.strictObject({ kind: z.literal("file"), path: z.string() }),
    ])
    .default({ kind: "system" })
    .describe("The site's time: the system's, or a virtual site's clock file"),
  broker: z
    .strictObject({
      host: z.string().default("127.0.0.1").describe("Address to listen on"),
      port: port.default(1883).describe("Port to listen on"),
      tls: z
        .strictObject({
          certificate: z.string(),
          key: z.string(),
          ca: z
            .string()
            .optional()
            .describe("Authority of client certificates; with it, none gets in without one"),
        })
        .optional()
        .describe("PEM files; needed on any address but loopback"),
      allowPlainText: z
        .boolean()
        .default(false)
        .describe("Listen in clear beyond loopback; for a wire you trust"),
      connections: z
        .int()
        .min(1)
        .max(1_000_000)
        .optional()
        .describe(
          "Most connections at once (usually 4000); the system's limit of open files must allow them, too",
        ),
      viewers: z
        .array(
          z.strictObject({
            id: id.describe("Its MQTT user name"),
            owner: id.describe("Whose meters it sees"),
            passwordSha256: z
              .string()
              .regex(/^[0-9a-f]{64}$/, "expected the line that busbar-aggregator viewer printed")
              .describe("SHA-256 of its password, made by busbar-aggregator viewer"),
          }),
        )
        .max(64)
        .refine(
          (all) => new Set(all.map(({ id }) => id)).size === all.length,
          "expected each id once: a new password takes the place of the old line",
        )
        .default([])
        .describe("Programs that look on with a lasting password, such as Home Assistant"),
      external: externalBroker,
    })
    .prefault({})
    .describe("The embedded MQTT broker"),
  portal: z
    .strictObject({
      host: z.string().default("127.0.0.1").describe("Address to listen on"),
      port: port.default(8080).describe("Port to listen on"),
      url: url
        .optional()
        .describe(
          "Where people open it, when a proxy with TLS stands before it: https makes cookies secure",
        ),
      hosts: z
        .array(
          z
            .string()
            .regex(
              /^[a-z0-9-]+(\.[a-z0-9-]+)*$/,
              "expected a host name in small letters, without port",
            ),
        )
        .max(16)
        .default([])
        .describe(
          "Names by which people open it without url, besides addresses and names without a dot or of the local network",
        ),
      proxies: z
        .array(
          z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], {
            error: "expected an address or a network such as 10.0.0.0/8",
          }),
        )
        .max(16)
        .default([])
        .describe(
          "Proxies before it whose X-Forwarded-For is believed; without them all who come through one share its limits",
        ),
      streams: z
        .int()
        .min(8)
        .max(10_000)
        .default(256)
        .describe(
          "Open pages that are told of each block; 6 of one session, or of one address that did not sign in",
        ),
      open: z
        .boolean()
        .default(false)
        .describe(
          "Show meters and trades to everybody who reaches it, without signing in; for demonstrations",
        ),
      links: z
        .boolean()
        .default(false)
        .describe("Let whoever is signed in make one-time sign-in links; for demonstrations"),
      people: z
        .array(
          z.strictObject({
            id: id.describe("What they are called here"),
            role: z
              .enum(["auditor", "viewer"], "expected auditor or viewer")
              .describe("auditor: reads the whole ledger; viewer: the site's board"),
            key: z
              .string()
              .regex(/^[A-Za-z0-9_-]{43}$/, "expected a public key: 32 bytes as base64url")
              .describe("Public key of their key file"),
          }),
        )
        .max(64)
        .refine(
          (all) => new Set(all.map(({ id }) => id)).size === all.length,
          "expected each id once",
        )
        .default([])
        .describe("Who signs in besides owners and members, whom the ledger knows"),
    })
    .prefault({})
    .describe("The web portal"),
  readModel: z
    .strictObject({
      postgres: z
        .string()
        .superRefine((text, context) => {
          const parsed = parsePostgresUrl(text);
          if (!parsed.ok) context.addIssue({ code: "custom", message: parsed.why });
        })
        .describe(
          "The database, as postgresql://user@host/name, or postgresql:///name for this machine's server by its socket; TLS beyond loopback unless ?sslmode=disable",
        ),
      passwordFile: z
        .string()
        .optional()
        .describe("File with the password alone (usually PGPASSWORD or ~/.pgpass, or none)"),
      ca: z.string().optional().describe("PEM of the authority of the server's certificate"),
      schema: z
        .string()
        .regex(
          /^(?!pg_)[a-z][a-z0-9_]{0,59}$/,
          "expected 1 to 60 small letters, digits and _, not beginning with pg_",
        )
        .optional()
        .describe("Schema of its tables, of one member alone (usually busbar_<member>)"),
    })
    .optional()
    .describe("What the portal reads, in PostgreSQL; without it, in the ledger's file"),
  snapshots: z
    .strictObject({
      everyHours: z
        .int()
        .min(1)
        .max(8760)
        .default(24)
        .describe(
          "Site hours between two snapshots; the same on all members, who then make the same",
        ),
      everyBlocks: z
        .int()
        .min(1)
        .default(2_048)
        .describe("Several members: blocks between two snapshots besides; the same on all of them"),
    })
    .prefault({})
    .describe("Snapshots of the state, from which a member can begin or catch up"),
  archive: z
    .strictObject({
      folder: z.string().default("archive").describe("Where blocks go that leave the store"),
      keepDays: z
        .int()
        .min(1)
        .optional()
        .describe("Site days that blocks stay in the store; without it, for ever"),
    })
    .prefault({})
    .describe("Old blocks"),
  carbon: z
    .strictObject({
      gramsPerKwh: z
        .strictObject({
          solar: grams.describe("Of energy with retired solar certificates"),
          wind: grams.describe("Of energy with retired wind certificates"),
          rest: grams.describe("Of all other energy from the feeder: the grid's mix"),
        })
        .describe("g CO₂ equivalent per kWh"),
      source: z.string().min(1).max(200).describe("Where these factors are from"),
    })
    .optional()
    .describe(
      "Factors of the carbon figure that certificates and bills show; without them there is none",
    ),
  feeders: feedersConfig,
  notices: z
    .strictObject({
      send: z
        .boolean()
        .default(true)
        .describe(
          "Send notices to owners; of several members one does at a time, and another takes over when it is away",
        ),
      keepDays: z
        .int()
        .min(1)
        .max(3_660)
        .default(90)
        .describe(
          "Site days for which it is kept how a notice went out; one that waits for its owner for longer is let go",
        ),
      portalUrl: url
        .optional()
        .describe(
          "Where owners open the portal, for links to proofs (usually portal.url, or host and port of portal)",
        ),
      email: z
        .strictObject({
          host: z.string().min(1).describe("The SMTP server that mail goes through"),
          port: port.default(587).describe("Its port"),
          security: z
            .enum(["tls", "starttls", "none"])
            .default("starttls")
            .describe(
              "tls from the first byte, starttls insisted on, or none for a server on this machine",
            ),
          user: z.string().min(1).optional().describe("Who signs in there"),
          password: z.string().optional().describe("The password of that"),
          from: z
            .string()
            .regex(
              /^[^\r\n]*[^\s<>@]+@[^\s<>@]+>?$/,
              "expected an address, as notices@elm-street.example",
            )
            .describe("Whom mails are from"),
        })
        .optional()
        .describe("The mail server; a member without one leaves mail to the others"),
      contact: z
        .string()
        .regex(/^(mailto:|https:\/\/)\S+$/, "expected mailto:… or https://…")
        .optional()
        .describe("Whom push services may ask (usually the address that mails are from)"),
      privateAddresses: z
        .boolean()
        .default(false)
        .describe(
          "Let owners name webhooks, push and ntfy servers in this machine's own networks; anybody could then knock there",
        ),
      webhooks: z
        .array(
          z.strictObject({
            owner: id.describe("Whose notices"),
            url: url.describe("Where to post them"),
            secret: z
              .string()
              .regex(
                /^whsec_[A-Za-z0-9+/=]{32,100}$/,
                "expected whsec_ and base64 of 24 to 64 bytes",
              )
              .describe("Signing secret (Standard Webhooks)"),
          }),
        )
        .default([])
        .describe("Owners' webhooks"),
    })
    .prefault({})
    .describe("Trade notices"),
  logLevel: z
    .enum(["fatal", "error", "warn", "info", "debug", "trace"])
    .default("info")
    .describe("Least level that is logged"),
});

export type AggregatorConfig = z.output<typeof aggregatorConfig>;
