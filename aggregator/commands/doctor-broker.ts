import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { Failure } from "@busbar/protocol";
import { readKeyFile, signerOf } from "@busbar/protocol/node";
import { readPassword, urlProblem } from "../broker/external/address.ts";
import { type Choice, chooseMode, rowsOf } from "../broker/external/probe/choose.ts";
import type { ProbeTarget } from "../broker/external/probe/client.ts";
import type { Row } from "../broker/external/probe/facts.ts";
import { probeBroker } from "../broker/external/probe/probe.ts";
import { localAddress, memberToken } from "../broker/own-address.ts";
import { loadConfig } from "../config/load.ts";
import type { AggregatorConfig } from "../config/schema.ts";

export type BrokerDoctorOptions = {
  readonly config: string;
  readonly broker: string;
  readonly json: boolean;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly ca?: string;
  readonly plain?: boolean;
  readonly restart?: string;
};

const quietMs = 1_500;
const restartMsMax = 120_000;
const untold =
  "not probed: give --restart with a command that kills the broker and starts it again";

/** `busbar-aggregator doctor --broker URL`: what a broker really does, and how to use it. */
export async function doctorBroker(
  options: BrokerDoctorOptions,
  print: (value: object) => void,
): Promise<void> {
  const wrong = urlProblem(options.broker, options.plain === true);
  if (wrong !== undefined) {
    throw new Failure("external.address", `--broker ${options.broker}: ${wrong}`, {
      retry: "never",
    });
  }
  const config = existsSync(options.config) ? loadConfig(options.config) : undefined;
  const isOwn = config !== undefined && isOwnBroker(options.broker, config);
  const { restart } = options;
  const probed = await probeBroker(
    targetOf(options, config, isOwn),
    restart === undefined ? undefined : () => command(restart),
  );
  const choice = chooseMode(probed, isOwn);
  const rows = rowsOf(probed, untold);
  process.exitCode = choice.mode === "unfit" ? 1 : 0;
  if (options.json) return print({ ok: choice.mode !== "unfit", rows, choice, ...probed });
  for (const line of [...rows.map(lineOf), ...choiceLines(choice, options)]) console.log(line);
}

function targetOf(
  { broker: url, user, passwordFile, ca }: BrokerDoctorOptions,
  config: AggregatorConfig | undefined,
  isOwn: boolean,
): ProbeTarget {
  const device = `probe-${randomBytes(4).toString("hex")}`;
  const site = config?.site ?? "probe-site";
  const told = config?.broker.external?.urls.includes(url) ? config.broker.external : undefined;
  const name = user ?? told?.user ?? config?.member;
  const file = passwordFile ?? told?.passwordFile;
  const authority = ca ?? told?.tls?.ca ?? (isOwn ? config?.broker.tls?.certificate : undefined);
  return {
    url,
    user: name,
    password: passwordOf(file, config),
    tls: {
      ...told?.tls,
      ...(authority === undefined ? {} : { ca: authority }),
    },
    site,
    device,
    // Our own broker binds a client id to its user.
    clientPrefix: isOwn ? `${config?.member}:${device}-` : `busbar-${device}-`,
    quietMs,
  };
}

/** A password of its own where one is named, else the member's signature, which others do not check. */
function passwordOf(
  file: string | undefined,
  config: AggregatorConfig | undefined,
): ProbeTarget["password"] {
  if (file !== undefined) {
    const password = readPassword(file);
    return () => password;
  }
  if (config === undefined) return undefined;
  const { site, member, key } = config;
  const signer = signerOf(readKeyFile(key));
  return (client) => Buffer.from(memberToken({ site, member, client, signer }));
}

function isOwnBroker(url: string, { broker }: AggregatorConfig): boolean {
  const { hostname, port } = new URL(url);
  const names = [localAddress(broker.host), "127.0.0.1", "localhost", "[::1]"];
  return names.includes(hostname) && Number(port || 1883) === broker.port;
}

async function command(line: string): Promise<void> {
  const child = spawn("sh", ["-c", line], { stdio: ["ignore", "ignore", "inherit"] });
  const late = setTimeout(() => child.kill("SIGKILL"), restartMsMax);
  const code = await new Promise((resolve) => child.once("exit", resolve));
  clearTimeout(late);
  if (code === 0) return;
  const message = `--restart ${line}: ended with ${code}; expected a command that kills the broker and starts it again`;
  throw new Failure("external.restart", message, { retry: "never" });
}

const marks = { good: "ok   ", note: "note ", bad: "BAD  ", unprobed: "  ?  " } as const;

const lineOf = ({ check, state, saw }: Row) => `${marks[state]} ${check.padEnd(15)} ${saw}`;

function choiceLines(choice: Choice, { broker }: BrokerDoctorOptions): readonly string[] {
  const why = choice.why.map((reason) => `  - ${reason}`);
  if (choice.mode === "unfit") return ["", "This broker cannot be used as it is:", ...why];
  if (choice.mode === "embedded") return ["", "Ingestion: embedded", ...why];
  return [
    "",
    `Ingestion: ${choice.mode}, ${choice.session} sessions`,
    ...why,
    "",
    "In aggregator.yaml:",
    "  broker:",
    "    external:",
    `      urls: [${broker}]`,
    `      ingestion: ${choice.mode}`,
    `      session: ${choice.session}`,
  ];
}
