import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument, stringify } from "yaml";
import { chain, testGenesis } from "../../aggregator/ledger/test-site.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { finish, programs } from "../support/virtual-site.ts";

/** Members that `init` makes. */
export const foundersCount = 4;

/** Where a member listens. */
export type Place = {
  readonly broker: number;
  readonly portal: number;
  readonly link: number;
  /** Of CometBFT, where it orders. */
  readonly rpc: number;
};

/** By number of the member; `init` puts the founders' ports of one kind in a row. */
export function placeOf(portBase: number, index: number): Place {
  if (index < foundersCount) {
    const first = portBase + index;
    const [portal, link, rpc] = [1, 2, 3].map((kind) => first + kind * foundersCount);
    return { broker: first, portal: portal ?? 0, link: link ?? 0, rpc: rpc ?? 0 };
  }
  const first = portBase + 4 * index;
  return { broker: first, portal: first + 1, link: first + 2, rpc: first + 3 };
}

export function idOf(index: number): string {
  return `member-${index + 1}`;
}

/** The test site's owners and units, as `busbar-edge enrol` would ask for them: their files. */
export function writeRequests(
  home: string,
  { owners, devices }: Pick<ReturnType<typeof testGenesis>, "owners" | "devices"> = testGenesis(),
): string[] {
  return owners.map((owner, i) => {
    const file = join(home, `${owner.id}.json`);
    const base64url = (_: string, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("base64url") : value;
    writeFileSync(file, JSON.stringify({ owner, device: devices[i] }, base64url));
    return file;
  });
}

/** Wires between the founders, by "from to", and their configurations changed to dial through them. */
export async function layWires(home: string, portBase: number): Promise<Map<string, LinkProxy>> {
  const wires = new Map<string, LinkProxy>();
  const all = Array.from({ length: foundersCount }, (_, index) => index);
  for (const from of all) {
    const peers: object[] = [];
    for (const to of all) {
      if (from === to) continue;
      const wire = await LinkProxy.open(placeOf(portBase, to).link);
      wires.set(`${from} ${to}`, wire);
      peers.push({ id: idOf(to), address: `127.0.0.1:${wire.port}` });
    }
    setIn(join(home, idOf(from), "aggregator.yaml"), ["consensus", "peers"], peers);
  }
  return wires;
}

/** Says something else in a member's configuration. */
export function setIn(file: string, path: readonly string[], value: unknown): void {
  const config = parseDocument(readFileSync(file, "utf8"));
  config.setIn(path, value);
  writeFileSync(file, config.toString());
}

/** Prepares a member that comes later where CometBFT orders: the others' RPC tells it of the chain. */
export async function joinCometbft(
  home: string,
  newcomer: {
    readonly index: number;
    readonly place: Place;
    readonly rpc: readonly string[];
    readonly stateSync: boolean;
  },
): Promise<void> {
  const { index, place, rpc, stateSync } = newcomer;
  const id = idOf(index);
  const { broker, portal, link, rpc: rpcPort } = place;
  await finish(programs.aggregator, [
    ...["join", "--genesis", join(home, "genesis.json"), "--member", id, "--home", join(home, id)],
    ...["--engine", "cometbft", "--rpc", ...rpc, ...(stateSync ? ["--state-sync"] : [])],
    ...["--broker-port", broker, "--portal-port", portal].map(String),
    ...["--link-port", link, "--rpc-port", rpcPort].map(String),
  ]);
}

/** The configuration of a member that comes later. */
export function laterConfig(portBase: number, index: number, others: readonly number[]): string {
  const { broker, portal, link } = placeOf(portBase, index);
  const peers = others.map((other) => {
    return { id: idOf(other), address: `127.0.0.1:${placeOf(portBase, other).link}` };
  });
  return stringify({
    site: chain,
    member: idOf(index),
    genesis: "../genesis.json",
    engine: "pbft",
    consensus: { listen: { host: "127.0.0.1", port: link }, peers },
    broker: { port: broker },
    portal: { port: portal },
    notices: { send: false },
  });
}
