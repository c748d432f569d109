import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Failure } from "@busbar/protocol";
import { type Command, Option } from "commander";
import { readPassword } from "../broker/external/address.ts";
import type { BrokerFile, BrokerPlan } from "../broker/external/files/broker-plan.ts";
import { mosquittoFiles } from "../broker/external/files/mosquitto.ts";
import { natsFiles } from "../broker/external/files/nats.ts";
import { rabbitmqFiles } from "../broker/external/files/rabbitmq.ts";
import { type RightsLine, rightsLine } from "../broker/external/files/rights-table.ts";
import { isLoopback, loadConfig } from "../config/load.ts";
import { parseAddress } from "../consensus/links/address.ts";
import { devices, members, owners } from "../ledger/tables.ts";
import { configOption } from "./arguments.ts";
import { type Ledger, openLedger } from "./ledger.ts";

const makers = { mosquitto: mosquittoFiles, nats: natsFiles, rabbitmq: rabbitmqFiles } as const;
type BrokerName = keyof typeof makers;

type Options = {
  readonly config: string;
  readonly out: string;
  readonly listen: string;
  readonly data: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly plain: boolean;
  readonly json: boolean;
};

/** Where Debian's packages let each broker write. */
const dataOf: Readonly<Record<BrokerName, string>> = {
  mosquitto: "/var/lib/mosquitto",
  nats: "/var/lib/nats",
  rabbitmq: "/var/lib/rabbitmq",
};

export function addBrokerFilesCommand(program: Command, print: (value: object) => void): void {
  program
    .command("broker-files")
    .description(
      "write an external broker's configuration: who signs in, and what each may say and hear",
    )
    .argument("<broker>", "mosquitto, nats or rabbitmq")
    .option(...configOption)
    .option("--out <folder>", "where to write, and where the broker will read", "broker-files")
    .option("--listen <host:port>", "where the broker is to listen", "127.0.0.1:1884")
    .option("--data <folder>", "where the broker keeps its data (usually as Debian's package does)")
    .option("--certificate <file>", "its certificate, PEM; needed beyond loopback")
    .option("--key <file>", "the certificate's key, PEM")
    .addOption(new Option("--plain", "listen in clear beyond loopback").default(false))
    .option("--json", "print what was written as JSON", false)
    .addHelpText(
      "after",
      "\nEach member, owner and unit of the ledger gets a user and a password (secrets/ID.password), which stay\nwhat they are when it runs again: run it after each admission, and let the broker read its files anew.",
    )
    .action((broker, options) => brokerFiles(broker, options, print));
}

/** `busbar-aggregator broker-files`. Throws: `Failure` `broker-files.*`, `config.*`, `store.*`. */
export function brokerFiles(
  broker: string,
  options: Options,
  print: (value: object) => void,
): void {
  if (!isBroker(broker)) {
    throw refused("broker", `expected mosquitto, nats or rabbitmq, got ${broker}`);
  }
  const config = loadConfig(options.config);
  const folder = resolve(options.out);
  const secrets = join(folder, "secrets");
  mkdirSync(secrets, { recursive: true, mode: 0o700 });
  const ledger = openLedger(config, { snapshot: true });
  let lines: readonly RightsLine[];
  try {
    lines = linesOf(config.site, ledger);
  } finally {
    ledger.store.close();
  }
  const users = lines.map((line) => ({ ...line, password: passwordOf(secrets, line.id) }));
  const plan: BrokerPlan = {
    ...placeOf(options),
    folder,
    data: dataFolder(options, broker),
    users,
  };
  const files = makers[broker](plan);
  for (const file of files) write(folder, file);
  const written = files.map(({ name }) => join(folder, name));
  if (options.json)
    return print({ ok: true, users: users.map(({ id }) => id), files: written, secrets });
  for (const file of written) console.log(file);
  console.log(
    `${users.length} users; a unit needs its own file of ${secrets} (brokers: passwordFile)`,
  );
}

function linesOf(site: string, { store: { state }, application }: Ledger): readonly RightsLine[] {
  const all = [...devices.scan(state)].map(([, device]) => device);
  const devicesOf = (owner: string) => all.filter((one) => one.owner === owner).map(({ id }) => id);
  const ids = [...members.scan(state), ...owners.scan(state), ...devices.scan(state)].map(
    ([id]) => id,
  );
  return ids.flatMap((id) => {
    const identity = application.registry.byId(id);
    const line = identity === undefined ? undefined : rightsLine(site, identity, devicesOf);
    return line === undefined ? [] : [line];
  });
}

function placeOf({ listen, certificate, key, plain }: Options): Pick<BrokerPlan, "listen" | "tls"> {
  const at = parseAddress(listen);
  if (at === undefined) throw refused("listen", `--listen ${listen}: expected host:port`);
  if ((certificate === undefined) !== (key === undefined)) {
    throw refused("certificate", "expected --certificate and --key together");
  }
  if (certificate === undefined || key === undefined) {
    if (isLoopback(at.host) || plain) return { listen: at };
    throw refused(
      "plain-text",
      `--listen ${listen} is not loopback, so passwords would go in clear: give --certificate and --key, or --plain on a wire you trust`,
    );
  }
  return { listen: at, tls: { certificate: resolve(certificate), key: resolve(key) } };
}

function dataFolder({ data }: Options, broker: BrokerName): string {
  return data === undefined ? dataOf[broker] : resolve(data);
}

/** What it has, or a new one of 192 random bits. */
function passwordOf(secrets: string, id: string): string {
  const file = join(secrets, `${id}.password`);
  if (existsSync(file)) return Buffer.from(readPassword(file)).toString("utf8");
  const password = randomBytes(24).toString("base64url");
  writeFileSync(file, `${password}\n`, { mode: 0o600, flag: "wx" });
  return password;
}

/** Whole or not at all: a broker may read it at any time. */
function write(folder: string, { name, text, secret }: BrokerFile): void {
  const path = join(folder, name);
  const mode = secret ? 0o600 : 0o644;
  writeFileSync(`${path}.new`, text, { mode });
  chmodSync(`${path}.new`, mode);
  renameSync(`${path}.new`, path);
}

function isBroker(name: string): name is BrokerName {
  return Object.hasOwn(makers, name);
}

function refused(what: string, message: string): Failure {
  return new Failure(`broker-files.${what}`, message, { retry: "never" });
}
