import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { parseConfig } from "@busbar/protocol/config";
import { openKeyFile, publicKeysOf } from "@busbar/protocol/node";
import { stringify } from "yaml";
import type { z } from "zod";
import { type Genesis, genesisSchema } from "../ledger/genesis.ts";
import { genesisState } from "../ledger/genesis-state.ts";
import { type Requests, readRequests } from "./request.ts";

/** What a new chain is made of. */
export type InitOptions = {
  readonly home: string;
  readonly site: string;
  readonly member: string;
  readonly currency: string;
  /** Site ms at which the chain begins. */
  readonly time: number;
  /** A virtual site's clock file, or undefined for the system's clock. */
  readonly clock: string | undefined;
  readonly brokerPort: number;
  readonly portalPort: number;
  /** Ids of onlookers (Node-RED, dashboards); each gets a key file `<id>.key`. */
  readonly operators: readonly string[];
  /** `request.json` files that `busbar-edge enrol` made. */
  readonly admit: readonly string[];
};

/** A file that `init` writes. */
export type NewFile = { readonly path: string; readonly text: string };

type OwnerInput = z.input<typeof genesisSchema>["owners"][number];

/**
 * Makes a working aggregator in a folder: the member's key, genesis with all that is to be admitted,
 * the public membership file, and a configuration. Writes nothing where anything of it exists.
 * Throws: `Failure` `init.exists`, `request.*`, `config.*`, `genesis.invalid`.
 */
export function init(options: InitOptions): readonly NewFile[] {
  const files = ["aggregator.yaml", "genesis.json", "membership.json"];
  const existing = files.map((name) => join(options.home, name)).find((path) => existsSync(path));
  if (existing !== undefined) {
    throw new Failure(
      "init.exists",
      `${existing} exists: a chain is made once; take another --home, or delete what is there yourself`,
      { retry: "never" },
    );
  }
  const { written: admitted } = readRequests(options.admit);
  mkdirSync(options.home, { recursive: true });
  const genesis = genesisOf(options, admitted);
  // Checked by all that `run` reads it with, so init never leaves a file that does not start.
  const checked = parseConfig("genesis.json", JSON.stringify(genesis), genesisSchema);
  genesisState(checked);
  // The parameters are spelled out: a later release's defaults must not change this chain.
  const complete = { ...genesis, parameters: checked.parameters };
  const written = [
    { path: join(options.home, "genesis.json"), text: json(complete) },
    { path: join(options.home, "membership.json"), text: json(membershipOf(checked, options)) },
    { path: join(options.home, "aggregator.yaml"), text: configOf(options) },
  ];
  for (const { path, text } of written) writeFileSync(path, text, { flag: "wx" });
  return written;
}

function genesisOf(options: InitOptions, admitted: Requests["written"]) {
  const { home, site, member, currency, time, operators } = options;
  const keys = (id: string) => publicKeysOf(openKeyFile(join(home, `${id}.key`)));
  const onlookers = operators.map((id): OwnerInput => {
    const { key, boxKey } = keys(id);
    return { id, party: "operator", name: "Operator", key: text(key), boxKey: text(boxKey) };
  });
  return {
    chain: site,
    site,
    currency,
    time,
    members: [{ id: member, key: text(keys("member").key), voting: true, role: "company" }],
    owners: [...admitted.owners, ...onlookers],
    devices: admitted.devices,
    parameters: {},
  };
}

function membershipOf({ chain, site, members }: Genesis, { brokerPort }: InitOptions) {
  return {
    chain,
    site,
    members: members.map(({ id, key, voting }) => ({ id, key: text(key), voting })),
    brokers: [`mqtt://127.0.0.1:${brokerPort}`],
  };
}

function configOf({ site, member, clock, brokerPort, portalPort }: InitOptions): string {
  const config = {
    site,
    member,
    ...(clock === undefined ? {} : { clock: { kind: "file", path: clock } }),
    broker: { port: brokerPort },
    portal: { port: portalPort },
  };
  const head = "# busbar-aggregator config explains every key.\n";
  return `${head}${stringify(config)}`;
}

const text = (key: Uint8Array): string => Buffer.from(key).toString("base64url");
const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
