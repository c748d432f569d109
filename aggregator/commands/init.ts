import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { Failure, isId } from "@busbar/protocol";
import { parseConfig } from "@busbar/protocol/config";
import { generateKey, openKeyFile, publicKeysOf, readKeyFile } from "@busbar/protocol/node";
import type { z } from "zod";
import { chainGenesis, homeOf, nodeIdOf, peerAt } from "../consensus/cometbft/home.ts";
import { type Genesis, genesisHash, genesisSchema } from "../ledger/genesis.ts";
import { genesisState } from "../ledger/genesis-state.ts";
import { noteNeverVoted } from "../ledger/restored.ts";
import { Store } from "../ledger/store.ts";
import { configOf, type MemberPlan, type NewChain, planMembers } from "./init-members.ts";
import { type Requests, readRequests } from "./request.ts";

/** What a new chain is made of. */
export type InitOptions = NewChain & {
  readonly currency: string;
  /** A POSIX TZ text: where the market's days begin. */
  readonly timeZone: string;
  /** Site ms at which the chain begins. */
  readonly time: number;
  /** Ids of onlookers (Node-RED, dashboards); each gets a key file `<id>.key`. */
  readonly operators: readonly string[];
  /** `request.json` files that `busbar-edge enrol` made. */
  readonly admit: readonly string[];
  /** What an account with full credit may owe without collateral, 10⁻⁶ currency; undefined: no terms. */
  readonly creditLine?: number | undefined;
  /** Check all of it, and write nothing. */
  readonly dryRun: boolean;
};

/** A file that `init` writes. */
export type NewFile = {
  readonly path: string;
  readonly text: string;
  /** For its owner's eyes. */
  readonly secret?: boolean;
};

/** What `init` made: its files, and each member's configuration among them. */
export type Made = { readonly files: readonly NewFile[]; readonly configs: readonly string[] };

/** Makes the ledger's file of a member that never voted: one that finds none when it starts has lost
 * it, and must not vote in what it may have voted in before. */
export function makeStore(path: string): void {
  const store = new Store(path);
  try {
    noteNeverVoted(store);
  } finally {
    store.close();
  }
}

/** How much less than it sold a party of a new site may give before its credit report says so. */
const usualTolerancePermille = 100;

/** The site that a folder is named after. Throws: `Failure` `init.site` where its name makes no id. */
export function siteOf(home: string): string {
  const name = basename(resolve(home));
  const site = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 32)
    .replace(/^-+|-+$/g, "");
  if (isId(site)) return site;
  const message = `no site can be named after the folder "${name}": say --site <id>`;
  throw new Failure("init.site", message, { retry: "never" });
}

type OwnerInput = z.input<typeof genesisSchema>["owners"][number];

/**
 * Makes a chain that can be started: keys, one genesis with all members and all who are to be
 * admitted, the public membership file, and a configuration for each member. Writes nothing where
 * anything of it exists, but for keys, which are used as they are.
 * Throws: `Failure` `init.exists`, `init.ports`, `request.*`, `config.*`, `genesis.invalid`.
 */
export function init(options: InitOptions): Made {
  const plans = planMembers(options);
  const at = (name: string) => join(options.home, name);
  const configs = plans.map(({ config }) => config);
  const stores = plans.map(({ store }) => store);
  const paths = [...configs, at("genesis.json"), at("membership.json"), ...stores];
  const existing = paths.find((path) => existsSync(path));
  if (existing !== undefined) {
    throw new Failure(
      "init.exists",
      `${existing} exists: a chain is made once; take another --home, or delete what is there yourself`,
      { retry: "never" },
    );
  }
  const { written: admitted } = readRequests(options.admit);
  const genesis = genesisOf(options, plans, admitted);
  // Checked by all that `run` reads it with, so init never leaves a file that does not start.
  const checked = parseConfig("genesis.json", JSON.stringify(genesis), genesisSchema);
  genesisState(checked);
  // Parameters and contract are spelled out: a later release's defaults must not change this chain.
  const { version, hash } = checked.contract;
  const contract = { version, hash: text(hash) };
  const complete = { ...genesis, parameters: checked.parameters, contract };
  const files = [
    { path: at("genesis.json"), text: json(complete) },
    { path: at("membership.json"), text: json(membershipOf(checked, plans)) },
    ...plans.map((plan) => ({ path: plan.config, text: configOf(options, plan, plans) })),
    ...(options.cometbft !== undefined ? cometbftFiles(options, checked, plans) : []),
  ];
  if (!options.dryRun) {
    for (const { path, text, secret } of files) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text, { flag: "wx", mode: secret === true ? 0o600 : 0o644 });
    }
    for (const store of stores) makeStore(store);
  }
  return { files, configs };
}

/** CometBFT's homes, each in its member's folder. */
function cometbftFiles(
  { dryRun }: InitOptions,
  genesis: Genesis,
  plans: readonly MemberPlan[],
): NewFile[] {
  const { chain, time } = genesis;
  const hash = Buffer.from(genesisHash(genesis)).toString("hex");
  const beginning = { genesis: hash, height: 0 };
  const voters = genesis.members.filter(({ voting }) => voting);
  const ofChain = chainGenesis(voters, { chain, time, beginning });
  const members = plans.map(({ id, key, linkPort, rpcPort = 0 }) => ({
    id,
    seed: dryRun && !existsSync(key) ? generateKey().seed : readKeyFile(key).seed,
    nodeSeed: generateKey().seed,
    p2p: { host: "127.0.0.1", port: linkPort },
    rpcPort,
  }));
  return plans.flatMap(({ config }, i) => {
    const member = members[i];
    assert(member !== undefined, "each plan is a member");
    const others = members.filter((other) => other !== member);
    const peers = others.map(({ nodeSeed, p2p }) => peerAt(nodeIdOf(nodeSeed), p2p));
    return homeOf(member, { genesis: ofChain, peers }).map(({ path, ...file }) => ({
      ...file,
      path: join(dirname(config), "cometbft", path),
    }));
  });
}

function genesisOf(
  options: InitOptions,
  plans: readonly MemberPlan[],
  admitted: Requests["written"],
) {
  const { home, site, currency, timeZone, time, operators, dryRun, creditLine } = options;
  const keys = dryRun ? keysWithoutAFile : keysWithAFile;
  const onlookers = operators.map((id): OwnerInput => {
    const { key, boxKey } = keys(join(home, `${id}.key`));
    return { id, party: "operator", name: "Operator", key: text(key), boxKey: text(boxKey) };
  });
  const members = plans.map((plan) => ({
    id: plan.id,
    key: text(keys(plan.key).key),
    voting: true,
    role: "company",
    ...(plans.length === 1 ? {} : { address: `127.0.0.1:${plan.linkPort}` }),
    // A port that is free at each start is nowhere to be found.
    ...(plan.brokerPort === 0 ? {} : { broker: brokerOf(plan) }),
  }));
  return {
    chain: site,
    site,
    currency,
    time,
    members,
    owners: [...admitted.owners, ...onlookers],
    devices: admitted.devices,
    // A new site's: those of chains that run change by vote.
    parameters: {
      timeZone,
      imbalanceGrowthPermille: 100,
      provisionalMinutes: 2 * 24 * 60,
      ...(creditLine === undefined
        ? {}
        : { credit: { line: creditLine, tolerancePermille: usualTolerancePermille } }),
    },
  };
}

function keysWithAFile(path: string) {
  mkdirSync(dirname(path), { recursive: true });
  return publicKeysOf(openKeyFile(path));
}

/** Those of the file where there is one, else some that nobody keeps. */
function keysWithoutAFile(path: string) {
  const fresh = () => ({ seed: generateKey().seed, box: generateKey().seed });
  return publicKeysOf(existsSync(path) ? readKeyFile(path) : fresh());
}

function membershipOf({ chain, site, members }: Genesis, plans: readonly MemberPlan[]) {
  return {
    chain,
    site,
    members: members.map(({ id, key, voting }) => ({ id, key: text(key), voting })),
    brokers: plans.map(brokerOf),
  };
}

const brokerOf = ({ brokerPort }: MemberPlan) => `mqtt://127.0.0.1:${brokerPort}`;

const text = (key: Uint8Array): string => Buffer.from(key).toString("base64url");
const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
