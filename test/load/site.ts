import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keyId, type Signer } from "@busbar/protocol";
import { privateKeyFromSeed, publicKeyFromSeed, sign } from "@busbar/protocol/node";
import { init } from "../../aggregator/commands/init.ts";
import { openLedger } from "../../aggregator/commands/ledger.ts";
import { loadConfig } from "../../aggregator/config/load.ts";
import { meterStates } from "../../aggregator/ledger/rules/meter-state.ts";
import { sha256 } from "../../edge/journal/hash.ts";
import { freePortBase } from "../support/virtual-site.ts";
import type { UnitIdentity } from "./unit.ts";

export const chain = "load";

/** Meters of one owner: a house with its sun and its car. */
const metersPerOwner = 4;

/** A site as `busbar-aggregator init` makes it, with as many units in its genesis as are to come. */
export type LoadSite = {
  readonly home: string;
  readonly membership: string;
  readonly configs: readonly string[];
  readonly brokers: readonly string[];
  readonly portals: readonly string[];
};

/** Where a meter's chain of readings stands on the ledger. */
export type Tip = { readonly next: number; readonly head: string };

/** One meter behind one unit. Its key is the same in every process, and protects nothing. */
export function unitOf(index: number): UnitIdentity {
  const device = `unit-${index}`;
  return { device, meter: `meter-${index}`, signer: signerOf(device) };
}

export async function makeSite(options: {
  readonly meters: number;
  readonly members: number;
}): Promise<LoadSite> {
  const home = mkdtempSync(join(tmpdir(), "busbar-load-"));
  const base = await freePortBase();
  const ports = { linkPort: base, brokerPort: base + 8, portalPort: base + 16 };
  const { configs } = init({
    home,
    site: chain,
    ...ports,
    members: options.members,
    member: undefined,
    clock: undefined,
    currency: "EUR",
    timeZone: "UTC0",
    time: Date.now(),
    operators: [],
    admit: [],
    dryRun: false,
  });
  addUnits(join(home, "genesis.json"), options.meters);
  // A unit has one connection, and one that ended may not be noticed yet when the next one comes.
  const connections = Math.ceil((options.meters / options.members) * 1.2) + 100;
  for (const config of configs) {
    const text = readFileSync(config, "utf8");
    writeFileSync(config, text.replace("broker:\n", `broker:\n  connections: ${connections}\n`));
  }
  const each = (first: number, scheme: string) =>
    configs.map((_, i) => `${scheme}://127.0.0.1:${first + i}`);
  return {
    home,
    membership: join(home, "membership.json"),
    configs,
    brokers: each(ports.brokerPort, "mqtt"),
    portals: each(ports.portalPort, "http"),
  };
}

/** Where each meter's chain stands in a member's ledger, which is read from its file. */
export function tipsOf(config: string): {
  readonly height: number;
  readonly tips: Map<string, Tip>;
} {
  const { store } = openLedger(loadConfig(config), { snapshot: true });
  try {
    const tips = new Map<string, Tip>();
    for (const [meter, { next, head }] of meterStates.scan(store.state)) {
      tips.set(meter, { next, head: Buffer.from(head).toString("hex") });
    }
    return { height: store.height, tips };
  } finally {
    store.close();
  }
}

/** Puts owners and units into a genesis that nobody has read yet. */
function addUnits(file: string, meters: number): void {
  const genesis = JSON.parse(readFileSync(file, "utf8"));
  const owners = Array.from({ length: Math.ceil(meters / metersPerOwner) }, (_, i) => {
    const id = `owner-${i}`;
    const key = text(signerOf(id).publicKey);
    const party = i === 0 ? "bureau" : "user";
    return { id, party, name: `Owner ${i}`, key, boxKey: key };
  });
  const devices = Array.from({ length: meters }, (_, i) => {
    const { device, meter, signer } = unitOf(i);
    return {
      id: device,
      owner: `owner-${Math.floor(i / metersPerOwner)}`,
      key: text(signer.publicKey),
      meters: [{ id: meter, role: "connection", feeder: `feeder-${i % 50}` }],
    };
  });
  genesis.owners.push(...owners);
  genesis.devices.push(...devices);
  writeFileSync(file, JSON.stringify(genesis));
}

function signerOf(id: string): Signer {
  const seed = sha256(Buffer.from(`load: the key of ${id}`));
  const key = privateKeyFromSeed(seed);
  const publicKey = publicKeyFromSeed(seed);
  return { kid: keyId(publicKey), publicKey, sign: (message) => sign(message, key) };
}

const text = (key: Uint8Array): string => Buffer.from(key).toString("base64url");
