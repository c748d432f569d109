import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { Failure } from "@busbar/protocol";
import { parseConfig } from "@busbar/protocol/config";
import { openKeyFile, publicKeysOf } from "@busbar/protocol/node";
import { stringify } from "yaml";
import { z } from "zod";
import { type Genesis, genesisSchema } from "../ledger/genesis.ts";
import { genesisState } from "../ledger/genesis-state.ts";

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

/** What an edge unit asks to be admitted with. */
const requestSchema = z.strictObject({
  owner: genesisSchema.shape.owners.element,
  device: genesisSchema.shape.devices.element,
});

/**
 * Makes a working aggregator in a folder: the member's key, genesis with all that is to be admitted,
 * the public membership file, and a configuration. Writes nothing where anything of it exists.
 * Throws: `Failure` `init.exists`, `init.request`, `config.*`, `genesis.invalid`.
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
  const requests = options.admit.map(readRequest);
  mkdirSync(options.home, { recursive: true });
  const genesis = genesisOf(options, requests);
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

type Request = { readonly path: string; readonly owner: OwnerInput; readonly device: unknown };

function readRequest(path: string): Request {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new Failure("init.request", `${path}: cannot read the unit's request`, {
      retry: "never",
      cause,
    });
  }
  parseConfig(path, text, requestSchema);
  return { path, ...(JSON.parse(text) as Pick<Request, "owner" | "device">) };
}

function genesisOf(options: InitOptions, requests: readonly Request[]) {
  const { home, site, member, currency, time, operators } = options;
  const keys = (id: string) => publicKeysOf(openKeyFile(join(home, `${id}.key`)));
  // Two units of one owner each carry its entry; it stands in genesis once.
  const owners = new Map<string, OwnerInput>();
  for (const { path, owner } of requests) {
    const before = owners.get(owner.id);
    if (before !== undefined && !isDeepStrictEqual(before, owner)) {
      const message = `${path}: the entry of owner ${owner.id} differs from that of another request; name one key and name for it`;
      throw new Failure("init.request", message, { retry: "never" });
    }
    owners.set(owner.id, owner);
  }
  for (const id of operators) {
    const { key, boxKey } = keys(id);
    const entry = { id, party: "operator", name: "Operator", key: text(key), boxKey: text(boxKey) };
    owners.set(id, entry as OwnerInput);
  }
  return {
    chain: site,
    site,
    currency,
    time,
    members: [{ id: member, key: text(keys("member").key), voting: true, role: "company" }],
    owners: [...owners.values()],
    devices: requests.map(({ device }) => device),
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
